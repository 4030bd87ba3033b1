#!/usr/bin/env bash
# Daemons die, and another user's program takes their ports: nobody sends it a byte (no registration,
# no token, no data), nobody does what it says, everybody says who has the port; and when the daemons
# are back, everything is as before.
. "$(dirname "$0")/../lib/e2e.sh" || exit 1
. "$(dirname "$0")/../lib/attack.sh" || exit 1
needs_two_users
up --datanodes 2 --replication 2 --block-size 1M
prepare_victim
own_ipc=$(sed -n 's/^own_ipc_port = //p' "$cluster/datanode-1/conf")
uid=$(id -u "$attacker")

impostor() { # impostor NAME PORT...
        mkfifo "$work/hold-$1"
        "$tools/impostor" "$attacker" "$work/heard-$1" "${@:2}" <"$work/hold-$1" >"$work/said-$1" &
        pid=$!
        exec 9>"$work/hold-$1"
        at_exit "kill $pid 2>/dev/null"
        within 20 grep -q ready "$work/said-$1"
}
leave() {
        exec 9>&-
        wait "$pid" || fail "the impostor ended with $?"
}
# Nothing was said, or what was.
unheard() {
        [ ! -s "$work/heard-$1" ] ||
                fail "$1: the impostor was told $(wc -c <"$work/heard-$1") bytes, as: $(
                        strings -n 6 "$work/heard-$1" | head -n 12 | tr '\n' ' ')"
}

# The namenode's port: datanodes, agents and clients.
ports="$(port namenode 0 tls)"
kill -9 "$(pid_of namenode 0)"
# shellcheck disable=SC2086
impostor namenode $ports
for user in "$victim" root; do
        as "$user" timeout 60 "$bdfs" --timeout 5 ls /attack >"$work/out" 2>&1 &&
                fail "ls by $user worked: $(cat "$work/out")"
        unheard namenode
        grep -q "served by uid $uid" "$work/out" || fail "ls by $user: $(cat "$work/out")"
done
registered_with() { grep -q "served by uid $uid" "$cluster/datanode-$1/log"; }
within 30 registered_with 1
within 30 registered_with 2
unheard namenode
echo "refused  a namenode of $attacker: $(grep -h "served by uid" "$cluster/datanode-1/log" | head -n 1)"
leave
"$bdfs" cluster up --dir "$cluster" >/dev/null || fail "cluster up"
works_for "$victim" "after the namenode's impostor"

# A datanode's ports: clients, and the other datanode's copies and pipelines.
ports="$(port datanode 1 tls) $own_ipc"
kill -9 "$(pid_of datanode 1)"
# shellcheck disable=SC2086
impostor datanode $ports
for i in 1 2 3; do
        as "$victim" timeout 60 "$bdfs" cat /attack/file >"$work/got" || fail "cat $i"
        same "$work/file" "$work/got"
        as "$victim" timeout 100 "$bdfs" --timeout 10 put -f "$work/file" "/attack/new-$i" 2>"$work/out" ||
                grep -q "served by\|replicas\|datanode" "$work/out" || fail "put: $(cat "$work/out")"
done
unheard datanode
echo "refused  a datanode of $attacker"
leave
"$bdfs" cluster up --dir "$cluster" >/dev/null || fail "cluster up"
works_for "$victim" "after the datanode's impostor"
