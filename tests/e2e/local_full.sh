#!/usr/bin/env bash
# The disk of this machine is full, not the cluster's: exit code 7, words that say which, nothing left
# under the name, nor beside it, and what was under it before stays.
. "$(dirname "$0")/../lib/e2e.sh" || exit 1
[ "$(id -u)" -eq 0 ] || skip "not root: a small file system cannot be mounted"
small=$work/small
mkdir "$small"
mount -t tmpfs -o size=3m,nr_inodes=20 tmpfs "$small" || skip "no tmpfs can be mounted here"
at_exit "umount -l '$small'"
up --no-agents --block-size 1M
random_file "$work/a" 5000000
random_file "$work/b" 100000
"$bdfs" mkdir /d && "$bdfs" put "$work/a" /d/a && "$bdfs" put "$work/b" /d/b || fail "put"

# full COMMAND...: it ends with 7 and says that it is this machine's disk, and so does a second line.
full() {
        expect 7 'No space left on device' "$@"
        grep -q 'on this machine' <<<"$("$@" 2>&1)" || fail "not called local: $("$@" 2>&1)"
        grep -q 'if it is the cluster' <<<"$("$@" 2>&1)" && fail "called the cluster's: $("$@" 2>&1)"
        true
}
nothing_left() {
        [ "$(find "$small" -type f | sort)" = "$1" ] || fail "left: $(find "$small" -ls)"
}
full "$bdfs" get /d/a "$small/x"
full "$bdfs" copyToLocal /d/a "$small/x"
full "$bdfs" get -crc /d/a "$small/x"
full "$bdfs" getmerge /d/b /d/a "$small/x"
full "$bdfs" get -f /d/a "file://$small/x"
nothing_left ''
cp "$work/b" "$small/x"
full "$bdfs" get -f /d/a "$small/x"
full "$bdfs" getmerge /d/a "$small/x"
same "$work/b" "$small/x"
nothing_left "$small/x"
expect 9 'on this machine' "$bdfs" get /d "$small" # b has room
same "$work/b" "$small/d/b"
nothing_left "$small/d/b
$small/x"
rm -r "$small/d" "$small/x"

# the sums beside it do not fit either, or no name more
head -c 2990000 "$work/a" >"$work/most" && "$bdfs" put "$work/most" /d/most || fail "put"
random_file "$small/filler" $((3 * 1048576 - 2990000 - 4096 * 5))
full "$bdfs" get -crc /d/most "$small/x"
nothing_left "$small/filler"
rm "$small/filler"
for i in $(seq 40); do : >"$small/$i" || break; done 2>/dev/null
full "$bdfs" get /d/b "$small/x"
find "$small" -type f -delete

# standard output
for verb in cat text 'tail' 'head' 'get -'; do
        case $verb in get*) words=("$bdfs" get /d/b -) ;; *) words=("$bdfs" $verb /d/b) ;; esac
        "${words[@]}" >/dev/full 2>"$work/said"
        rc=$?
        [ $rc -eq 7 ] || fail "$verb to a full disk ended with $rc: $(cat "$work/said")"
        grep -q 'on this machine' "$work/said" || fail "$verb: $(cat "$work/said")"
done
expect 7 'on this machine' "$bdfs" getmerge /d/b /dev/full
expect 7 'on this machine' "$bdfs" getmerge /d/b /d/a /dev/full
echo "a full local disk is exit 7, called local, and leaves nothing"
