#!/usr/bin/env bash
# Tasks of a real uid that fork without end, leave their session and hear no signal: none of it outlives
# the job, or the agent, and another user's job runs beside and after it.
# The user is nobody else's in these tests: its processes are counted.
. "$(dirname "$0")/../lib/e2e.sh" || exit 1
[ "$(id -u)" -eq 0 ] || skip "becoming other users needs root"
getent passwd news >/dev/null && getent passwd man >/dev/null || skip "no users news and man here"
need setpriv
need jq
[ "$(ps -u news -o pid= | wc -l)" -eq 0 ] || skip "news has processes of its own here"
for_all_users
mkdir -m 1777 "$work/pub"
as() { # as USER COMMAND...
        setpriv --reuid "$1" --regid "$(id -g "$1")" --init-groups env HOME=/nonexistent "${@:2}"
}
up --datanodes 1 --replication 1
"$bdfs" mkdir /attack && "$bdfs" chmod 777 /attack || fail "mkdir"
echo input >"$work/pub/input"
"$bdfs" put "$work/pub/input" /attack/input || fail "put"
agent_pid=$(pid_of agent 1)
theirs() { ps -u news -o pid= | wc -l; }
none_left() { [ "$(theirs)" -eq 0 ]; }

cat >"$work/bomb.sh" <<'END'
ulimit -u 500 2>/dev/null || ulimit -p 500 || exit 1
trap '' TERM HUP INT
export S='trap "" TERM HUP INT; while :; do (setsid sh -c "$S" >/dev/null 2>&1 </dev/null &); sleep 0.01; done'
(setsid sh -c "$S" >/dev/null 2>&1 </dev/null &)
touch "$1"
while [ -e "$2" ]; do sleep 0.1; done
END
bomb() { # bomb NAME: runs until $work/pub/NAME.hold is gone
        touch "$work/pub/$1.hold"
        as news "$bdfs" job run -i /attack/input -o "/attack/$1" --file "$work/bomb.sh" \
                -m "sh bomb.sh $work/pub/$1.begun $work/pub/$1.hold" >"$work/$1.said" 2>&1 &
}
many() { [ "$(theirs)" -gt 100 ]; }

# The job ends by itself.
bomb ends
job=$!
within 60 many
rm "$work/pub/ends.hold"
wait "$job" || fail "the job: $(cat "$work/ends.said")"
within 10 none_left

# It is cancelled; meanwhile another user's job goes on.
bomb cancelled
job=$!
within 60 many
as man "$bdfs" --quiet job run -i /attack/input -o /attack/mans -m 'id -un' || fail "another user's job"
[ "$(as man "$bdfs" cat /attack/mans/part-00000)" = man ] || fail "another user's output"
kill -INT "$job"
wait "$job" && fail "a job that was cancelled succeeded"
within 30 none_left
[ "$agent_pid" = "$(pid_of agent 1)" ] || fail "the agent died"

# Its agent is killed.
bomb orphan
job=$!
within 60 many
kill -9 "$agent_pid"
within 10 none_left
kill "$job" 2>/dev/null
wait "$job"
"$bdfs" cluster up --dir "$cluster" || fail "the agent again"
as news "$bdfs" --quiet job run -i /attack/input -o /attack/after -m cat || fail "a job after all that"

# What a task leaves behind without harm is reaped, not kept: no zombies while it runs.
as news "$bdfs" --quiet job run -i /attack/input -o /attack/zombies \
        -m 'for i in 1 2 3 4 5 6 7 8 9; do (sh -c : &); done; sleep 0.5; ps -u news -o stat= | grep -c Z; true' ||
        fail "zombies"
[ "$("$bdfs" cat /attack/zombies/part-00000)" = 0 ] || fail "zombies are kept"
