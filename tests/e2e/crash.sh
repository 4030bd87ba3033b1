#!/usr/bin/env bash
# kill -9 of each process alone and of all together, while eight writers work: after each restart
# every acknowledged operation is there, every closed file reads back byte for byte, and the tree is
# well formed (N1, N4, B1). A checkpoint falls into every round: it is asked for, since one is due by
# itself only after a quarter of the tables' size in journal bytes.
#   ROUNDS=20 OPERATIONS=1000 SEED=n
. "$(dirname "$0")/../lib/e2e.sh" || exit 1
need jq
rounds=${ROUNDS:-4} operations=${OPERATIONS:-1000} seed=${SEED:-$RANDOM}
echo "seed $seed, $rounds rounds of $operations operations"
RANDOM=$seed
up --no-agents --checkpoint-bytes 64K --block-size 1M

victim() { # a process at random, as "role id"
        case $((RANDOM % 4)) in
        0) echo namenode 0 ;;
        *) echo datanode $((RANDOM % 3 + 1)) ;;
        esac
}
kill_one() { kill -9 "$(pid_of "$@")" 2>/dev/null; }
kill_all() { status | jq -r '.processes[].pid | values' | xargs -r kill -9; }
declare -A killed
checkpoints() { grep -c 'checkpoint made' "$cluster/namenode-0/log"; }
a_checkpoint_since() { [ "$(checkpoints)" -gt "$1" ]; }
# Ask for one until it is made, however often the namenode is killed meanwhile.
ask_checkpoint() {
        local i
        for i in $(seq 200); do
                "$bdfs" --timeout 10 admin checkpoint >/dev/null 2>&1 && return
                sleep 0.05
        done
        return 1
}
restart() { "$bdfs" cluster up --dir "$cluster" || fail "restart"; }

for round in $(seq 1 "$rounds"); do
        mkfifo "$work/go$round"
        "$build/tests/crash_load" "$BDFS_CONF" "/round$round" 8 "$operations" $((seed + round)) \
                <"$work/go$round" >"$work/load$round" 2>&1 &
        load=$!
        began=$(checkpoints)
        exec 9>"$work/go$round"
        ask_checkpoint 9>&- &
        asking=$!
        kills=0
        while ! grep acknowledged "$work/load$round" >/dev/null; do
                kill -0 $load 2>/dev/null || fail "the load ended: $(cat "$work/load$round")"
                sleep "0.$((RANDOM % 3))$((RANDOM % 10))"
                if [ $((RANDOM % 5)) -eq 0 ]; then
                        kill_all && killed[all]=$((${killed[all]:-0} + 1))
                else
                        who=$(victim)
                        # shellcheck disable=SC2086
                        kill_one $who && killed[$who]=$((${killed[$who]:-0} + 1))
                fi
                kills=$((kills + 1))
                restart
                [ $kills -lt 400 ] || fail "no end: $(cat "$work/load$round")"
        done
        wait $asking || fail "round $round: no checkpoint"
        a_checkpoint_since "$began" || fail "round $round: no checkpoint is in the log"
        kill_all
        within 10 "$build/tests/check_namespace" "$cluster/namenode-0/data"
        restart
        echo go >&9
        exec 9>&-
        wait $load || fail "round $round: $(cat "$work/load$round")"
        echo "round $round: $kills kills; $(tr '\n' ';' <"$work/load$round")"
done
for who in all "namenode 0" "datanode 1" "datanode 2" "datanode 3"; do
        echo "$who: killed ${killed[$who]:-0} times"
        [ "$rounds" -lt 20 ] || [ "${killed[$who]:-0}" -ge 3 ] || fail "$who was hardly ever killed"
done
"$bdfs" cluster down --dir "$cluster" || fail "down"
"$build/tests/check_namespace" "$cluster/namenode-0/data" || fail "the tree is not well formed"
