#!/usr/bin/env bash
# What is said when something fails: what, on what, why, and what to do. Where FsShell has a
# sentence it is FsShell's.
. "$(dirname "$0")/../lib/e2e.sh" || exit 1
need jq
up --no-agents
says() { # TEXT COMMAND...: exactly this on standard error, nothing on standard output
        local text=$1 got
        shift
        got=$("$@" 2>&1 >"$work/stdout")
        [ "$got" = "$text" ] || fail "'$got' instead of '$text' from: $*"
        [ ! -s "$work/stdout" ] || fail "standard output of: $*: $(cat "$work/stdout")"
}
echo x >"$work/f"
"$bdfs" mkdir -p /e/d/x && "$bdfs" put "$work/f" /e/f || fail "setup"
uri=$("$bdfs" df --json | jq -r '.[0].filesystem')

says "ls: \`/p': No such file or directory" "$bdfs" ls /p
says "ls: \`/p*': No such file or directory" "$bdfs" ls '/p*'
says "cat: \`none': No such file or directory" "$bdfs" cat none
says "cat: \`/e/d': Is a directory" "$bdfs" cat /e/d
says "cat: \`/e/f/x': No such file or directory" "$bdfs" cat /e/f/x
says "put: \`/e/f': File exists
  -f overwrites a file" "$bdfs" put "$work/f" /e/f
says "put: \`$work/none': No such file or directory" "$bdfs" put "$work/none" /e
says "put: \`/no/x': No such file or directory: \`$uri/no/x'" "$bdfs" put "$work/f" /no/x
says "put: \`/e/f': Is not a directory" "$bdfs" put "$work/f" "$work/f" /e/f
says "get: \`$work/f': File exists
  -f overwrites a file" "$bdfs" get /e/f "$work/f"
says "get: \`$work/no/f': No such file or directory: \`file://$work/no/f'" "$bdfs" get /e/f "$work/no/f"
says "mkdir: \`/e/d': File exists" "$bdfs" mkdir /e/d
says "mkdir: \`$uri/no': No such file or directory
  -p makes the directories above it too" "$bdfs" mkdir /no/x
says "mkdir: \`/e/f': Is not a directory" "$bdfs" mkdir -p /e/f
says "rm: \`/e/d': Is a directory
  -r removes directories with all in them" "$bdfs" rm /e/d
says "rm: \`/e/none': No such file or directory" "$bdfs" rm /e/none
says "rmdir: \`/e/d': Directory is not empty" "$bdfs" rmdir /e/d
says "rmdir: \`/e/f': Is not a directory" "$bdfs" rmdir /e/f
says "mv: \`/e/d/x': File exists" sh -c "'$bdfs' mkdir /e/x && '$bdfs' mv /e/x /e/d"
says "mv: \`/e/d' to \`/e/d/x/d': is a subdirectory of itself" "$bdfs" mv /e/d /e/d/x
says "cp: \`/e/d' to \`/e/d/x/d': is a subdirectory of itself" "$bdfs" cp /e/d /e/d/x
says "cp: \`/e/none': No such file or directory" "$bdfs" cp /e/none /e/y
says "touchz: \`/e/f': Not a zero-length file" "$bdfs" touchz /e/f
says "truncate: Cannot truncate to a larger file size. Current size: 2, truncate size: 100." "$bdfs" truncate 100 /e/f
says "checksum: \`/e/d': Is a directory" "$bdfs" checksum /e/d
says "append: \`/e/d': Is a directory" "$bdfs" append "$work/f" /e/d
home="  relative paths begin in your home directory, which is missing: bdfs mkdir -p /user/$(id -un)"
says "ls: \`.': No such file or directory
$home" "$bdfs" ls
says "du: \`.': No such file or directory
$home" "$bdfs" du
says "find: \`.': No such file or directory
$home" "$bdfs" find
expect 2 '^bdfs: --timeout soon: .*wrong value' "$bdfs" --timeout soon ls /
expect 2 'is no name of a user' "$bdfs" --user '' ls /
expect 2 'no name of a user' "$bdfs" --user a/b ls /
expect 3 '^ls: configuration: open /none/such: No such file' "$bdfs" --conf /none/such ls /
expect 2 '^bdfs cluster: --bogus: unknown option' "$bdfs" cluster up --bogus
says "bdfs-mount: --bogus: unknown option, or one without its value
  bdfs mount --help says what there is" "$bdfs" mount --bogus
