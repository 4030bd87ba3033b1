#!/usr/bin/env bash
# One user opens all the connections that it can, on every port and on the datanode's Unix socket,
# and does with them what costs a server most: the commands of another user and of the owner work
# meanwhile, no process grows by more than one user may take.
. "$(dirname "$0")/../lib/e2e.sh" || exit 1
. "$(dirname "$0")/../lib/attack.sh" || exit 1
needs_two_users
up --datanodes 1 --replication 1 --hadoop loopback
prepare_victim
latency idle 3
own_ipc=$(sed -n 's/^own_ipc_port = //p' "$cluster/datanode-1/conf")
ports="$(port namenode 0 tls) $(port namenode 0 hadoop) $(port datanode 1 tls)
$(port datanode 1 hadoop) $own_ipc $(port datanode 1 hadoop_ipc) $(port agent 1 tls)"
# MiB: one user's 96, as much again before it is counted, stacks of threads, what malloc keeps.
# Without a limit 256 connections with 8 MiB each would be 2048.
grown_most=${GROWN_MOST:-300}

for kind in silent hello half slow changes churn; do
        before_nn=$(resident namenode 0) before_dn=$(resident datanode 1)
        mkfifo "$work/hold-$kind"
        # shellcheck disable=SC2086
        "$tools/attack_connections" "$attacker" "$kind" 60 "$cluster/datanode-1/data/socket" $ports \
                <"$work/hold-$kind" >"$work/said-$kind" 2>&1 &
        pid=$!
        exec 9>"$work/hold-$kind"
        at_exit "kill $pid 2>/dev/null"
        within 50 grep -q ready "$work/said-$kind"
        works_for "$victim" "$kind"
        works_for root "$kind"
        latency "$kind" 3
        grown=$(($(resident namenode 0) - before_nn)) grown_dn=$(($(resident datanode 1) - before_dn))
        echo "           attacker has $(sed 's/ready //' "$work/said-$kind") connections;" \
                "namenode grew by $grown MiB, datanode by $grown_dn MiB"
        [ "$grown" -le "$grown_most" ] || fail "$kind: the namenode grew by $grown MiB"
        [ "$grown_dn" -le "$grown_most" ] || fail "$kind: the datanode grew by $grown_dn MiB"
        exec 9>&-
        wait "$pid" || fail "the attacker ended with $?"
done
grep -h 'as many as one' "$cluster"/*/log | head -n 3
grep -q 'as many as one' "$cluster/namenode-0/log" || fail "no line in the namenode's log"
