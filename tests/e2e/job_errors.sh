#!/usr/bin/env bash
# Jobs that cannot be done: each gives one clear error and its exit code, and leaves nothing behind:
# no output, no hidden directory, no files of the agents, no processes.
. "$(dirname "$0")/../lib/e2e.sh" || exit 1
chmod 711 "$work"
marker=bdfs-job-errors-$$
mkdir -m 1777 "$work/pub"

nothing_left() {
        local left
        left=$("$bdfs" ls -R / | grep -v '^Found' | awk '{print $NF}' | grep -v '^/in\(/\|$\)')
        [ -z "$left" ] || fail "left in the cluster: $left"
        left=$(find "$cluster"/agent-*/data/jobs "$cluster"/agent-*/data/work -mindepth 1)
        [ -z "$left" ] || fail "left by agents: $left"
        grep -lsa -- "$marker[=]" /proc/[0-9]*/cmdline && fail "a task still runs"
        true
}

# refused CODE TEXT OPTIONS...: the job ends so, and leaves nothing.
refused() {
        local code=$1 text=$2
        shift 2
        expect "$code" "$text" "$bdfs" job run "$@"
        "$bdfs" job run "$@" 2>&1 | grep -c '^\(bdfs \)\?job: ' >"$work/errors"
        [ "$(cat "$work/errors")" -eq 1 ] || fail "$(cat "$work/errors") errors, not one, from: $*"
        nothing_left
}

up --block-size 1M
"$bdfs" mkdir /in /in/dir /in/dir/sub
seq 1 400000 >"$work/numbers"
"$bdfs" put "$work/numbers" /in/numbers

# What is wrong with the request.
refused 2 '-i PATH is needed' -o /out -m cat
refused 2 '-o DIR is needed' -i /in/numbers -m cat
refused 2 '-m COMMAND is needed' -i /in/numbers -o /out
refused 2 'from 1 to 10000' -i /in/numbers -o /out -m cat -r cat -n 0
refused 2 '-n without -r' -i /in/numbers -o /out -m cat -n 3
refused 2 'unexpected word' -i /in/numbers -o /out stray -m cat
refused 2 '--nonsense' -i /in/numbers -o /out -m cat --nonsense
refused 3 'input: /nope: No such file or directory; /nada: No such file' -i /nope /in/numbers /nada -o /out -m cat
refused 3 '/in/x\* matches 0 files' -i '/in/x*' -o /out -m cat
refused 1 'Not a file: /in/dir/sub' -i /in/dir -o /out -m cat
refused 4 '/in/dir already exists' -i /in/numbers -o /in/dir -m cat
refused 4 '/in/numbers already exists' -i /in/numbers -o /in/numbers -m cat
refused 1 'not a directory' -i /in/numbers -o /in/numbers/out -m cat
refused 3 '--file /no/such/file: No such file' -i /in/numbers -o /out -m cat --file /no/such/file
refused 2 'only files can be shipped' -i /in/numbers -o /out -m cat --file /etc

# What tasks do.
refused 1 'the command ended with exit code 3' -i /in/numbers -o /out -m 'echo it went wrong >&2; exit 3'
expect 1 'it went wrong' "$bdfs" job run -i /in/numbers -o /out -m 'echo it went wrong >&2; exit 3'
expect 1 'split /in/numbers:[0-9]*\+[0-9]*' "$bdfs" job run -i /in/numbers -o /out -m 'false'
expect 1 'node 127.0.0.1:[0-9]*  attempt attempt_[0-9]*_[0-9]{4}_m_00000[0-9]_3' \
        "$bdfs" job run -i /in/numbers -o /out -m 'false'
refused 1 'cannot run `no-such.py`: no such command \(shipped: nothing\); did you forget --file' \
        -i /in/numbers -o /out -m 'no-such.py --fast'
refused 1 'the command ended with exit code 3' -i /in/numbers -o /out -m 'cat | (exit 3) | cat'
refused 1 'the command ended with exit code 1$' -i /in/numbers -o /out -m cat -r 'false | cat'
refused 1 'exit code 1 \(grep says 1 when no line matches' -i /in/numbers -o /out -m 'grep none | cat'
refused 1 'exit code 141: a part of a pipe was ended by SIGPIPE' -i /in/numbers -o /out \
        -m 'yes | head -n 1 && echo more'