says "bdfs-mount: $work/none: No such file or directory" "$bdfs" mount "$work/none"
expect 2 'Illegal file pattern' "$bdfs" ls '/e/[x'
expect 2 'Illegal option -Z.*|usage: bdfs ls' "$bdfs" ls -Z
expect 2 'no such verb' "$bdfs" lss /
expect 2 'BDFS_CONF' env -u BDFS_CONF HOME=/nonexistent "$bdfs" ls /
expect 2 'hdfs://host:port' "$bdfs" --uri 'hdfs://:x' ls /
expect 2 'only bdfs:// and hdfs:// are known' "$bdfs" ls s3://bucket/x
# a path that cannot be: too long, a name that is taken
long=$(printf 'n%.0s' $(seq 256))
"$bdfs" mkdir "/e/$long" 2>"$work/long" && fail "a name of 256 bytes"
grep -q 'limit=255' "$work/long" || fail "a name of 256 bytes: $(cat "$work/long")"
name=${long:0:255}
"$bdfs" put "$work/f" "/e/$name" && "$bdfs" cat "/e/$name" >/dev/null || fail "a name of 255 bytes"
# nothing that a terminal would obey comes out of names
got=$("$bdfs" ls "$(printf '/e/\033\\[31mred')" 2>&1)
[ "$got" = "ls: \`/e/?[31mred': No such file or directory" ] || fail "an escape sequence: $got"

# a command that fails under way removes what it began
"$bdfs" mkdir /e/w || fail "mkdir"
(sleep 0.3; echo y) | "$bdfs" put - /e/w/ok || fail "put -"
expect 4 'File exists' "$bdfs" put - /e/w/ok </dev/null
[ "$("$bdfs" ls -C /e/w)" = /e/w/ok ] || fail "left: $("$bdfs" ls -C /e/w)"

# permission: who, what, where
if [ "$(id -u)" -eq 0 ]; then
        expect 5 'Permission denied: user=nobody, access=WRITE, inode="/e"' "$bdfs" --user nobody mkdir /e/y
        expect 5 'changing permissions of' "$bdfs" --user nobody chmod 777 /e/f
fi

# nobody there: which address, and what to do
address=127.0.0.1:$(port namenode 0 tls)
"$bdfs" cluster down --dir "$cluster" || fail down
expect 6 "cannot reach 127.0.0.1 port ${address#*:}" "$bdfs" --timeout 5 ls /
expect 6 'bdfs doctor' "$bdfs" --timeout 5 ls /
expect 6 'bdfs cluster up' "$bdfs" doctor
# what listens there is not a namenode
mkfifo "$work/fifo"
python3 -c '
import socket, sys
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(8)
print(s.getsockname()[1], flush=True)
while True:
    c, _ = s.accept(); c.recv(100); c.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"); c.close()
' >"$work/fifo" &
at_exit "kill $! 2>/dev/null"
read -r web <"$work/fifo" || skip "python3 is not installed"
"$bdfs" --timeout 5 --uri "hdfs://127.0.0.1:$web" ls / 2>/dev/null && fail "a web server was taken for a namenode"
"$bdfs" --timeout 5 --uri "hdfs://127.0.0.1:$web" doctor >"$work/doctor"
grep -q 'RPC port' "$work/doctor" || fail "doctor at a web server: $(cat "$work/doctor")"
