# Sourced by every end-to-end script: a cluster of its own on free ports in a directory of its own,
# ended and removed on any exit. What a script needs and the machine lacks is a skip with a reason.
set -u -o pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=${BDFS_BUILD:-$root/build}
bdfs=$build/bdfs
work=$(mktemp -d "${TMPDIR:-/tmp}/bdfs-e2e.XXXXXX") || exit 1
cluster=$work/cluster
clean_ups=()

clean_up() {
        local rc=$? i
        for ((i = ${#clean_ups[@]} - 1; i >= 0; i--)); do eval "${clean_ups[$i]}"; done
        [ -d "$cluster" ] && "$bdfs" cluster down --dir "$cluster" >/dev/null 2>&1
        if grep -a -m 1 -A 30 'Sanitizer\|runtime error:\|assertion failed' \
                <(cat "$work"/*.log "$cluster"/*/log 2>/dev/null); then
                echo "FAIL: a sanitizer or an assertion spoke" >&2
                rc=1
        fi
        if [ "$rc" -ne 0 ] && [ "$rc" -ne 77 ] && [ -d "$cluster" ]; then
                for log in "$cluster"/*/log; do
                        echo "--- the end of $log"
                        tail -n 15 "$log"
                done
        fi
        rm -rf "$work"
        exit "$rc"
}
trap clean_up EXIT
trap 'exit 1' INT TERM
at_exit() { clean_ups+=("$1"); }

fail() { echo "FAIL: $*" >&2; exit 1; }
skip() { echo "$*"; exit 77; }
# A part of a script that this machine cannot run; tests/run.sh counts it as skipped.
untried() { echo "not tried: $*"; }
need() { command -v "$1" >/dev/null 2>&1 || skip "$1 is not installed"; }

# From now on $bdfs is a copy that every user may run: a checkout may lie where only root may go.
for_all_users() {
        chmod 755 "$work" && mkdir "$work/bin" && cp "$build"/bdfs* "$work/bin" &&
                chmod 755 "$work/bin" "$work/bin"/* || fail "cannot copy the programs"
        bdfs=$work/bin/bdfs
}

# up [options of cluster up]: start it, and point BDFS_CONF at it.
up() {
        "$bdfs" cluster up --dir "$cluster" --base-port 0 "$@" || fail "cluster up $*"
        export BDFS_CONF=$cluster/client.conf
}
status() { "$bdfs" cluster status --dir "$cluster" --json; }
# port ROLE ID KIND
port() { status | jq -r ".processes[] | select(.role==\"$1\" and .id==$2) | .ports.$3"; }
pid_of() { status | jq -r ".processes[] | select(.role==\"$1\" and .id==$2) | .pid"; }

# interruptible COMMAND...: a shell's background ignores SIGINT; COMMAND does not, as if typed.
interruptible() { exec env --default-signal=INT,QUIT "$@"; }

# expect CODE TEXT COMMAND...: it ends with this exit code and says this (an extended regexp).
expect() {
        local code=$1 text=$2 got rc
        shift 2
        got=$("$@" 2>&1)
        rc=$?
        [ "$rc" -eq "$code" ] || fail "exit $rc instead of $code from: $*: $got"
        [ -z "$text" ] || grep -Eq -- "$text" <<<"$got" || fail "no '$text' in the output of: $*: $got"
}
# within SECONDS COMMAND...: it succeeds before that.
within() {
        local end=$((SECONDS + $1))
        shift
        until "$@" >/dev/null 2>&1; do
                [ "$SECONDS" -lt "$end" ] || fail "not within the time: $*"
                sleep 0.1
        done
}
same() { cmp "$1" "$2" || fail "$1 and $2 differ"; }
random_file() { head -c "$2" /dev/urandom >"$1"; }

# spoil PATH AT: in one replica of the cluster's file, whose blocks have 1 MiB, a bit of the byte at AT
# flips as on a bad disk (docs/formats.md says where it is). $replica is its file.
spoil() {
        local block at=$(($2 % 1048576)) byte
        block=$("$bdfs" info "$1" | grep -o 'blk_[0-9]*\|block [0-9]*' | grep -o '[0-9]*' |
                awk '!seen[$0]++' | sed -n "$(($2 / 1048576 + 1))p")
        replica=$(find "$cluster"/datanode-*/data/blocks -name "$(printf %016x "$block")" | head -n 1)
        [ -f "$replica" ] || fail "no replica of block $block of $1"
        at=$((8192 + at / 458752 * 462848 + 4096 + at % 458752))
        byte=$(od -An -tu1 -j "$at" -N 1 "$replica")
        printf "\\$(printf %o $((byte ^ 1)))" |
                dd of="$replica" bs=1 seek="$at" conv=notrunc status=none || fail "spoil $replica"
}
