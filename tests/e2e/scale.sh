#!/usr/bin/env bash
# A tree of many files made by 8 threads through the library: listed, du'd (a lookup, not a walk),
# renamed, deleted in the background while others work. Their p99 beside its idle value is printed.
#   FILES=20000; FULL=1 for 100,000
. "$(dirname "$0")/../lib/e2e.sh" || exit 1
need jq
files=${FILES:-20000}
[ -z "${FULL:-}" ] || files=100000
up --no-agents --checkpoint-bytes 8M

"$build/tests/bench_tree" "$BDFS_CONF" "$files" 8 "$(pid_of namenode 0)" | tee "$work/lines"
[ "${PIPESTATUS[0]}" -eq 0 ] || fail "the tree of $files files"
figure() { jq -r "select(.figure==\"$1\") | .$2" "$work/lines"; }
# a lookup: a walk of so many files would be thousands of times slower than an empty directory
jq -se 'any(.[]; .figure == "tree_du" and .us_whole_tree < 50 * .us_empty_directory + 1000)' \
        "$work/lines" >/dev/null || fail "du of the tree is not a lookup"
[ "$("$bdfs" ls / | grep -c 'moved\|tree')" -eq 0 ] || fail "the tree is still listed"
"$bdfs" cluster down --dir "$cluster" || fail "down"
"$build/tests/check_namespace" "$cluster/namenode-0/data" >"$work/check" ||
        fail "the tree is not well formed: $(cat "$work/check")"
cat "$work/check"
[ "$(cut -d' ' -f1 "$work/check")" -lt 100 ] || fail "deleted inodes are still in the tables"
echo "p99 of others while deleting: $(figure probe_ratio p99_deleting_to_idle) times the idle one"
