#!/usr/bin/env bash
# Makes each target in turn and says how long it took; the first that fails ends it. At the end, all times.
#       tests/stages.sh TARGET...
set -u
times=()
begun=$(date +%s)
for stage in "$@"; do
        start=$(date +%s)
        printf '=== %s\n' "$stage"
        "${MAKE:-make}" --no-print-directory "$stage" || { printf '=== %s failed\n' "$stage"; exit 1; }
        times+=("$(printf '%-14s %5d s' "$stage" $(($(date +%s) - start)))")
done
printf '=== stages\n'
printf '%s\n' "${times[@]}"
printf '%-14s %5d s\n' all $(($(date +%s) - begun))
