#!/usr/bin/env bash
# Tasks run where the blocks are: six datanodes, one replica of each block, nothing else to do. Every
# task is local and reads by descriptor, what comes from other nodes is the rest of one record per
# boundary, and a flipped bit is found before a task sees it.
. "$(dirname "$0")/../lib/e2e.sh" || exit 1
chmod 711 "$work"
mkdir -m 1777 "$work/pub"

# What --json said of the last job.
summary=$work/summary
local_percent() { jq '100 * .maps_local / .maps_done | floor' "$summary"; }
descriptors() { jq .blocks_by_descriptor "$summary"; }
remote() { jq .remote_bytes "$summary"; }

up --datanodes 6 --replication 1 --block-size 1M

# 40 blocks of records of 1000 bytes, so that every boundary cuts one.
python3 -c '
for i in range(41900):
    print("%08d" % i, "r" * 990)' >"$work/records"
"$bdfs" put "$work/records" /records
blocks=$((($(stat -c %s "$work/records") + 1048575) / 1048576))
# What is sent has whole chunks of 512 bytes, one checksum each: the rest of a record of 1000 bytes
# lies in two of them.
remote_most=$(((blocks - 1) * 1024))

# served FIELD: what the datanodes counted in their last run, all together.
served() {
        for log in "$cluster"/datanode-*/log; do
                grep -o "served .*" "$log" | tail -n 1 | grep -o "$1=[0-9]*" | cut -d= -f2
        done | awk '{ s += $1 } END { print s + 0 }'
}
"$bdfs" job run -i /records -o /counted -m cat --json >"$summary" || fail "job: $(cat "$summary")"
"$bdfs" cluster down --dir "$cluster"
# a block's own, and the next one's where both lie on one datanode
[ "$(served passed_files)" -eq "$(descriptors)" ] || fail "files passed: $(served passed_files)"
[ "$(served passed_files)" -ge "$blocks" ] || fail "files passed: $(served passed_files)"
[ "$(served passed_bytes)" -ge "$(stat -c %s "$work/records")" ] || fail "not the whole input"
[ "$(served unix_bytes)" -eq 0 ] || fail "streamed here: $(served unix_bytes)"
sent=$(($(served local_bytes) + $(served remote_bytes)))
[ "$sent" -gt 0 ] && [ "$sent" -le "$remote_most" ] || fail "datanodes sent $sent bytes to others"
"$bdfs" cluster up --dir "$cluster" || fail "up again"
"$bdfs" cat '/counted/part-*' | cmp - "$work/records" || fail "records"

for round in 1 2 3; do
        "$bdfs" job run -i /records -o "/lengths$round" -m "awk '{print length(\$0)}'" -r 'uniq -c' --json >"$summary" ||
                fail "job: $(cat "$summary")"
        "$bdfs" cat "/lengths$round/part-00000" | grep -Eq '^ *41900 999$' || fail "records"
        [ "$(local_percent)" -eq 100 ] || fail "not all tasks were local: $(cat "$summary")"
        [ "$(descriptors)" -ge "$blocks" ] || fail "descriptors: $(cat "$summary")"
        [ "$(remote)" -le "$remote_most" ] || fail "from other nodes: $(remote)"
done

# Records that end with their blocks: the first record of the next block is all that is read there.
python3 -c '
for i in range(8192):
    print("%06d" % i + "e" * 1017)' >"$work/exact"
"$bdfs" put "$work/exact" /exact
"$bdfs" job run -i /exact -o /exact_out -m cat --json >"$summary" || fail exact
"$bdfs" cat '/exact_out/part-*' | cmp - "$work/exact" || fail "records that end with their blocks"
[ "$(local_percent)" -eq 100 ] || fail "not all tasks were local: $(cat "$summary")"
[ "$(remote)" -le $((7 * 1024)) ] || fail "from other nodes: $(remote)"

# A record over several blocks is given whole to one task.
{ head -c 3500000 /dev/zero | tr '\0' 'w'; echo; echo end; } >"$work/long"
"$bdfs" put "$work/long" /long
"$bdfs" --quiet job run -i /long -o /long_out -m "awk '{print length(\$0)}'" -r cat || fail long
[ "$("$bdfs" cat /long_out/part-00000 | tr '\n' ' ')" = "3 3500000 " ] || fail "a long record"

# A flipped bit in the only replica: the job fails, and no task has seen the byte.
spoil /records 5000500
expect 1 'checksum|corrupt' "$bdfs" job run -i /records -o /flipped -m "tee -a $work/pub/seen"
"$bdfs" test -e /flipped && fail "a job over a corrupt block has output"
tr -d '0-9r \n' <"$work/pub/seen" | head -c 100 | grep . && fail "a task has seen the flipped bit"

# With another replica the job goes on.
"$bdfs" put --replication 2 "$work/records" /twice
spoil /twice 7000500
"$bdfs" job run -i /twice -o /twice_out -m cat --json >"$summary" || fail "twice: $(cat "$summary")"
"$bdfs" cat '/twice_out/part-*' | cmp -s - "$work/records" || fail "other bytes from the other replica"
