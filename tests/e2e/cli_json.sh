#!/usr/bin/env bash
# --json of every command that reads: one JSON value, whatever the names and whatever fails.
. "$(dirname "$0")/../lib/e2e.sh" || exit 1
need jq
up --block-size 1M
random_file "$work/f" 2500000
"$bdfs" mkdir -p '/j/a b/"quoted"' /j/empty && "$bdfs" put "$work/f" /j/f &&
        printf 'x\n' | "$bdfs" put - '/j/a b/"quoted"/ta	b' || fail "setup"
"$bdfs" put "$work/f" "$(printf '/j/not\377utf8')" || fail "a name that is not UTF-8"

# json FILTER COMMAND...: one value, for which the filter says true
json() {
        local filter=$1 out
        shift
        out=$("$bdfs" --json "$@" 2>/dev/null)
        [ "$(jq -s length <<<"$out" 2>/dev/null)" = 1 ] || fail "not one JSON value from: $*: $out"
        [ "$(jq "$filter" <<<"$out")" = true ] || fail "$filter is not true of: $*: $out"
        # and the same with the option behind the verb
        [ "$(jq -s length <<<"$("$bdfs" "$@" --json 2>/dev/null)")" = 1 ] || fail "--json behind: $*"
}
json 'length == 4 and ([.[] | .path] | index("/j/f") != null)' ls /j
json '.[] | select(.path == "/j/f") | .length == 2500000 and .type == "file" and .replication == 3 and .mode == "0644"' ls /j
json 'map(.path) | index("/j/a b/\"quoted\"/ta\tb") != null' ls -R /j
json '[.[] | .path_base64 // empty] == ["L2ovbm90/3V0Zjg="]' ls /j
# a name that is not UTF-8, by each verb that names it: what is readable, and all of its bytes
odd=$(printf '/j/a b/n\303\244\364\377x')
printf 'x\n' | "$bdfs" put - "$odd" && "$bdfs" put "$work/f" "$(printf '/j/a b/n\303\244\377\364x')" || fail "put"
for verb in ls cat head tail text 'get - ' stat du count find info checksum fsck; do
        case $verb in get*) set -- get "$odd" - ;; *) set -- $verb "$odd" ;; esac
        json "[.. | .path_base64? // empty] == [\"$(printf %s "$odd" | base64 -w 0)\"]" "$@"
        json '[.. | .path? // empty] == ["/j/a b/n\u00e4\ufffd\ufffdx"]' "$@"
done
json '[.[] | .path_base64 // empty] | unique | length == 2' ls '/j/a b'
"$bdfs" --json ls '/j/a b' | jq -r '.[] | .path_base64 // (.path | @base64)' |
        while read -r name; do "$bdfs" test -e "$(base64 -d <<<"$name")" || fail "$name"; done || exit 1
"$bdfs" rm -skipTrash "$odd" "$(printf '/j/a b/n\303\244\377\364x')" >/dev/null || fail "rm"
json 'length == 1 and .[0].type == "directory"' ls -d /j
json 'length == 0' ls /j/empty
json 'length == 0' ls /j/none
json 'length == 1' ls /j/none /j/f
json 'map(.length) | add == 5000002' du /j
json '.[0].files == 3 and .[0].space == 15000006' du -s /j
json '.[0].directories == 4' count /j
json '.[0].capacity > 0 and .[0].missing_blocks == 0' df
json '.[0].owner | length > 0' stat /j/f
json 'length == 7' stat -R /j
json '.answer == true' test -e /j/f
json '.answer == false' test -e /j/none
json '.[0].algorithm == "MD5-of-2048MD5-of-512CRC32C" and (.[0].checksum | length == 56)' checksum /j/f
json 'length == 1 and .[0].path == "/j/f"' find /j -name f
json 'length == 7' find /j
json '.[0].base64 | length > 3000000' cat /j/f
json '.[0].base64 == "eAo="' cat '/j/a b/"quoted"/ta	b'
json '.[0].base64 | length == 1368' head /j/f
json '.[0].base64 | length == 1368' tail /j/f
json '.[0].path == "/j/f"' text /j/f
json 'length == 1 and (.[0].base64 | length > 3000000)' get /j/f -
json 'length == 2 and .[1].base64 == "eAo="' getmerge /j/f '/j/a b/"quoted"/ta	b' -
json '.[0].blocks | length == 3 and (map(.replicas | length) | min) == 3' info /j/f
json '.[0].extents | map(.length) | add == 2500000' info /j/f
json '.[0].files == 3' info /j
json '.healthy and .files == 3 and .blocks == 7 and .problems == []' fsck /j
json '.safe_mode == false and (.datanodes | length == 3) and (.datanodes | all(.live))' admin report
json '.safe_mode == false' admin safemode
json '.index > 0' admin checkpoint
json '.digest | length >= 32' admin digest
json 'type == "array" and (map(.result) | index("wrong") == null)' doctor
"$bdfs" cluster status --dir "$cluster" --json | jq -e '.processes | length == 7' >/dev/null || fail "cluster status"
"$bdfs" cat --json /j/f | jq -r '.[0].base64' | base64 -d | cmp - "$work/f" || fail "the bytes of cat --json"
"$bdfs" job run -i '/j/a b/"quoted"' -o /j/out -m 'printf "said\\377" >&2' 2>"$work/said" || fail "job: $(cat "$work/said")"
id=$(grep -o 'job_[0-9_]*' "$work/said" | head -n 1)
json 'length == 1 and .[0].bytes == 5 and (.[0].text | startswith("said")) and (.[0].attempt | length > 10)' job logs "$id"
json 'length == 0' job logs job_0000000000000_0000
"$bdfs" cluster down --dir "$cluster"
json 'map(.result) | index("wrong") != null' --timeout 3 doctor
