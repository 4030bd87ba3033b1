#!/bin/bash
# What was deleted, replaced or cut stays for its readers: no file's any more, not counted, on the
# disks until its time has passed, across restarts; then who reads it is told so.
. "$(dirname "$0")/../lib/e2e.sh"
need jq

up --datanodes 3 --replication 2 --block-size 1M --grace 3600
random_file "$work/a" 3000000
random_file "$work/b" 5000
"$bdfs" put "$work/a" /a && "$bdfs" put "$work/a" /c && "$bdfs" put "$work/b" /b || fail "put"
replicas() { find "$cluster"/datanode-*/data/blocks -type f -size +0 | wc -l; }
kept() { "$bdfs" admin report --json | jq "$1"; }
before=$(replicas)
[ "$before" -eq 14 ] || fail "$before replica files instead of 14"
"$bdfs" rm -skipTrash /a >/dev/null && "$bdfs" put -f "$work/b" /c && "$bdfs" truncate -w 100 /b ||
        fail "rm, put -f, truncate"
[ "$(kept .retired_blocks)" -eq 6 ] || fail "$(kept .retired_blocks) blocks wait instead of 6"
[ "$(kept .retired_bytes)" -eq 12000000 ] || fail "$(kept .retired_bytes) bytes wait"
[ "$("$bdfs" du -s --json / | jq '.[0].length // .[0].bytes')" -eq 5100 ] || fail "du counts them"
"$bdfs" fsck --json / | jq -e '.healthy and .blocks == 2 and .unknown == 0' >/dev/null ||
        fail "fsck: $("$bdfs" fsck --json /)"
used=$("$bdfs" df --json | jq '.[0].used')
[ "$used" -lt 12000000 ] || fail "df counts what waits: $used"

# begin PATH: somebody reads it, slowly; go: and reads on.
mkfifo "$work/go"
begin() {
        rm -f "$work/begun"
        "$bdfs" cat "$1" 2>"$work/said" | (dd bs=64k count=1 iflag=fullblock status=none &&
                : >"$work/begun" && read -r _ <"$work/go" && cat) >"$work/got" &
        reader=$!
        within 20 test -e "$work/begun"
}
go() {
        echo >"$work/go"
        wait "$reader"
}

# Who reads a file goes on though it is deleted, and though all datanodes are started again then.
random_file "$work/large" 40000000
"$bdfs" put "$work/large" /large || fail "put"
begin /large
"$bdfs" rm -skipTrash /large >/dev/null || fail "rm"
for i in 1 2 3; do kill -9 "$(pid_of datanode $i)"; done
"$bdfs" cluster up --dir "$cluster" >/dev/null || fail "the datanodes do not start again"
all_there() { [ "$("$bdfs" admin report --json | jq '[.datanodes[] | select(.live)] | length')" -eq 3 ]; }
within 30 all_there
go || fail "the reader ended with $?: $(cat "$work/said")"
same "$work/large" "$work/got"
[ "$(kept .retired_blocks)" -eq 45 ] || fail "$(kept .retired_blocks) blocks wait instead of 45"

# Nothing of it goes by itself, not by a restart of everything either.
"$bdfs" cluster down --dir "$cluster" >/dev/null && up
within 20 "$bdfs" test -e /b
[ "$(kept .retired_blocks)" -eq 45 ] || fail "the restart forgot what waits"
[ "$(replicas)" -eq 94 ] || fail "$(replicas) replica files after the restart instead of 94"

# With no grace the same goes at once, and only that.
jq '.grace_s = 0' "$cluster/cluster.json" >"$work/json" && cp "$work/json" "$cluster/cluster.json"
"$bdfs" cluster down --dir "$cluster" >/dev/null && up
none_waits() { [ "$(kept .retired_blocks)" -eq 0 ] && [ "$(replicas)" -eq 4 ]; }
within 40 none_waits

# Who comes too late is told why: it is neither corrupt nor cut in silence.
"$bdfs" put "$work/large" /large || fail "put"
begin /large
"$bdfs" rm -skipTrash /large >/dev/null || fail "rm"
within 40 none_waits
go && fail "a reader of a file that is freed ended well"
grep -q 'deleted or replaced while it was read' "$work/said" || fail "$(cat "$work/said")"
grep -q 'was freed: its file was deleted or replaced' "$work/said" || fail "$(cat "$work/said")"
"$bdfs" cat /c | cmp - "$work/b" || fail "/c changed"
"$bdfs" fsck --json / | jq -e '.healthy and .blocks == 2 and .unknown == 0' >/dev/null || fail "fsck"
echo "kept for readers, not counted, freed when the time has passed"
