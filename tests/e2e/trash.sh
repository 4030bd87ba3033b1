#!/usr/bin/env bash
# The trash: rm moves what it removes to /user/NAME/.Trash, as FsShell does; the namenode empties it;
# expunge and -skipTrash; properties that say so are honoured or refused by name.
source "$(dirname "$0")/../lib/e2e.sh"
me=$(id -un)
trash=/user/$me/.Trash
old=$(date -d '3 days ago' +%y%m%d)000000
young=$(date -d '1 hour ago' +%y%m%d%H%M%S)
b() { "$bdfs" "$@"; }
missing() { expect 1 '' "$bdfs" test -e "$1"; }

# ---- a new cluster keeps what is removed for six hours
up --datanodes 1 --no-agents
grep -q '^trash = 21600000ms$' "$cluster/namenode-0/conf" || fail "the trash of a new cluster"
b mkdir -p /d/e && printf 'one\n' >"$work/one" && printf 'two\n' >"$work/two" && b put "$work/one" /d/e/f || fail put
uri=$(b -D fs.trash.interval=60 rm /d/e/f 2>&1 >"$work/out" | sed -n "s|^Moved: '\(.*\)/d/e/f' to trash at: .*|\1|p")
[ -n "$uri" ] || fail "rm does not say where it moved it"
[ -s "$work/out" ] && fail "rm says on standard output: $(cat "$work/out")"
missing /d/e/f
[ "$(b cat "$trash/Current/d/e/f")" = one ] || fail "what is in the trash"
[ "$(b stat '%a' "$trash/Current/d/e")" = 700 ] || fail "the rights of the trash's directories"
[ "$(b stat '%a' /user)" = 755 ] || fail "a first rm closed /user to others"
# a name that is taken there gets the time behind it
b put "$work/two" /d/e/f
expect 0 "^Moved: '$uri/d/e/f' to trash at: $uri$trash/Current/d/e/f[0-9]{13}\$" "$bdfs" rm /d/e/f
[ "$(b cat "$trash/Current/d/e/f1*")" = two ] || fail "the second of a name"
# a file in the place of a directory too
b rm -skipTrash -r /d/e >/dev/null && b put "$work/one" /d/x && b rm /d/x 2>/dev/null && b mkdir /d/x &&
        b put "$work/two" /d/x/y && b mkdir /d/x/z || fail "prepare"
expect 0 "^Moved: '$uri/d/x/y' to trash at: $uri$trash/Current/d/x[0-9]{13}/y\$" "$bdfs" rm /d/x/y
[ "$(b cat "$trash/Current/d/x")" = one ] && [ "$(b cat "$trash/Current/d/x1*/y")" = two ] || fail "names in each other's way"
# directories with all in them, links, odd names
b mkdir -p '/d/a b/$x;"`' && b put "$work/one" '/d/a b/$x;"`/f' && b rm -r '/d/a b' 2>/dev/null || fail "odd names"
[ "$(b cat "$trash/Current/d/a b/\$x;\"\`/f")" = one ] || fail "odd names in the trash"
# -skipTrash deletes; so does rm in the trash; what contains it is refused
b put "$work/one" /d/g
expect 0 '^Deleted /d/g$' "$bdfs" rm -skipTrash /d/g
missing "$trash/Current/d/g"
b mkdir -p "/user/$me/.Trash2"
expect 0 "^Moved: " "$bdfs" rm -r "/user/$me/.Trash2"
expect 0 "^Deleted $trash/Current/d/x\$" "$bdfs" rm "$trash/Current/d/x"
for above in / /user "/user/$me"; do
        expect 2 "^rm: Cannot move \"$uri$above\" to the trash, as it contains the trash. Consider using -skipTrash option" \
                "$bdfs" rm -r "$above"
done
b test -d "$trash/Current" || fail "the trash is gone"

# ---- expunge
b mkdir "$trash/$old" "$trash/$young" "$trash/odd" && b put "$work/one" "$trash/$old/f" || fail "checkpoints"
b expunge 2>"$work/said" || fail "expunge: $(cat "$work/said")"
missing "$trash/$old"
missing "$trash/Current"
b test -d "$trash/$young" && b test -d "$trash/odd" || fail "expunge took what it should leave"
grep -q "^Deleted trash checkpoint: $trash/$old\$" "$work/said" || fail "expunge says: $(cat "$work/said")"
made=$(sed -n "s|^Created trash checkpoint: $trash/||p" "$work/said")
[[ $made =~ ^[0-9]{12}$ ]] && [ "$(b cat "$trash/$made/d/a b/\$x;\"\`/f")" = one ] || fail "the checkpoint '$made'"
b put "$work/one" /d/h && b rm /d/h 2>/dev/null
expect 0 'Created trash checkpoint' "$bdfs" dfs -expunge -immediate -fs "$uri"
[ "$(b ls -C "$trash")" = "$trash/odd" ] || fail "expunge -immediate leaves: $(b ls "$trash")"
expect 0 '' "$bdfs" expunge
expect 2 'Too many arguments' "$bdfs" expunge /d

