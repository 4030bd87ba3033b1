#!/bin/bash
# What was deleted, replaced or cut stays for its readers: no file's any more, not counted, on the
# disks until its time has passed, across restarts; earlier when space is short is in full_disk.sh.
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
"$bdfs" rm /a >/dev/null && "$bdfs" put -f "$work/b" /c && "$bdfs" truncate -w 100 /b ||
        fail "rm, put -f, truncate"
[ "$(kept .retired_blocks)" -eq 6 ] || fail "$(kept .retired_blocks) blocks wait instead of 6"
[ "$(kept .retired_bytes)" -eq 12000000 ] || fail "$(kept .retired_bytes) bytes wait"
[ "$("$bdfs" du -s --json / | jq '.[0].length // .[0].bytes')" -eq 5100 ] || fail "du counts them"
"$bdfs" fsck --json / | jq -e '.healthy and .blocks == 2 and .unknown == 0' >/dev/null ||
        fail "fsck: $("$bdfs" fsck --json /)"
used=$("$bdfs" df --json | jq '.[0].used')
[ "$used" -lt 12000000 ] || fail "df counts what waits: $used"

# Nothing of it goes by itself, not by a restart of everything either.
"$bdfs" cluster down --dir "$cluster" >/dev/null && up
within 20 "$bdfs" test -e /b
[ "$(kept .retired_blocks)" -eq 6 ] || fail "the restart forgot what waits"
[ "$(replicas)" -eq 16 ] || fail "$(replicas) replica files after the restart instead of 16"

# With no grace the same goes at once, and only that.
jq '.grace_s = 0' "$cluster/cluster.json" >"$work/json" && cp "$work/json" "$cluster/cluster.json"
"$bdfs" cluster down --dir "$cluster" >/dev/null && up
none_waits() { [ "$(kept .retired_blocks)" -eq 0 ] && [ "$(replicas)" -eq 4 ]; }
within 40 none_waits
"$bdfs" cat /c | cmp - "$work/b" || fail "/c changed"
"$bdfs" fsck --json / | jq -e '.healthy and .blocks == 2 and .unknown == 0' >/dev/null || fail "fsck"
echo "kept for readers, not counted, freed when the time has passed"
