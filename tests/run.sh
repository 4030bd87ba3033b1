#!/usr/bin/env bash
# Runs what it is given, prints a line for each, and closes with "N passed, N failed, N skipped".
#
#   tests/run.sh [-j N] [-t SECONDS] PROGRAM|SCRIPT...
#
# A cmocka program counts each of its tests; a script counts as one. Exit 77 means skipped, and the
# last line that it printed is the reason; a script's line "not tried: REASON" counts as a skip too. What
# failed is shown whole.
set -u
jobs=2 limit=300
while getopts j:t: o; do
        case $o in j) jobs=$OPTARG ;; t) limit=$OPTARG ;; *) exit 2 ;; esac
done
shift $((OPTIND - 1))
out=$(mktemp -d) || exit 2
trap 'rm -rf "$out"' EXIT

run_one() {
        local n=$1 what=$2 start end rc
        start=$(date +%s)
        timeout -k 10 "$limit" "$what" >"$out/$n.log" 2>&1
        rc=$?
        end=$(date +%s)
        printf '%s %s %s\n' "$rc" "$((end - start))" "$what" >"$out/$n.done"
}

n=0
for what in "$@"; do
        n=$((n + 1))
        run_one "$n" "$what" &
        while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n; done
done
wait

passed=0 failed=0 skipped=0
for i in $(seq 1 "$n"); do
        read -r rc seconds what <"$out/$i.done"
        ok=$(grep -c '^\[       OK \]' "$out/$i.log")
        bad=$(grep -c '^\[  FAILED  \] [A-Za-z_]*$' "$out/$i.log")
        skip=$(grep -c '^\[  SKIPPED \]' "$out/$i.log")
        if [ "$rc" -eq 0 ]; then
                passed=$((passed + (ok > 0 ? ok : 1)))
                skipped=$((skipped + skip / 2 + $(grep -c '^not tried: ' "$out/$i.log")))
                printf 'ok      %4ss  %s%s\n' "$seconds" "$what" "$([ "$ok" -eq 0 ] || echo "  ($ok)")"
                sed -n 's/^not tried: /        not tried: /p' "$out/$i.log"
        elif [ "$rc" -eq 77 ]; then
                skipped=$((skipped + 1))
                printf 'skipped        %s: %s\n' "$what" "$(tail -n 1 "$out/$i.log")"
        else
                passed=$((passed + ok))
                failed=$((failed + (bad > 0 ? bad : 1)))
                printf 'FAILED  %4ss  %s (exit %s)\n' "$seconds" "$what" "$rc"
                sed 's/^/    /' "$out/$i.log" | tail -n 80
        fi
done
printf '%s passed, %s failed, %s skipped\n' "$passed" "$failed" "$skipped"
[ "$failed" -eq 0 ]
