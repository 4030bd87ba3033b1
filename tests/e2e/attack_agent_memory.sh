#!/usr/bin/env bash
# What strangers make an agent keep has a limit: attempts that wait, jobs, shipped files, long lines. While
# one user fills it up another's job still runs.
. "$(dirname "$0")/../lib/e2e.sh" || exit 1
[ "$(id -u)" -eq 0 ] || skip "becoming other users needs root"
getent passwd games >/dev/null && getent passwd man >/dev/null || skip "no users games and man here"
need setpriv
need jq
for_all_users
mkdir -m 1777 "$work/pub"
as() { # as USER COMMAND...
        setpriv --reuid "$1" --regid "$(id -g "$1")" --init-groups env HOME=/nonexistent "${@:2}"
}
up --datanodes 1 --replication 1
"$bdfs" mkdir /attack && "$bdfs" chmod 777 /attack || fail "mkdir"
echo input >"$work/pub/input"
"$bdfs" put "$work/pub/input" /attack/input || fail "put"
as games "$bdfs" mkdir /attack/.own /attack/.own/_attempts || fail "mkdir"
agent_pid=$(pid_of agent 1)
slots=$(sed -n 's/^slots = //p' "$cluster/agent-1/conf")
peak() { awk '/VmHWM/ {print int($2 / 1024)}' "/proc/$agent_pid/status"; } # MiB

attack() { # attack USER <LINES
        "$build/tests/attack_agent" "$BDFS_CONF" "$1" "$(port agent 1 tls)" /attack/input
}

# games has every slot, with tasks that do not end, and 4000 attempts wait that each have 60 kB to say.
touch "$work/pub/hold"
at_exit "rm -f '$work/pub/hold'"
job=job_0000000000001_0001
{
        echo "begin $job touch $work/pub/begun.\$\$; while [ -e $work/pub/hold ]; do echo; sleep 0.1; done"
        for ((i = 0; i <= slots; i++)); do echo "start $job $i 0"; done
        echo "flood $job 4000 60000"
        echo "jobs 3000"
        echo "put $job 0 10"
        echo "put $job 1000000000000000 10"
} | attack games >"$work/out" || fail "attack_agent: $(cat "$work/out")"
grep -q '^flood LIMIT .*memory' "$work/out" || fail "attempts that wait have no limit: $(grep flood "$work/out")"
grep -q '^jobs LIMIT' "$work/out" || fail "jobs have no limit: $(grep jobs "$work/out")"
[ "$(grep ^put "$work/out" | cut -d' ' -f2 | tr '\n' ' ')" = "OK LIMIT " ] ||
        fail "shipped files have no limit: $(grep put "$work/out")"
[ "$(peak)" -lt 400 ] || fail "the agent took $(peak) MiB for what waits"
as man timeout 60 "$bdfs" --quiet job run -i /attack/input -o /attack/mans -m 'id -un' -r cat ||
        fail "another user's job, while one has all slots and all it may have of memory"
[ "$(as man "$bdfs" cat /attack/mans/part-00000)" = man ] || fail "another user's output"
rm "$work/pub/hold"
echo "end $job" | attack games >"$work/out" || fail "attack_agent: $(cat "$work/out")"
grep -q '^end OK' "$work/out" || fail "$(cat "$work/out")"

# All that was taken is given back: the same job may begin under another name.
# (On a slow machine the first one has ended by itself, its driver being silent, and removed its directory.)
as games "$bdfs" mkdir -p /attack/.own/_attempts || fail "mkdir"
{
        echo "begin job_0000000000002_0001 true"
        echo "start job_0000000000002_0001 0 0"
        echo "wait job_0000000000002_0001 1"
        echo "end job_0000000000002_0001"
} | attack games >"$work/out"
grep -q '^ended 0 0 3' "$work/out" || fail "after that: $(cat "$work/out")"

# Long lines: what is sorted says by name that a line is too long; what is not sorted has no lines.
expect 1 'a line of more than 64 MiB' as games "$bdfs" job run -i /attack/input -o /attack/long \
        -m 'head -c 700000000 /dev/zero' -r cat
[ "$(peak)" -lt 700 ] || fail "the agent took $(peak) MiB for a long line"
as games "$bdfs" --quiet job run -i /attack/input -o /attack/long -m 'head -c 300000000 /dev/zero' ||
        fail "a map-only job with one long line"
[ "$("$bdfs" cat /attack/long/part-00000 | head -c 300000000 | wc -c)" -eq 300000000 ] || fail "its output"
as games "$bdfs" --quiet job run -i /attack/long/part-00000 -o /attack/longer -m 'wc -c' ||
        fail "a long line as input"
[ "$(peak)" -lt 700 ] || fail "the agent took $(peak) MiB for a long line as input"
[ "$agent_pid" = "$(pid_of agent 1)" ] || fail "the agent died"
