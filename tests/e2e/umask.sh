#!/usr/bin/env bash
# The umask of new files and directories is what was asked for, whatever it is: by -D for the verbs,
# the process's for the mount and for local files.
source "$(dirname "$0")/../lib/e2e.sh"

up --datanodes 1 --no-agents
printf 'text\n' >"$work/f"
mkdir -p "$work/tree/sub" && cp "$work/f" "$work/tree/sub/f"
# mode PATH: as octal digits
mode() { "$bdfs" stat '%a' "$1" || fail "stat $1"; }
n=0
for row in 022:644:755 0022:644:755 000:666:777 077:600:700 027:640:750 0666:0:111 0777:0:0 777:0:0 0111:666:666 \
        u=rwx,g=rx,o=:640:750 u=rwx,go=:600:700 a=:0:0 a=rwx:666:777 u=rx:400:500; do
        IFS=: read -r mask file directory <<<"$row"
        n=$((n + 1))
        set -- "$bdfs" -D "fs.permissions.umask-mode=$mask"
        "$@" mkdir "/d$n" && "$@" touchz "/z$n" && "$@" touch "/t$n" && "$@" put "$work/f" "/p$n" &&
                "$@" put -d "$work/f" "/pd$n" && "$@" put "$work/tree" "/tree$n" && "$@" cp "/p$n" "/c$n" &&
                "$@" append "$work/f" "/a$n" && "$@" put -f "$work/f" "/p$n" || fail "umask $mask"
        for name in z t p pd c a; do
                got=$(mode "/$name$n")
                [ "$got" = $file ] || fail "umask $mask: /$name has mode $got instead of $file"
        done
        [ "$(mode "/tree$n/sub/f")" = $file ] || fail "umask $mask: a file of a tree"
        for name in "d$n" "tree$n" "tree$n/sub"; do
                got=$(mode "/$name")
                [ "$got" = $directory ] || fail "umask $mask: /$name has mode $got instead of $directory"
        done
        expect 0 '^text$' "$bdfs" cat "/p$n"
done
for mask in 22 8 1777 u=rwX o=t '' rwx; do
        expect 2 'fs.permissions.umask-mode' "$bdfs" -D "fs.permissions.umask-mode=$mask" touchz /wrong
done
expect 1 '' "$bdfs" test -e /wrong

# local files, by many threads
for mask in 000 022 077 0666 0777; do
        (umask $mask && "$bdfs" get -f -t 8 /p1 /p2 /c1 /c2 /a1 /z1 /z2 /t1 "$work/tree") || fail "get under $mask"
        want=$(printf %o $((0666 & ~mask)))
        for name in p1 p2 c1 c2 a1 z1 z2 t1; do
                [ "$(stat -c %a "$work/tree/$name")" = "$want" ] || fail "get under $mask: $name has $(stat -c %a "$work/tree/$name")"
        done
done

[ -c /dev/fuse ] || { untried "the mount: no /dev/fuse"; exit 0; }
mkdir "$work/m"
at_exit "umount -l '$work/m' 2>/dev/null"
"$bdfs" mount "$work/m" || fail mount
for mask in 000 022 077 0666 0777; do
        (umask $mask && : >"$work/m/f$mask" && mkdir "$work/m/d$mask") || fail "mount under $mask"
        [ "$(stat -c %a "$work/m/f$mask")" = "$(printf %o $((0666 & ~mask)))" ] || fail "a file of the mount under $mask"
        [ "$(stat -c %a "$work/m/d$mask")" = "$(printf %o $((0777 & ~mask)))" ] || fail "a directory of the mount under $mask"
        within 10 "$bdfs" test -e "/f$mask"
        [ "$(mode "/f$mask")" = "$(printf %o $((0666 & ~mask)))" ] || fail "a file of the mount, as the verbs see it, under $mask"
done
