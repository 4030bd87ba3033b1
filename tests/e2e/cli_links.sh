#!/usr/bin/env bash
# Symbolic links, made through the mount, followed by the CLI: in reading, writing and renaming below
# them; rm takes the link and not what it leads to.
. "$(dirname "$0")/../lib/e2e.sh" || exit 1
[ -c /dev/fuse ] || skip "there is no /dev/fuse"
[ "$(id -u)" -eq 0 ] || skip "not root: mounting may not be allowed"
need fusermount3
up --no-agents
m=$work/mnt
mkdir "$m"
echo hello >"$work/f"
"$bdfs" mkdir -p /l/d && "$bdfs" put "$work/f" /l/f || fail setup
timeout 60 "$bdfs" mount --timeout 10 --log "$work/mount.log" "$m" || fail "mount: $(cat "$work/mount.log")"
at_exit "umount -l '$m' 2>/dev/null"
ln -s d "$m/l/todir" && ln -s f "$m/l/tofile" && ln -s none "$m/l/dangling" &&
        ln -s l2 "$m/l/l1" && ln -s l1 "$m/l/l2" || fail "ln -s"
timeout 60 "$bdfs" umount "$m" || fail umount

"$bdfs" ls /l | grep -q '^lrwxrwxrwx .* /l/todir -> d$' || fail "ls: $("$bdfs" ls /l)"
[ "$("$bdfs" cat /l/tofile)" = hello ] || fail "cat a link"
"$bdfs" put "$work/f" /l/todir/ && [ "$("$bdfs" cat /l/todir/f)" = hello ] || fail "put below a link"
[ "$("$bdfs" ls -C /l/todir)" = /l/todir/f ] || fail "ls below a link"
"$bdfs" append "$work/f" /l/tofile && [ "$("$bdfs" cat /l/f | wc -l)" -eq 2 ] || fail "append to a link"
"$bdfs" mv /l/todir/f /l/todir/g && [ "$("$bdfs" cat /l/d/g)" = hello ] || fail "mv below a link"
"$bdfs" chmod 600 /l/tofile && [ "$("$bdfs" stat %a /l/f)" = 600 ] || fail "chmod of a link"
[ "$("$bdfs" find /l -name l1)" = /l/l1 ] || fail find
expect 3 'No such file' "$bdfs" cat /l/dangling
expect 1 'symbolic links' "$bdfs" cat /l/l1
"$bdfs" rm /l/todir /l/tofile /l/dangling /l/l1 /l/l2 >/dev/null || fail "rm of links"
[ "$("$bdfs" ls -C -R /l)" = "/l/d
/l/d/g
/l/f" ] || fail "left: $("$bdfs" ls -C -R /l)"

# a local link stays, and what it leads to is written: /dev/stdout is one, and it leads to a file here
echo before >"$work/target" && ln -s target "$work/link" && ln -s /proc/self/fd/1 "$work/stdout" || fail "local links"
"$bdfs" get -f /l/d/g "$work/link" && [ -L "$work/link" ] && [ "$(cat "$work/target")" = hello ] ||
        fail "get -f through a local link"
"$bdfs" get -f /l/d/g "$work/stdout" >"$work/out" && [ -L "$work/stdout" ] && [ "$(cat "$work/out")" = hello ] ||
        fail "get -f to standard output by name"
