#!/usr/bin/env bash
# A cluster's directory as an older commit left it (tests/fixtures/make_old_cluster.sh made it and says
# what is in it) is started, compared with what was put in then, used, and compared again after a
# restart: stopped in order and killed; with its tables as they are, and with tables that are rebuilt.
. "$(dirname "$0")/../lib/e2e.sh" || exit 1
need jq
need xz
fixtures=$root/tests/fixtures
lines() { (seq -f "line %.0f of $1" 1 100000000 || :) 2>/dev/null | head -c "$2"; }
plain() { printf '%b.' "${1//%/\\x}"; } # what the manifest writes as $1, and a dot
sum() { sha256sum | cut -d' ' -f1; }

# manifest KINDS: its lines of these kinds, but for names that were changed since
changed=()
manifest() {
        local kind path rest name
        while read -r kind path rest; do
                for name in ${changed[@]+"${changed[@]}"}; do
                        # shellcheck disable=SC2053
                        [[ $path != $name ]] || continue 2
                done
                [[ " $1 " != *" $kind "* ]] || echo "$kind $path $rest"
        done <"$fixtures/old_cluster_manifest"
}
attributes() { # as `bdfs stat '%F %b %a %u %g %Y %X %r'` prints them, * where nothing was said
        local kind path length digest mode owner group mtime atime copies
        while read -r kind path length digest mode owner group mtime atime copies; do
                [ "$kind" = directory ] || kind='regular file'
                [ "$mtime" != - ] || mtime='*'
                [ "$atime" != - ] && [ "$read_already" = no ] || atime='*'
                echo "$kind $length $mode $owner $group $mtime $atime $copies"
        done
}
compare() {
        local kind path length digest mode owner group mtime atime copies name got want
        manifest 'file directory' >"$work/rows"
        while read -r kind path _; do
                name=$(plain "$path") && printf '%s\0' "${name%.}"
        done <"$work/rows" >"$work/names"
        xargs -0 "$bdfs" stat '%F %b %a %u %g %Y %X %r' <"$work/names" >"$work/got" || fail stat
        attributes <"$work/rows" >"$work/want"
        read_already=yes
        [ "$(wc -l <"$work/got")" -eq "$(wc -l <"$work/want")" ] || fail "lines of stat"
        while IFS=$'\t' read -r want got path; do
                # shellcheck disable=SC2053
                [[ $got == $want ]] || fail "$path is '$got' instead of '$want'"
        done < <(paste "$work/want" "$work/got" <(cut -d' ' -f2 "$work/rows"))
        while read -r kind path length digest _; do
                [ "$kind" = file ] || continue
                name=$(plain "$path")
                [ "$("$bdfs" cat "${name%.}" | sum)" = "$digest" ] || fail "the bytes of $path"
        done <"$work/rows"
        "$bdfs" --json ls /links | jq -r '.[] | "symlink \(.path) \(.target | utf8bytelength) \(.target
                ) - \(.owner) \(.group) \(.modified_ms) - -"' | sort >"$work/got"
        manifest symlink | sort | diff - "$work/got" || fail "the links"
}
# As many names as were made (a symbolic link counts as a file), and no other.
count_is() { [ "$("$bdfs" count / | awk '{print $1, $2}')" = "$1 $2" ]; }
names() { manifest "$1" | wc -l; }

# The writers are gone: their files can be closed with all that an fsync or a reader was told.
recover() {
        local kind path length digest mode owner group n
        while read -r kind path _; do closed "$path"; done < <(manifest open) # all at a time
        while read -r kind path length digest mode owner group _; do
                within 60 closed "$path"
                n=$("$bdfs" stat %b "$path")
                [ "$n" -ge "$length" ] || fail "$path has $n bytes: $length were acknowledged"
                [ "$("$bdfs" cat "$path" | head -c "$length" | sum)" = "$digest" ] || fail "the bytes of $path"
                [ "$("$bdfs" stat '%a %u %g' "$path")" = "$mode $owner $group" ] || fail "rights of $path"
        done < <(manifest open)
}
unacknowledged() { # what was not acknowledged is cut or as it was written
        local n
        n=$("$bdfs" stat %b /open/synced)
        "$bdfs" cat /open/synced | cmp - <(lines 42 800000 | head -c "$n") || fail "the end of /open/synced"
}
closed() { [ "$("$build/tests/ask" "$BDFS_CONF" recover "$1")" = closed ]; }

