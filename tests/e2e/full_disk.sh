#!/usr/bin/env bash
# Disks that fill up, those of the datanodes and that of the namenode: clear refusals, nothing lost,
# and everything goes on once there is room.
. "$(dirname "$0")/../lib/e2e.sh" || exit 1

[ "$(id -u)" -eq 0 ] || skip "not root: a small file system cannot be mounted"
disk=$work/disk
mkdir "$disk"
mount -t tmpfs -o size=800m tmpfs "$disk" || skip "no tmpfs can be mounted here"
at_exit "'$bdfs' cluster down --dir '$disk/cluster' >/dev/null 2>&1; umount -l '$disk'"
cluster=$disk/cluster
up --no-agents --block-size 4M
random_file "$work/a" 30000000
same_in_cluster() { "$bdfs" cat "$1" | cmp - "$work/a" || fail "$1 is another"; }
room() { "$bdfs" df | awk 'NR == 2 {exit !($4 + 0 >= 300000000)}'; }
no_room() { ! room; }

# The datanodes keep 512 MiB of the 800 free: three copies of 30 MB fit twice.
n=0
while "$bdfs" put "$work/a" "/f$n" 2>"$work/said"; rc=$?; [ $rc -eq 0 ]; do
        n=$((n + 1))
        [ $n -lt 9 ] || fail "nine files fit, which cannot be"
done
[ $rc -eq 7 ] || fail "exit code $rc of a put into a full cluster: $(cat "$work/said")"
grep -Eq 'could only be written to 0 of the 1 minReplication nodes|can take a block' "$work/said" || fail "$(cat "$work/said")"
grep -q 'bdfs admin report' "$work/said" || fail "no hint: $(cat "$work/said")"
[ $n -ge 2 ] || fail "only $n files fit"
[ "$("$bdfs" ls -C / | wc -l)" -eq "$n" ] || fail "something is left of the put: $("$bdfs" ls /)"
for i in $(seq 0 $((n - 1))); do same_in_cluster "/f$i"; done
within 20 no_room # the datanodes say it every three seconds; nine files take one
expect 0 '' "$bdfs" rm -skipTrash '/f*'
within 20 room
expect 0 '' "$bdfs" put "$work/a" /again
same_in_cluster /again

# The whole disk is full: the namenode refuses what it could not write, and serves the rest.
dd if=/dev/zero of="$disk/fill" bs=1M status=none 2>/dev/null
"$build/tests/bench_load" --conf "$BDFS_CONF" --callers 8 --count 60000 meta create >"$work/load" 2>&1 &&
        fail "60,000 files fit on a full disk"
grep -q 'No space left on device' "$work/load" || fail "$(tail -n 1 "$work/load")"
expect 7 'No space left on device' "$bdfs" mkdir /more
expect 0 'again' "$bdfs" ls /
same_in_cluster /again
"$bdfs" ls -R -C /bench | sort >"$work/before"
[ -s "$work/before" ] || fail "no file was made before the disk was full"

# Without a byte left it does not start again, and says why; with room it goes on where it was.
kill -9 "$(pid_of namenode 0)"
"$bdfs" cluster up --dir "$cluster" >"$work/said" 2>&1 && fail "it started without a byte for its files"
grep -q 'No space left on device' "$work/said" || fail "$(cat "$work/said")"
rm "$disk/fill"
"$bdfs" cluster up --dir "$cluster" || fail "no start with room"
"$bdfs" ls -R -C /bench | sort | cmp - "$work/before" || fail "files that were acknowledged are gone"
same_in_cluster /again
expect 0 '' "$bdfs" mkdir /more
within 20 room
expect 0 '' "$bdfs" put "$work/a" /last
same_in_cluster /last
echo "full disk: $n files of 30 MB fit, $(wc -l <"$work/before") names on a full disk, nothing lost"
