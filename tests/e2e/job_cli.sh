#!/usr/bin/env bash
# `bdfs job run` as people use it: names of the cluster in any form, scripts that are shipped, all
# that is wrong in one message, Hadoop's spellings, machine-readable results, two Ctrl-Cs.
. "$(dirname "$0")/../lib/e2e.sh" || exit 1
need jq
chmod 711 "$work"
export LC_ALL=C
cd "$work" || fail "no directory"
up --block-size 1M --hadoop loopback --slots 2 --task-timeout 33 --sort-memory 4M

# What cluster up was told of agents is kept, over a stop too.
kept() {
        for line in 'slots = 2' 'task_timeout = 33s' 'sort_buffer = 4194304'; do
                grep -qx "$line" "$cluster/agent-2/conf" || fail "$1: $(cat "$cluster/agent-2/conf")"
        done
}
kept 'cluster up'
"$bdfs" cluster down --dir "$cluster" && "$bdfs" cluster up --dir "$cluster" --slots 7 || fail "up again"
kept 'cluster up again'
expect 2 '--slots wants' "$bdfs" cluster up --dir "$work/other" --slots 0

# doctor and admin report know agents.
expect 0 'agents +3, beside 3 datanodes' "$bdfs" doctor
[ "$("$bdfs" admin report | grep -c '^Agent: port [0-9]*$')" -eq 3 ] || fail "report: $("$bdfs" admin report)"
"$bdfs" --json admin report | jq -e "[.datanodes[].agent_port] | index($(port agent 1 tls)) != null" >/dev/null ||
        fail "report --json"
kill -9 "$(pid_of agent 1)"
within 20 sh -c "'$bdfs' doctor | grep -q 'agents  *2, beside 3 datanodes'"
expect 0 'warning +agent +127.0.0.1:[0-9]+, of the datanode 127.0.0.1:[0-9]+, does not answer' "$bdfs" doctor
"$bdfs" cluster up --dir "$cluster" || fail "up again"
"$bdfs" mkdir /in /in/sub /other
seq 1 1000 >numbers
"$bdfs" put numbers /in/numbers
run() { "$bdfs" --quiet job run "$@"; }

# Names: as the cluster is called, and by its own addresses.
own=$(port namenode 0 tls)
hadoop=$(port namenode 0 hadoop)
name=$("$bdfs" --json stat '%n' /in/numbers >/dev/null 2>&1; sed -n 's/^name *= *//p' "$BDFS_CONF")
for uri in "bdfs://${name:-bdfs}" "hdfs://127.0.0.1:$hadoop" "hdfs://localhost:$hadoop" \
        "hdfs://127.0.0.1:$own" bdfs:// hdfs://; do
        run -i "$uri/in/numbers" -o "$uri/out" -m cat || fail "names: $uri"
        "$bdfs" cat '/out/part-*' | cmp - numbers || fail "names: $uri: output"
        run -i "$uri/in/num*" -o "$uri/out2" -m cat || fail "patterns: $uri"
        "$bdfs" rm -r -skipTrash /out /out2 >/dev/null || fail rm
done
expect 2 'is not on this cluster' "$bdfs" job run -i hdfs://127.0.0.1:1/in/numbers -o /out -m cat
expect 2 '-o -: the output is a directory' "$bdfs" job run -i /in/numbers -o - -m cat

# Scripts: found by name; a module beside them is found too; what is missing is explained.
printf '#!/usr/bin/env python3\nimport sys, helper\nfor l in sys.stdin: print(helper.f(l.strip()))\n' >script.py
printf 'def f(x): return "x" + x\n' >helper.py
head -n 3 numbers >few
"$bdfs" put few /in/few
printf 'x1\nx2\nx3\n' >want
for command in script.py ./script.py 'python3 script.py'; do
        run -i /in/few -o /out -m "$command" --file script.py --file helper.py || fail "$command"
        "$bdfs" cat '/out/part-*' | cmp - want || fail "$command: output"
        "$bdfs" rm -r -skipTrash /out >/dev/null
done
run -i /in/numbers -o /out -m 'cat >/dev/null; { echo bad >>helper.py && echo changed; } 2>/dev/null
        cp script.py new && mv new script.py; chmod u+w ../files/helper.py 2>/dev/null; cat helper.py' \
        -r 'cat >/dev/null; cat helper.py script.py' --file helper.py --file script.py || fail "shipped files"
"$bdfs" cat '/out/part-*' | cmp - <(cat helper.py script.py) || fail "a task changed a shipped file"
"$bdfs" rm -r -skipTrash /out >/dev/null
for command in 'python3 script.py' './script.py' 'cat | python3 script.py'; do
        expect 1 'script.py is a file here, but was not shipped: --file script.py' \
                "$bdfs" job run -i /in/few -o /out -m "$command"
