#!/usr/bin/env bash
# Every exit code of the table (common/err.h, DESIGN section 3), each from more than one verb.
. "$(dirname "$0")/../lib/e2e.sh" || exit 1
need jq
up --no-agents --block-size 1M
b() { "$bdfs" "$@" >/dev/null || fail "setup: $*"; }
code() { # CODE COMMAND...
        local want=$1 got
        shift
        got=$("$@" 2>&1 >"$work/stdout")
        local rc=$?
        [ "$rc" -eq "$want" ] || fail "exit $rc instead of $want from: $*: $got"
        # who failed says why
        [ "$rc" -le 1 ] || [ -n "$got" ] || [ -s "$work/stdout" ] || fail "nothing was said by: $*"
}
f=$work/f
random_file "$f" 2500000
b mkdir -p /c/full /c/empty
b put "$f" /c/f
b put "$f" /c/full/f

# 0 ok
code 0 "$bdfs" ls /c
code 0 "$bdfs" test -e /c/f
code 0 "$bdfs" --version
# 1 general, and the answer of test
code 1 "$bdfs" test -e /c/none
code 1 "$bdfs" test -d /c/f
code 1 "$bdfs" cat /c
code 1 "$bdfs" rm /c/full
code 1 "$bdfs" rmdir /c/f
# 2 usage
code 2 "$bdfs"
code 2 "$bdfs" nosuchverb
code 2 "$bdfs" ls --nonsense /
code 2 "$bdfs" ls -Z /
code 2 "$bdfs" put
code 2 "$bdfs" chmod rwx /c/f
code 2 "$bdfs" setrep 0 /c/f
code 2 "$bdfs" truncate x /c/f
code 2 "$bdfs" find / -size 3
code 2 "$bdfs" cluster up --dir "$work/three" --namenodes 3
code 2 "$bdfs" --timeout soon ls /
code 2 env -u BDFS_CONF HOME=/nonexistent "$bdfs" ls /
code 2 "$bdfs" cat 'http://x/y'
code 2 "$bdfs" help nosuchverb
long=/c/$(printf 'n%.0s' $(seq 256)) # a second try would not help
code 2 "$bdfs" mkdir "$long"
code 2 "$bdfs" put "$f" "$long"
code 2 "$bdfs" touchz "$long"
code 2 "$bdfs" mv /c/f "$long"
# 3 not found
code 3 "$bdfs" ls /c/none
code 3 "$bdfs" ls '/c/none*'
code 3 "$bdfs" cat /c/none
code 3 "$bdfs" get /c/none "$work/none"
code 3 "$bdfs" put "$work/none" /c
code 3 "$bdfs" put "$f" /c/no/such/directory
code 3 "$bdfs" mkdir /c/no/such
code 3 "$bdfs" stat /c/none
code 3 "$bdfs" checksum /c/none
# 4 exists, or is not empty
code 4 "$bdfs" put "$f" /c/f
code 4 "$bdfs" get /c/f "$f"
code 4 "$bdfs" mkdir /c/full
code 4 "$bdfs" mv /c/f /c/full/f
code 4 "$bdfs" rmdir /c/full
code 4 "$bdfs" touchz /c/f
# 5 permission
if [ "$(id -u)" -eq 0 ]; then
        code 5 "$bdfs" --user nobody mkdir /c/x
        code 5 "$bdfs" --user nobody rm /c/f
        b chmod 700 /c/full
        code 5 "$bdfs" --user nobody ls /c/full
        code 5 "$bdfs" --user nobody cat /c/full/f
        code 5 "$bdfs" --user nobody chown nobody /c/f
else
        code 5 "$bdfs" --user root ls /c
        code 5 "$bdfs" --user nobody mkdir /c/x
fi
# 7 space: of a device that is full
[ -c /dev/full ] && code 7 sh -c "exec '$bdfs' cat /c/f >/dev/full"
[ -c /dev/full ] && code 7 "$bdfs" get -f /c/f /dev/full
# 9 partial success
code 9 "$bdfs" ls /c/f /c/none
code 9 "$bdfs" cat /c/f /c/none
code 9 "$bdfs" rm /c/full/f /c/none
code 9 "$bdfs" put "$f" "$work/none" /c/empty
code 9 "$bdfs" mkdir /c/new /c/empty
# one failure alone has its own code, however many it were
code 3 "$bdfs" ls /c/none /c/none2
# 8 corrupt: the same byte of every replica is another one
damaged=0
for replica in $(find "$cluster"/datanode-*/data -type f -size +900k); do
        printf 'XXXX' | dd of="$replica" bs=1 seek=500000 conv=notrunc status=none && damaged=$((damaged + 1))
done
[ "$damaged" -ge 3 ] || fail "no replicas were found to damage"
code 8 "$bdfs" cat /c/f
code 8 "$bdfs" get /c/f "$work/damaged"
[ ! -e "$work/damaged" ] || fail "a damaged file was given out"
# 124 timeout: a namenode that does not answer
kill -STOP "$(pid_of namenode 0)"
code 124 "$bdfs" --timeout 0.5 ls /c
code 124 "$bdfs" --timeout 0.5 test -e /c
kill -CONT "$(pid_of namenode 0)"
# 6 unavailable: safe mode, and nobody at the door
b admin safemode enter
code 6 "$bdfs" mkdir /c/y
b admin safemode leave
"$bdfs" cluster down --dir "$cluster" || fail "down"
code 6 "$bdfs" --timeout 5 ls /c
code 6 "$bdfs" --timeout 5 put "$f" /c/z
code 6 "$bdfs" --timeout 5 doctor
