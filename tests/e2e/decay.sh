#!/usr/bin/env bash
# Bits flip in one of two replicas of each block: every reader gets the right bytes, and what one of
# them met is replaced by a good copy and removed. In the only replica: nobody gets them.
. "$(dirname "$0")/../lib/e2e.sh" || exit 1
need jq
up --no-agents --block-size 1M --hadoop loopback
export HADOOP_NAMENODE=127.0.0.1:$(port namenode 0 hadoop)
blocks=12
random_file "$work/f" $((blocks * 1048576 - 1))
"$bdfs" put --replication 2 "$work/f" /twice || fail "put"

spoiled=()
for i in $(seq 0 $((blocks - 1))); do # the ends of chunks and groups, and anywhere
        case $((i % 4)) in 0) at=0 ;; 1) at=458751 ;; 2) at=458752 ;; 3) at=$((i * 80000)) ;; esac
        spoil /twice $((i * 1048576 + at))
        spoiled+=("$replica")
done
"$bdfs" cat /twice | cmp - "$work/f" || fail "other bytes from the other replica"
if command -v hdfs >/dev/null; then
        hdfs cat /twice | cmp - "$work/f" || fail "hdfs: other bytes from the other replica"
else
        untried "reads by Debian's hdfs, which is not installed"
fi
left() { ls "${spoiled[@]}" 2>/dev/null | wc -l; }
all_good() {
        [ "$("$build/tests/ask" "$BDFS_CONF" stats | cut -d' ' -f1-6)" = "under_replicated 0 missing 0 corrupt 0" ] &&
                [ "$(left)" -lt "$blocks" ]
}
within 60 all_good
echo "$((blocks - $(left))) of $blocks spoiled replicas were met and replaced"
"$bdfs" cat /twice | cmp - "$work/f" || fail "other bytes from the good copies"

"$bdfs" put --replication 1 "$work/f" /once || fail "put"
spoil /once 1500000
expect 8 'corrupt|checksum' "$bdfs" get /once "$work/none"
[ ! -e "$work/none" ] || fail "a spoiled file was given out"
if command -v hdfs >/dev/null; then
        hdfs cat /once >"$work/part" 2>"$work/hdfs.err" && fail "hdfs gives out spoiled bytes"
        cmp -n "$(stat -c %s "$work/part")" "$work/part" "$work/f" || fail "hdfs gave out spoiled bytes"
fi