refused 1 'killed by signal SEGV' -i /in/numbers -o /out -m 'sh -c "kill -SEGV \$\$"; exit $?'
refused 1 'killed by signal SEGV' -i /in/numbers -o /out -m 'kill -SEGV $$'
refused 1 'the command ended with exit code 7' -i /in/numbers -o /out -m cat -r 'exit 7' -n 3
refused 1 'cannot run `nope`' -i /in/numbers -o /out/deep/below -m cat -r nope
printf '#!/usr/bin/env python3\r\nprint(1)\r\n' >"$work/crlf.py"
refused 1 'its first line ends in CR LF' -i /in/numbers -o /out -m ./crlf.py --file "$work/crlf.py"
printf 'echo x\n' >"$work/data"
refused 1 'cannot run' -i /in/numbers -o /out -m '/proc/self/status' --file "$work/data"

# A command that is not there is confirmed once, not tried everywhere.
"$bdfs" job run -i /in/numbers -o /out -m nothing-like-that 2>"$work/said"
id=$(grep -o 'job_[0-9_]*' "$work/said" | head -n 1)
"$bdfs" job logs "$id" >"$work/logs" || fail "job logs"
grep -q 'nothing-like-that: command not found' "$work/logs" || fail "the logs do not say it"

# A part of a pipe that was ended because the next one had enough has not failed.
"$bdfs" --quiet job run -i /in/numbers -o /in/enough -m 'grep 9 | head -n 2' -r 'cat | head -n 3' || fail enough
[ "$("$bdfs" cat '/in/enough/part-*' | wc -l)" -eq 3 ] || fail "enough: output"

# Tasks that leave children behind, and tasks that hold their output open.
"$bdfs" --quiet job run -i /in/numbers -o /in/kids \
        -m "head -n 1; (setsid sh -c 'sleep 1000; : $marker=' >/dev/null 2>&1 </dev/null &)" || fail kids
[ "$("$bdfs" cat '/in/kids/part-*' | wc -l)" -eq 3 ] || fail "kids: output"
nothing_left

# Logs of old jobs are kept, but not without end.
logs=$cluster/agent-1/data/logs
mkdir "$logs"/job_000000000000{0..3}_{0000..0099}
few_logs() { [ "$(ls "$logs" | wc -l)" -eq 200 ]; }
within 20 few_logs
ls "$logs" | grep -q 'job_000000000000[01]' && fail "the oldest logs are kept"

# Ctrl-C, once.
interruptible "$bdfs" job run -i /in/numbers -o /out -m "cat; touch $work/pub/begun; sh -c 'sleep 1000; : $marker='" \
        2>"$work/said" &
job=$!
within 20 test -e "$work/pub/begun"
kill -INT "$job"
wait "$job"
rc=$?
[ "$rc" -eq 10 ] || fail "an interrupted job ended with $rc"
grep -q 'cancelled; nothing of it is left' "$work/said" || fail "cancelled: $(cat "$work/said")"
nothing_left

# The input changes while the job runs: what has begun may end, but nothing is mixed.
cat "$work/numbers" "$work/numbers" "$work/numbers" >"$work/more"
"$bdfs" put "$work/more" /in/changing
"$bdfs" job run -i /in/changing -o /out -m "touch $work/pub/changing; sleep 1; cat" 2>"$work/said" &
job=$!
within 20 test -e "$work/pub/changing"
"$bdfs" rm -skipTrash /in/changing >/dev/null 2>&1 || fail rm
"$bdfs" put "$work/data" /in/changing
wait "$job"
rc=$?
[ "$rc" -eq 1 ] || fail "a job over a changed input ended with $rc"
grep -q 'the input changed while the job ran: /in/changing' "$work/said" ||
        fail "changed: $(cat "$work/said")"
nothing_left

# Two jobs, one output: exactly one wins.
for k in 1 2; do
        "$bdfs" --quiet job run -i /in/numbers -o /in/twice -m 'sleep 0.5; cat' 2>"$work/said$k" &
        jobs[k]=$!
done
wait "${jobs[1]}"
first=$?
wait "${jobs[2]}"
second=$?
[ "$first $second" = "0 4" ] || [ "$first $second" = "4 0" ] ||
        fail "two jobs for one output ended with $first and $second"
[ "$("$bdfs" cat '/in/twice/part-*' | wc -l)" -eq 400000 ] || fail "the winner's output"
nothing_left

# No agents; no cluster.
for k in 1 2 3; do kill -9 "$(pid_of agent $k)"; done
expect 6 'agent' "$bdfs" job run -i /in/numbers -o /out -m cat
"$bdfs" cluster down --dir "$cluster"
expect 6 'cannot reach' "$bdfs" job run -i /in/numbers -o /out -m cat
