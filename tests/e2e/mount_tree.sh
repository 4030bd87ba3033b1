#!/usr/bin/env bash
# A real tree there and back: cp -a, diff -r, tar, the CLI; owners, modes and times included.
. "$(dirname "${BASH_SOURCE[0]}")/mount.sh" || exit 1
need tar
up --no-agents
mount_up

# facts DIR: everything that cp -a keeps, times to the millisecond that the cluster keeps.
facts() {
        (cd "$1" && find . -printf '%p|%y|%m|%U:%G|%Ts.%TS|%l|%s\n' |
                awk -F'|' '{split($5, t, "."); $5 = t[1] "." substr(t[3], 1, 3)
                           if ($2 != "f") $7 = ""; print}' | sort)
}

tree=$work/tree
mkdir -p "$tree/dir/empty" "$tree/modes"
for d in /usr/share/perl/5.*/unicore /etc; do # real names, NAMES of each
        [ -d "$d" ] && [ "$(du -sm "$d" | cut -f 1)" -lt 40 ] && mkdir -p "$tree/usr$d" &&
                (cd "$d" && find . -xdev | head -n "${NAMES:-150}" |
                        tar -cf - --no-recursion --no-xattrs -T - 2>/dev/null) |
                (cd "$tree/usr$d" && tar -xpf - 2>/dev/null)
done
find "$tree" ! -type f ! -type d ! -type l -delete
find "$tree" -type f -perm /6000 -exec chmod a-s {} +
find "$tree" -type d -perm /6000 -exec chmod a-s {} +
for mode in 000 400 444 755 777; do echo $mode >"$tree/modes/$mode"; chmod $mode "$tree/modes/$mode"; done
random_file "$tree/dir/large" 9000001
printf 'x' >"$tree/dir/name with
new line"
ln -s large "$tree/dir/link"; ln -s ../nowhere "$tree/dir/dangling"; ln -s "$tree" "$tree/dir/far"
chown -h 1234:4321 "$tree/dir/dangling"; chown daemon:bin "$tree/dir/large"; chown 1234 "$tree/dir/empty"
touch -h -d '1999-12-31 23:59:59.123' "$tree/dir/link"; touch -d '2010-01-01' "$tree/dir" "$tree/dir/empty"
echo "$(find "$tree" | wc -l) names, $(du -sm "$tree" | cut -f 1) MiB"

time timeout 500 cp -a "$tree" "$m/tree" || fail "cp -a there"
diff -r --no-dereference "$tree" "$m/tree" || fail "diff -r with the mount"
diff <(facts "$tree") <(facts "$m/tree") || fail "facts on the mount"
time timeout 500 cp -a "$m/tree" "$work/back" || fail "cp -a back"
diff -r --no-dereference "$tree" "$work/back" || fail "diff -r of what came back"
diff <(facts "$tree") <(facts "$work/back") || fail "facts of what came back"

# a part of it through tar
(cd "$tree" && tar -cf - usr/etc dir) | (mkdir "$m/t2" && cd "$m/t2" && tar -xpf -) || fail "tar"
diff -r --no-dereference "$tree/dir" "$m/t2/dir" || fail "diff of what tar made"

# the CLI, as FsShell, copies no links: it names each, and copies all the rest
rm -rf "$work/back"; mkdir "$work/back"
timeout 100 "$bdfs" get /t2 "$work/back" 2>"$work/refused"
[ $? -eq 9 ] || fail "get of a tree with links: $(cat "$work/refused")"
links=$(find "$m/t2" -type l -printf "get: \`/t2/%P': Operation not supported on symlinks\n")
diff <(sort "$work/refused") <(sort <<<"$links") || fail "what bdfs get said"
rm -r "$tree/modes" "$tree/usr/usr" # which tar left out
find "$tree" -type l -delete
diff -r "$tree" "$work/back/t2" || fail "diff of what the CLI got"
timeout 100 "$bdfs" put "$tree" /t3 || fail "bdfs put"
diff -r "$tree" "$m/t3" || fail "diff of what the CLI put"

rm -rf "$m/tree" "$m/t2" "$m/t3" || fail "rm -rf"
[ -z "$(ls -A "$m")" ] || fail "rm -rf left something"
mount_down
echo "mount: a tree there and back"