# ---- properties
for p in "dfs.namenode.acls.enabled=true" "fs.trash.intervall=5" "dfs.ha.namenodes.x=a,b" "a=b"; do
        b put -f "$work/one" /d/p
        expect 2 "-D ${p%%=*}: bdfs does not know this property" "$bdfs" -D "$p" rm /d/p
        b test -e /d/p || fail "$p was refused, and rm done"
done
for p in fs.trash.interval=abc fs.trash.interval=-1 dfs.replication=0 dfs.blocksize=1 dfs.bytes-per-checksum=4096 \
        dfs.checksum.type=CRC32 dfs.checksum.combine.mode=x hadoop.rpc.protection=privacy fs.defaultFS= \
        hadoop.security.authentication=kerberos; do
        expect 2 "-D: ${p%%=*}=.*: (it takes|bdfs has only) " "$bdfs" -D "$p" ls /
done
expect 2 'NAME=VALUE is wanted' "$bdfs" -D fs.trash.interval ls /
for p in fs.trash.interval=0.5 dfs.bytes-per-checksum=512 dfs.checksum.type=crc32c io.file.buffer.size=4096 \
        mapreduce.job.name=x dfs.client.socket-timeout=1 dfs.replication=1; do
        expect 0 '' "$bdfs" "-D$p" ls /d
done

# ---- another user: no home, no trash; with one, a trash of her own that nobody else empties by hand
other=nobody
if [ "$(id -u)" -eq 0 ] && id $other >/dev/null 2>&1; then
        as_other() { b --user $other "$@"; }
        b mkdir /pub && b chmod 777 /pub && as_other put "$work/one" /pub/f || fail "a directory for all"
        expect 5 "^rm: Failed to move $uri/pub/f to trash $uri/user/$other/.Trash/Current/pub/f: .*Consider using -skipTrash option" \
                "$bdfs" --user $other rm /pub/f
        as_other test -e /pub/f || fail "a file that could not go to the trash is gone"
        b mkdir "/user/$other" && b chown $other "/user/$other" || fail "a home"
        expect 0 "to trash at: $uri/user/$other/.Trash/Current/pub/f\$" "$bdfs" --user $other rm /pub/f
        # what may not be deleted may not go to the trash
        b mkdir -p /pub/t/closed && b put "$work/one" /pub/t/closed/f && b chmod 700 /pub/t/closed && b chmod 777 /pub/t || fail "prepare"
        expect 5 'Permission denied' "$bdfs" --user $other rm -r /pub/t
        b test -e /pub/t/closed/f || fail "another's files went to the trash"
fi
"$bdfs" cluster down --dir "$cluster" >/dev/null && rm -rf "$cluster"

# ---- the namenode empties it: short times
up --datanodes 1 --no-agents --trash 2s
b mkdir -p /user/eve /user/mal /target/keep "/user/$me" && b put "$work/one" /target/keep/f && b put "$work/one" /g || fail "prepare"
if [ -c /dev/fuse ]; then # links that would lead it elsewhere
        mkdir "$work/m"
        at_exit "umount -l '$work/m' 2>/dev/null"
        b mount "$work/m" || fail mount
        mkdir -p "$work/m/target/$old" && echo x >"$work/m/target/$old/f" && ln -s /target "$work/m/user/eve/.Trash" &&
                ln -s /user/mal "$work/m/user/link" && mkdir -p "$work/m/user/mal/.Trash/odd" &&
                ln -s /target "$work/m/user/mal/.Trash/$old" && touch "$work/m/user/file" || fail links
        b umount "$work/m"
fi
b mkdir -p "$trash/keep me" && b rm /g 2>/dev/null || fail "rm"
within 20 sh -c "! '$bdfs' test -e '$trash/Current'"
within 20 sh -c "[ \"\$('$bdfs' ls -C '$trash')\" = '$trash/keep me' ]"
[ "$(b cat /target/keep/f)" = one ] || fail "the namenode followed a link"
if [ -d "$work/m" ]; then
        b cat "/target/$old/f" >/dev/null || fail "the namenode followed a link to a trash"
        within 20 sh -c "[ \"\$('$bdfs' ls -C /user/mal/.Trash)\" = /user/mal/.Trash/odd ]"
fi
# ... and goes on after a restart, and what it did is replayed
b put "$work/two" /h && b rm /h 2>/dev/null || fail "rm"
kill -9 "$(pid_of namenode 0)"
"$bdfs" cluster up --dir "$cluster" || fail "restart"
within 20 sh -c "[ \"\$('$bdfs' ls -C '$trash')\" = '$trash/keep me' ]"
"$bdfs" cluster down --dir "$cluster" >/dev/null

# ---- off: also what an older cluster has, whose settings say nothing
jq 'del(.trash_ms)' "$cluster/cluster.json" >"$work/json" && cp "$work/json" "$cluster/cluster.json"
"$bdfs" cluster up --dir "$cluster" || fail "an older cluster"
b put "$work/one" /i
expect 0 '^Deleted /i$' "$bdfs" rm /i
# ... where the caller may ask for one
b put "$work/one" /i
expect 0 "^Moved: '.*/i' to trash at: " "$bdfs" -D fs.trash.interval=60 rm /i
[ "$(b cat "$trash/Current/i")" = one ] || fail "-D fs.trash.interval"
expect 2 'trash is off or a duration' "$bdfs" cluster up --dir "$work/new" --trash forever
