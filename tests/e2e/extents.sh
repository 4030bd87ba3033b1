#!/usr/bin/env bash
# Maps that no Hadoop client could make, written offline through the journal: bases and lengths off
# the 512-byte grid, holes, several extents of one block. Read back whole, from random positions, from
# the end and by checksum, through our client, gohdfs and rclone.
#   SEED=n; MORE_READERS=program: called with the Hadoop URI and a directory of what must be read
. "$(dirname "$0")/../lib/e2e.sh" || exit 1
need hdfs
need rclone
need jq
RANDOM=${SEED:-$RANDOM}
echo "seed ${SEED:=$RANDOM}"
RANDOM=$SEED
MIB=1048576
up --hadoop loopback --block-size 1M --no-agents
id=$(status | jq -r .cluster)

declare -A bytes=([a]=$MIB [b]=$((MIB - 1)) [c]=700001 [d]=513)
mkdir "$work/src" "$work/want"
"$bdfs" mkdir /src /maps || fail "mkdir"
for s in a b c d; do
        random_file "$work/src/$s" "${bytes[$s]}"
        "$bdfs" put "$work/src/$s" "/src/$s" || fail "put $s"
done

# A map is begun with map NAME, gets piece SOURCE BASE BYTES and hole BYTES, and is kept by keep.
map() { name=$1 at=0 pieces=(); : >"$work/want/$name"; }
piece() {
        pieces+=("$at:$3:/src/$1:$2")
        tail -c +$(($2 + 1)) "$work/src/$1" | head -c "$3" >>"$work/want/$name"
        at=$((at + $3))
}
hole() { head -c "$1" /dev/zero >>"$work/want/$name"; at=$((at + $1)); }
keep() {
        "$bdfs" touchz "/maps/$name" || fail "touchz"
        printf '%s\n' "/maps/$name $at ${pieces[*]}" >>"$work/maps"
}

map odd; piece a 513 7; hole 100; piece b 1 70001; piece b 300000 511; piece c 700000 1; hole 1
piece a 0 512; piece a 511 1026; piece d 1 512; keep
map grid; piece a 512 1024; hole 512; piece a 0 65536; piece b 65536 131072; keep
map begins_with_hole; hole 65537; piece c 3 65000; keep
map ends_with_hole; piece c 1 $((128 * 1024 + 1)); hole 300001; keep
map only_hole; hole 1234567; keep
map one_byte; piece d 512 1; keep
map one_block_often; for i in $(seq 100); do piece a $((i * 997)) $((i * 13 + 1)); done; keep
map larger_than_blocks; piece a 0 $MIB; piece b 0 $((MIB - 1)); hole $((MIB + 3)); piece a 5 $((MIB - 5)); keep
for n in 1 2 3 4; do
        map random$n
        for i in $(seq $((RANDOM % 30 + 1))); do
                [ $((RANDOM % 4)) -gt 0 ] || hole $((RANDOM % 3000 + 1))
                s=$(echo a b c | cut -d' ' -f $((RANDOM % 3 + 1)))
                base=$(((RANDOM * 32768 + RANDOM) % ${bytes[$s]}))
                most=$((${bytes[$s]} - base))
                piece "$s" $base $(((RANDOM * 32768 + RANDOM) % (most < 90000 ? most : 90000) + 1))
        done
        keep
done

"$bdfs" cluster down --dir "$cluster" || fail "down"
while read -r line; do
        # shellcheck disable=SC2086
        "$build/tests/extent_ops" set "$cluster/namenode-0/data" "$id" $line || fail "set $line"
done <"$work/maps"
"$build/tests/check_namespace" "$cluster/namenode-0/data" || fail "the tree is not well formed"
"$bdfs" cluster up --dir "$cluster" || fail "up"
export HADOOP_NAMENODE=127.0.0.1:$(port namenode 0 hadoop) # now: it may have moved

printf '[r]\ntype = hdfs\nnamenode = %s\nusername = %s\n' "$HADOOP_NAMENODE" "$(id -un)" >"$work/rclone.conf"
export RCLONE_CONFIG=$work/rclone.conf

read_it() { # read_it NAME
        local f=/maps/$1 want=$work/want/$1 n t i at count
        n=$(stat -c %s "$want")
        "$bdfs" cat "$f" | cmp - "$want" || fail "bdfs cat $f"
        "$bdfs" tail "$f" | cmp - <(tail -c 1024 "$want") || fail "bdfs tail $f"
        "$build/tests/extent_ops" verify "$BDFS_CONF" "$f" "$want" 60 "$RANDOM" || fail "reads of $f"
        hdfs cat "$f" | cmp - "$want" || fail "gohdfs cat $f"
        t=$((n < 700 ? n : 700))
        hdfs tail -c $t "$f" | cmp - <(tail -c $t "$want") || fail "gohdfs tail $f"
        hdfs head -c $t "$f" | cmp - <(head -c $t "$want") || fail "gohdfs head $f"
        rclone cat "r:$f" | cmp - "$want" || fail "rclone cat $f"
        for i in 1 2 3; do
                at=$(((RANDOM * 32768 + RANDOM) % n)) count=$((RANDOM % 5000 + 1))
                rclone cat --offset $at --count $count "r:$f" |
                        cmp - <(tail -c +$((at + 1)) "$want" | head -c $count) ||
                        fail "rclone: $count bytes from $at of $f"
        done
}
checksums() { # the same bytes in ordinary blocks have the same composite checksum
        local sum
        "$bdfs" put "$work/want/$1" "/copy-$1" || fail "put"
        sum=$("$bdfs" checksum --composite "/copy-$1" | cut -f3)
        [ -n "$sum" ] && [ "$("$bdfs" checksum --composite "/maps/$1" | cut -f3)" = "$sum" ] ||
                fail "checksum of $1"
        [ "$(hdfs checksum "/maps/$1" | cut -d' ' -f1)" = \
                "$("$bdfs" checksum "/maps/$1" | grep -o '[0-9a-f]\{32\}$')" ] ||
                fail "two clients differ on the checksum of $1"
}
for want in "$work"/want/*; do
        read_it "${want##*/}"
        checksums "${want##*/}"
done
echo "$(ls "$work/want" | wc -l) maps read by bdfs, gohdfs and rclone"
if [ -n "${MORE_READERS:-}" ]; then
        "$MORE_READERS" "hdfs://$HADOOP_NAMENODE" "$work/want" || fail "more readers"
fi