done
"$bdfs" job run -i /in/few -o /out -m 'exit 3' 2>&1 | grep 'not shipped' && fail "a hint for nothing"

# All that is wrong with the inputs, in one message.
"$bdfs" job run -i /no/one /in/numbers '/in/x*' /in hdfs://127.0.0.1:1/q /no/two -o /out -m cat >said 2>&1
[ $? -eq 3 ] || fail "bad inputs: $(cat said)"
for text in '/no/one: No such file' '/no/two: No such file' '/in/x\* matches 0 files' 'Not a file: /in/sub' \
        'hdfs://127.0.0.1:1/q is not on this cluster'; do
        grep -q -- "$text" said || fail "bad inputs: no '$text' in: $(cat said)"
done
[ "$(wc -l <said)" -eq 1 ] || fail "bad inputs: more than one line: $(cat said)"

# Hadoop's spellings: the native form is shown.
expect 2 'bdfs job run -i /in -o /out -m .*script.py.* -r .*uniq -c.* -n 3 --file script.py' \
        "$bdfs" job run -input /in -output /out -mapper script.py -reducer 'uniq -c' \
        -numReduceTasks 3 -file script.py
expect 2 'bdfs job run -i /in -o /out -m cat --file a.py --file b.py' \
        "$bdfs" job run -files a.py,b.py -D mapreduce.job.reduces=0 -input /in -output /out -mapper cat
expect 2 'bdfs job run -i /in -o /out -m cat -r .sort -u. -n 2' "$bdfs" jar hadoop-streaming.jar \
        -D mapreduce.job.reduces=2 -input /in -output /out -mapper cat -reducer 'sort -u'

# For programs.
"$bdfs" job run --json -i /in/numbers -o /out -m cat -r 'wc -l' >said 2>err || fail "--json: $(cat err)"
[ ! -s err ] || fail "--json says on stderr: $(cat err)"
jq -e '.status == "succeeded" and (.job | startswith("job_")) and .output == "/out" and .maps == 1
        and .reduces == 1 and .input_bytes == 3893 and .input_records == 1000
        and .output_records == 1 and .retries == 0 and .ms >= 0' said >/dev/null || fail "--json: $(cat said)"
"$bdfs" job run --json -i /in/numbers -o /out2 -m 'echo oh >&2; exit 3' >said 2>err
[ $? -eq 1 ] || fail "--json of a failure"
jq -e '.status == "failed" and .node != "" and .split == "/in/numbers:0+3893" and .stderr == "oh\n"
        and (.error | test("exit code 3")) and (.attempt | startswith("attempt_"))' said >/dev/null ||
        fail "--json of a failure: $(cat said)"
"$bdfs" job run --json -i /nope -o /out2 -m cat >said 2>err
[ $? -eq 3 ] || fail "--json of a refusal"
jq -e '.status == "failed" and .attempt == null and (.error | test("/nope"))' said >/dev/null ||
        fail "--json of a refusal: $(cat said)"

# A summary is one line, with what people ask for.
"$bdfs" job run -i /in/numbers -o /short -m cat 2>said || fail short
grep -Eq '^job_[0-9]+_[0-9]{4} done in [0-9.]+ s: 1000 records, 3.9 KB? .*in; 1000 records, .* out; output /short$' said ||
        grep -Eq '^job_[0-9_]+ done in [0-9.]+ s: ' said || fail "summary: $(cat said)"
[ "$(wc -c <said)" -lt 160 ] || fail "the summary is long: $(cat said)"

# A time to live without sign of life; one that computes lives.
mkdir -m 1777 pub
expect 1 'did nothing for 1 s.*--timeout' "$bdfs" job run --timeout 1 -i /in/few -o /never -m 'sleep 1000'
run --timeout 2 -i /in/few -o /busy -m "cat; python3 -c 'import time
end = time.monotonic() + 5
while time.monotonic() < end: pass'" || fail "a task that computes is no idle one"
expect 2 '--timeout wants' "$bdfs" job run --timeout x -i /in/few -o /never -m cat

# Ctrl-C says what it does; the second one ends the program at once.
interruptible "$bdfs" job run -i /in/few -o /int -m "trap '' TERM; touch $work/pub/begun; sleep 1000 & wait; sleep 1000" 2>said &
job=$!
within 20 test -e pub/begun
kill -INT $job
within 20 grep -q 'again to leave at once' said
kill -INT $job
within 4 sh -c "! kill -0 $job 2>/dev/null || grep -q Z /proc/$job/stat"
wait $job
rc=$?
[ $rc -eq 130 ] || fail "a second Ctrl-C: $rc: $(cat said)"
