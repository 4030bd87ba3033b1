#!/usr/bin/env bash
# The shortest way through everything; it is also what runs under the sanitizers. A sanitizer's report
# in any log is a failure.
. "$(dirname "$0")/../lib/e2e.sh" || exit 1
need jq
up --no-agents --block-size 1M --hadoop loopback
"$bdfs" mkdir /d || fail "mkdir"
for n in 0 1 511 65536 1048576 3670017; do
        random_file "$work/f$n" $n
        "$bdfs" put "$work/f$n" /d/f$n ||
                fail "put $n"
        "$bdfs" get /d/f$n "$work/g$n" || fail "get $n"
        same "$work/f$n" "$work/g$n"
done
"$bdfs" ls /d >/dev/null || fail "ls"
"$bdfs" mv /d/f1 /d/one && "$bdfs" cat /d/one | cmp - "$work/f1" || fail "mv"
expect 3 'No such file or directory' "$bdfs" ls /none
if command -v hdfs >/dev/null; then
        export HADOOP_NAMENODE=127.0.0.1:$(port namenode 0 hadoop)
        hdfs cat /d/f3670017 | cmp - "$work/f3670017" || fail "gohdfs"
fi
"$build/tests/crash_load" "$BDFS_CONF" /load 4 100 1 < <(echo go) || fail "load"
kill -9 "$(pid_of datanode 2)" "$(pid_of namenode 0)"
"$bdfs" cluster up --dir "$cluster" || fail "restart"
"$bdfs" cat /d/f3670017 | cmp - "$work/f3670017" || fail "after the restart"
"$bdfs" rm -r /d /load >/dev/null 2>&1 || fail "rm"
"$bdfs" cluster down --dir "$cluster" || fail "down"
! grep -l 'Sanitizer\|assertion failed' "$cluster"/*/log || fail "a sanitizer or an assertion spoke: $(grep -h -A12 'Sanitizer\|assertion failed' "$cluster"/*/log | head -30)"
"$build/tests/check_namespace" "$cluster/namenode-0/data" || fail "the tree is not well formed"
