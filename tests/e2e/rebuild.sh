#!/usr/bin/env bash
# A simulated power loss of the namenode: killed, its tables spoiled, the boot id another one. It
# rebuilds itself from checkpoint and journal to the same digest (N5); what is not trusted is not read.
. "$(dirname "$0")/../lib/e2e.sh" || exit 1
need jq
up --no-agents --checkpoint-bytes 64K --block-size 1M
ask() { "$build/tests/ask" "$BDFS_CONF" "$@"; }
data=$cluster/namenode-0/data

load() { # load NAME OPERATIONS: and everything that was acknowledged is there
        echo go | "$build/tests/crash_load" "$BDFS_CONF" "/$1" 4 "$2" 7 || fail "load $1"
}
load before 600
ask checkpoint || fail "checkpoint"
load after 300

spoil_and_restart() { # spoil_and_restart WHAT COMMAND...
        local what=$1 was now
        shift
        was=$(ask digest) || fail "digest"
        kill -9 "$(pid_of namenode 0)"
        "$@"
        "$bdfs" cluster up --dir "$cluster" || fail "restart after $what"
        now=$(ask digest) || fail "digest after $what"
        [ "$was" = "$now" ] || fail "$what: the digest was $was and is $now"
        echo "same digest after: $what"
}
other_boot() { echo 00000000-1111-2222-3333-444444444444 >"$data/tables/boot"; }
spoiled() { other_boot; printf 'spoiled' | dd of="$data/tables/data.mdb" bs=1 seek=20000 conv=notrunc status=none; }
removed() { rm -rf "$data/tables"; }
no_newest() { # the newest checkpoint is damaged too: the older one and more journal
        local newest
        other_boot
        newest=$(ls "$data"/checkpoints/checkpoint-*[0-9a-f] | tail -n 1)
        printf 'spoiled' | dd of="$newest" bs=1 seek=9000 conv=notrunc status=none
}
spoil_and_restart "kill -9 alone" true
spoil_and_restart "another boot id, tables spoiled" spoiled
spoil_and_restart "tables removed" removed
spoil_and_restart "the newest checkpoint damaged too" no_newest
echo "$(grep -c 'rebuil\|restored' "$cluster/namenode-0/log") rebuilds in the log"
load last 100
"$bdfs" cluster down --dir "$cluster"
"$build/tests/check_namespace" "$data" || fail "the tree is not well formed"
