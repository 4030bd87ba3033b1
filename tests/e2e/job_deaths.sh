#!/usr/bin/env bash
# Agents and drivers that die in the middle: the job gives the same bytes, or nothing stays of it.
. "$(dirname "$0")/../lib/e2e.sh" || exit 1
chmod 711 "$work"
mkdir -m 1777 "$work/pub"
marker=bdfs-job-deaths-$$
tasks_run() { grep -lsa -- "$marker[=]" /proc/[0-9]*/cmdline; }

up --block-size 1M
seq 1 1000000 >"$work/numbers"
"$bdfs" put "$work/numbers" /numbers
LC_ALL=C sort "$work/numbers" >"$work/want"

# During the maps.
"$bdfs" job run -i /numbers -o /maps -m "touch $work/pub/maps; sleep 1; cat" -r cat 2>"$work/said" &
job=$!
within 20 test -e "$work/pub/maps"
kill -9 "$(pid_of agent 1)"
wait "$job" || fail "an agent died during the maps: $(cat "$work/said")"
"$bdfs" cat /maps/part-00000 | cmp -s - "$work/want" || fail "other bytes"
"$bdfs" cluster up --dir "$cluster" || fail "the agent again"

# During the reduces: outputs of maps are lost with the agent, and are made again.
"$bdfs" job run -i /numbers -o /reduces -m cat -n 3 \
        -r "read -r first; echo \$first; touch $work/pub/reduces; sleep 2; cat" 2>"$work/said" &
job=$!
within 30 test -e "$work/pub/reduces"
kill -9 "$(pid_of agent 2)"
wait "$job" || fail "an agent died during the reduces: $(cat "$work/said")"
"$bdfs" cat '/reduces/part-*' | LC_ALL=C sort | cmp -s - "$work/want" || fail "other records"
"$bdfs" cluster up --dir "$cluster" || fail "the agent again"

# Tasks do not outlive their agent.
"$bdfs" job run -i /numbers -o /none -m "touch $work/pub/none; sh -c 'sleep 1000; : $marker='" 2>"$work/said" &
job=$!
within 20 test -e "$work/pub/none"
for k in 1 2 3; do kill -9 "$(pid_of agent $k)"; done
wait "$job" && fail "a job without agents succeeded"
within 10 sh -c "! grep -lsa -- '$marker[=]' /proc/[0-9]*/cmdline"
"$bdfs" ls / | grep none && fail "something is left: $("$bdfs" ls /)"
"$bdfs" cluster up --dir "$cluster" || fail "the agents again"

# A datanode beside its agent: others have the blocks.
"$bdfs" job run -i /numbers -o /datanode -m "touch $work/pub/datanode; sleep 0.5; cat" -r cat 2>"$work/said" &
job=$!
within 20 test -e "$work/pub/datanode"
kill -9 "$(pid_of datanode 3)" "$(pid_of agent 3)"
wait "$job" || fail "a node died: $(cat "$work/said")"
"$bdfs" cat /datanode/part-00000 | cmp -s - "$work/want" || fail "other bytes"
"$bdfs" cluster up --dir "$cluster" || fail "the node again"

# An agent that sleeps while the job goes on without it: when it wakes it ends what it has of the job,
# and leaves the output to the driver, who lives.
touch "$work/pub/hold"
"$bdfs" job run -i /numbers -o /asleep -m "touch $work/pub/asleep; sleep 1; cat" \
        -r "touch $work/pub/reducing; while [ -e $work/pub/hold ]; do sleep 0.1; done; cat" 2>"$work/said" &
job=$!
within 20 test -e "$work/pub/asleep"
kill -STOP "$(pid_of agent 3)"
at_exit "kill -CONT $(pid_of agent 3) 2>/dev/null"
within 40 test -e "$work/pub/reducing"
sleep 31 # longer than an agent bears a silent driver
kill -CONT "$(pid_of agent 3)"
within 40 grep -q 'job ended .*reason=driver silent' "$cluster/agent-3/log"
within 10 grep -q 'staging kept ' "$cluster/agent-3/log"
rm "$work/pub/hold"
wait "$job" || fail "an agent slept: $(cat "$work/said")"
"$bdfs" cat /asleep/part-00000 | cmp -s - "$work/want" || fail "other bytes"

# An agent that does not answer at all is not waited for.
kill -STOP "$(pid_of agent 3)"
SECONDS=0
"$bdfs" job run -i /numbers -o /mute -m cat -r cat 2>"$work/said" || fail "a mute agent: $(cat "$work/said")"
[ "$SECONDS" -lt 30 ] || fail "a mute agent was waited for: $SECONDS s"
kill -CONT "$(pid_of agent 3)"
"$bdfs" cat /mute/part-00000 | cmp -s - "$work/want" || fail "other bytes"

# An attempt that was given up while its output was being kept: the next one's takes its place.
touch "$work/pub/hold"
"$bdfs" job run -i /numbers -o /kept -m cat -r "touch $work/pub/kept; while [ -e $work/pub/hold ]; do sleep 0.1; done; cat" \
        2>"$work/said" &
job=$!
within 40 test -e "$work/pub/kept"
"$bdfs" put "$work/said" "$("$bdfs" ls / | grep -o '/\.kept\.job.*')/part-00000" || fail "put"
rm "$work/pub/hold"
wait "$job" || fail "a part that was there: $(cat "$work/said")"
"$bdfs" cat /kept/part-00000 | cmp -s - "$work/want" || fail "other bytes"

# The driver: its tasks and its hidden directory are gone within a minute. Each agent ends the job by
# itself; the first of them removes the directory.
"$bdfs" job run -i /numbers -o /orphan -m "touch $work/pub/orphan; sh -c 'sleep 1000; : $marker='" 2>/dev/null &
job=$!
within 20 test -e "$work/pub/orphan"
kill -9 "$job"
wait "$job" 2>/dev/null
no_files_of_agents() {
        [ -z "$(find "$cluster"/agent-*/data/jobs "$cluster"/agent-*/data/work -mindepth 1)" ]
}
no_orphan() { ! tasks_run && ! "$bdfs" ls / | grep orphan && no_files_of_agents; }
within 60 no_orphan
