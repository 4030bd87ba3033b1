#!/usr/bin/env bash
# Two real uids that are not root, on every port: another's name, another's block, altered and foreign
# tokens, a peer that sends and closes at once. All refused; what is one's own works (Q35 and its kin).
. "$(dirname "$0")/../lib/e2e.sh" || exit 1
need jq
[ "$(id -u)" -eq 0 ] || skip "becoming other users needs root"
getent passwd games >/dev/null && getent passwd man >/dev/null || skip "no users games and man here"
need setpriv
for_all_users
up --datanodes 1 --replication 1 --hadoop loopback
HADOOP_NAMENODE=127.0.0.1:$(port namenode 0 hadoop) hdfs mkdir /intruder || fail "mkdir"
HADOOP_NAMENODE=127.0.0.1:$(port namenode 0 hadoop) hdfs chmod 777 /intruder || fail "chmod"
"$build/tests/intruder" "$BDFS_CONF" games man "$(port namenode 0 tls)" "$(port namenode 0 hadoop)" \
        "$(port datanode 1 tls)" "$(port datanode 1 hadoop)" || fail "an attempt was not refused"

# What needs no answer, and a datanode's calls.
log=$cluster/datanode-1/log
reports() { grep -c 'full report sent' "$log"; }
before=$(reports)
"$build/tests/intruder_data" games man "$(port namenode 0 tls)" "$(port datanode 1 tls)" \
        "$(port datanode 1 hadoop)" "$(sed -n 's/^own_ipc_port = //p' "$cluster/datanode-1/conf")" \
        "$(port datanode 1 hadoop_ipc)" || fail "an attempt was not refused"
reported() { [ "$(reports)" -gt "$before" ]; }
within 10 reported
[ "$(reports)" -eq $((before + 1)) ] || fail "others than root made the datanode report"

# The agent's port, while a job of games runs there: its map is done, its reducer waits.
as() { # as USER COMMAND...
        setpriv --reuid "$1" --regid "$(id -g "$1")" --init-groups env HOME=/nonexistent "${@:2}"
}
mkdir -m 1777 "$work/pub"
touch "$work/pub/hold"
printf 'private\n' >"$work/pub/input"
as games "$bdfs" put "$work/pub/input" /intruder/input || fail "put"
as games "$bdfs" mkdir /intruder/closed /intruder/closed/_attempts || fail "mkdir"
as games "$bdfs" chmod 700 /intruder/closed || fail "chmod"
as games "$bdfs" job run -i /intruder/input -o /intruder/theirs -m 'echo said >&2; cat' \
        -r "echo secret >mine; pwd >$work/pub/where; while [ -e $work/pub/hold ]; do sleep 0.1; done; cat" \
        --file "$work/pub/input" 2>"$work/said" &
theirs=$!
at_exit "rm -f '$work/pub/hold'"
within 20 test -s "$work/pub/where"
where=$(cat "$work/pub/where")
agent=$cluster/agent-1/data
job=$(ls "$agent/jobs")
pid=$(pid_of agent 1)
"$build/tests/intruder_agent" "$BDFS_CONF" games man "$(port agent 1 tls)" "$job" running ||
        fail "an attempt on the agent was not refused"

# What the agent keeps on disk: the map's output, logs, what tasks have in their directories.
kept=0
while read -r path; do
        kept=$((kept + 1))
        if [ -d "$path" ]; then
                as man ls "$path" >/dev/null 2>&1 && fail "man can list $path"
                as man touch "$path/new" 2>/dev/null && fail "man can write to $path"
        else
                as man cat "$path" >/dev/null 2>&1 && fail "man can read $path"
                as man sh -c ": >>'$path'" 2>/dev/null && fail "man can write $path"
        fi
done < <(find "$agent/jobs" "$agent/logs" "$(dirname "$where")" ! -type l)
[ -e "$agent/jobs/$job/m000000_0" ] && [ -e "$where/mine" ] && [ "$kept" -ge 9 ] ||
        fail "what the agent keeps was not there: $kept"
echo "refused  $kept files and directories of the agent"

# The job of games has not noticed, and its logs stay what they are.
rm "$work/pub/hold"
wait "$theirs" || fail "the job of games: $(cat "$work/said")"
[ "$("$bdfs" cat /intruder/theirs/part-00000)" = private ] || fail "its output"
[ "$pid" = "$(pid_of agent 1)" ] || fail "the agent died"
"$build/tests/intruder_agent" "$BDFS_CONF" games man "$(port agent 1 tls)" "$job" ended ||
        fail "an attempt on the agent was not refused"
[ "$(as games "$bdfs" job logs "$job" | grep -c said)" -eq 1 ] || fail "logs"