use() {
        mkdir "$work/mine" && cd "$work/mine" || fail mkdir
        lines 1 3145745 >blocks && truncate -s 2000001 blocks && lines 60 100000 >more && cat more >>blocks
        "$bdfs" truncate -w 2000001 /files/blocks && "$bdfs" append more /files/blocks || fail "append"
        "$bdfs" cat /holed/ends >ends && cat more >>ends && "$bdfs" append more /holed/ends || fail "append"
        "$bdfs" cat /open/synced >synced && cat more >>synced && "$bdfs" append more /open/synced ||
                fail "append to what was recovered"
        cp more new && "$bdfs" put more /files/new || fail put
        "$bdfs" rm -r /many /holed/begins /links/good && "$bdfs" rm /moved/to/d || fail rm
        "$bdfs" mv /moved/renamed /moved/again && lines 20 5000 >again || fail mv
        "$bdfs" chmod 600 /files/65536 && "$bdfs" setrep -w 3 /files/noise || fail "chmod, setrep"
        changed=(/files /files/blocks /files/65536 /files/noise /holed /holed/begins /holed/ends '/many*'
                /links /links/good /moved /moved/renamed /moved/to /moved/to/d)
        mine
        cd "$work" || fail cd
}
mine() { # what is different since
        local file
        for file in files/blocks holed/ends open/synced files/new moved/again; do
                "$bdfs" cat "/$file" | cmp - "$work/mine/${file#*/}" || fail "the bytes of /$file"
        done
        for file in /many /holed/begins /links/good /moved/to/d /moved/renamed; do
                expect 1 '' "$bdfs" test -e "$file"
        done
        [ "$("$bdfs" stat '%a' /files/65536) $("$bdfs" stat %r /files/noise)" = "600 3" ] || fail "attributes"
}
healthy() { "$bdfs" fsck / | grep -q HEALTHY; }
down() {
        "$bdfs" cluster down --dir "$cluster" || fail down
        "$build/tests/check_namespace" "$cluster/namenode-0/data" || fail "the tree is not well formed"
}

# try KIND TRUST LOG: the fixture of this kind, its tables trusted or not; what the namenode must log
try() {
        local tables
        read_already=no
        echo "--- $1, tables $2"
        rm -rf "$cluster" "$work/mine"
        changed=()
        tar -C "$work" --no-same-owner -xJf "$fixtures/old_cluster_$1.tar.xz" || fail "unpack"
        for tables in "$cluster"/namenode-0/data/{tables,replicas}; do
                rm -f "$tables/clean"
                case $2 in
                cleanly) : >"$tables/clean"; echo 00000000-0000-0000-0000-000000000000 ;;
                trusted) cat /proc/sys/kernel/random/boot_id ;;
                rebuilt) echo 00000000-0000-0000-0000-000000000000 ;;
                esac | head -c 36 >"$tables/boot"
        done
        "$bdfs" cluster up --dir "$cluster" || fail "cluster up"
        export BDFS_CONF=$cluster/client.conf
        grep -qE "$3" "$cluster/namenode-0/log" || fail "no '$3' in the namenode's log"
        compare
        within 60 count_is $(($(names directory) + 1)) "$(names 'file open symlink')"
        recover
        unacknowledged
        within 60 healthy
        use
        within 60 healthy
        down
        "$bdfs" cluster up --dir "$cluster" || fail "up again"
        compare
        recover
        mine
        down
}
try clean cleanly 'ready'
grep -q 'replayed\|restored' "$cluster/namenode-0/log" && fail "tables were not taken as they were"
try clean rebuilt 'checkpoint restored'
try killed trusted 'ready'
grep -q 'checkpoint restored' "$cluster/namenode-0/log" && fail "tables were not taken as they were"
try killed rebuilt 'checkpoint restored'

# And the other way round: what a newer program left is refused by name, and stays as it is.
refused() { # refused FILE SED LOG-OR-EMPTY TEXT
        cp "$1" "$work/kept" && sed -i "$2" "$1" && cp "$1" "$work/newer" && : >"${3:-$work/none}"
        got=$("$bdfs" cluster up --dir "$cluster" 2>&1) && fail "$1 is of a newer program: it started"
        got+=$(cat "${3:-/dev/null}")
        [[ $got == *"$4"* ]] || fail "no '$4' in: $got"
        same "$1" "$work/newer"
        "$bdfs" cluster down --dir "$cluster" >/dev/null 2>&1
        cp "$work/kept" "$1"
}
refused "$cluster/cluster.json" 's/"version": 1/"version": 2/' '' \
        'cluster.json has version 2; this program knows up to 1: use a newer bdfs'
refused "$cluster/datanode-1/data/VERSION" s/layout=1/layout=2/ "$cluster/datanode-1/log" \
        'has layout 2; this program knows up to 1: use a newer bdfs-datanode'
"$bdfs" cluster up --dir "$cluster" || fail "up after all"
mine
echo "an older cluster: loaded, used, restarted"
