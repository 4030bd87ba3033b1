#!/usr/bin/env bash
# What a task leaves in its directory for an agent of root to walk over: links to root's files, another
# user's directories, names that change while they are removed. And names that are used twice.
. "$(dirname "$0")/../lib/e2e.sh" || exit 1
[ "$(id -u)" -eq 0 ] || skip "becoming other users needs root"
getent passwd games >/dev/null && getent passwd man >/dev/null || skip "no users games and man here"
need jq
need setpriv
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

attack() { # attack USER <LINES
        "$build/tests/attack_agent" "$BDFS_CONF" "$1" "$(port agent 1 tls)" /attack/input
}

# What must stay as it is: content, owner, mode.
mkdir -m 755 "$work/victims" "$work/victims/dir"
echo precious >"$work/victims/file"
echo precious >"$work/victims/dir/file"
chmod 604 "$work/victims/file"
chmod 644 "$work/victims/dir/file"
state() { find "$work/victims" -exec stat -c '%n %u:%g %a %s' {} + -type f -exec cat {} + | sort; }
state >"$work/before"
unharmed() { state | diff "$work/before" - || fail "$1: a file of root's has changed"; }

# Two attempts of one name: the second would find what the first left for it.
touch "$work/pub/hold"
at_exit "rm -f '$work/pub/hold'"
plant="rm -rf tmp shipped; ln -s $work/victims/file tmp; ln -s $work/victims/file shipped; \
ln -s $work/victims/dir dir; mkfifo pipe; ln $work/pub/input hard 2>/dev/null; \
touch $work/pub/planted; while [ -e $work/pub/hold ]; do sleep 0.1; done; ls -d tmp dir pipe"
job=job_0000000000001_0001
mkfifo "$work/lines"
attack games <"$work/lines" >"$work/out" &
attacker=$!
exec 3>"$work/lines"
printf '%s\n' "begin $job $plant" "start $job 0 0" >&3
within 20 test -e "$work/pub/planted"
printf '%s\n' "start $job 0 0" >&3
within 20 sh -c "[ \$(grep -c ^start '$work/out') -ge 2 ]"
sleep 0.5 # a second attempt that is taken has begun by now
unharmed "while it runs"
printf '%s\n' "start $job 1 0" "wait $job 2" "start $job 0 0" "end $job" "begin $job true" >&3
exec 3>&-
rm "$work/pub/hold"
wait "$attacker" || fail "attack_agent: $(cat "$work/out")"
unharmed "when it has ended"
[ "$(grep ^start "$work/out" | cut -d' ' -f2 | tr '\n' ' ')" = "OK EXISTS OK EXISTS " ] ||
        fail "a second attempt of one name: $(cat "$work/out")"
[ "$(grep -c '^ended .* 3 ' "$work/out")" -eq 2 ] || fail "its tasks: $(cat "$work/out")"
[ "$(grep ^begin "$work/out" | cut -d' ' -f2 | tr '\n' ' ')" = "OK EXISTS " ] ||
        fail "a job that was there: $(cat "$work/out")"

# Another user, while the first one's tasks are being ended (this one does not hear SIGTERM), and after.
job=job_0000000000002_0001
attack games <"$work/lines" >"$work/out" &
attacker=$!
exec 3>"$work/lines"
printf '%s\n' "begin $job trap '' TERM; touch $work/pub/deaf; while :; do sleep 0.1; done" "start $job 0 0" >&3
within 20 test -e "$work/pub/deaf"
printf '%s\n' "begin $job id" | attack man >"$work/other"
grep -q '^begin EXISTS' "$work/other" || fail "while it runs: $(cat "$work/other")"
printf '%s\n' "end $job" >&3
exec 3>&-
while kill -0 "$attacker" 2>/dev/null; do
        printf '%s\n' "begin $job id" "start $job 0 0" | attack man >>"$work/other"
done
wait "$attacker" || fail "attack_agent: $(cat "$work/out")"
printf '%s\n' "begin $job id" "start $job 0 0" | attack man >>"$work/other"
grep '^begin' "$work/other" | grep -v '^begin EXISTS' && fail "another took the name: $(cat "$work/other")"
grep -q '^start OK' "$work/other" && fail "another's task: $(cat "$work/other")"

# A directory of another user's, which games may move but not empty: it does not go with the attempt.
mkdir -m 777 "$work/pub/shared"
as man mkdir "$work/pub/shared/theirs" "$work/pub/shared/theirs/keep"
as man sh -c "echo precious >$work/pub/shared/theirs/keep/mans-file"
chmod 777 "$work/pub/shared" "$work/pub/shared/theirs"
job=job_0000000000003_0001
attack games >"$work/out" <<END
begin $job mv $work/pub/shared/theirs moved && echo moved
start $job 0 0
wait $job 1
end $job
END
grep -q '^ended 0 0 3' "$work/out" || fail "the task could not move it: $(cat "$work/out")"
found=$(find "$work" /tmp/bdfs-agent-* -name mans-file 2>/dev/null)
[ -n "$found" ] && [ "$(cat "$found")" = precious ] || fail "the agent removed another user's file"

# Names that are a directory now, and a link then, while the agent removes them.
mkdir -m 777 "$work/pub/mine"
cat >"$work/pub/swap" <<END
cd "\$1" || exit 1
while [ -d . ] && mkdir -p a/b 2>/dev/null; do
        touch a/b/file
        mv -T a c 2>/dev/null && ln -s $work/victims/dir a && rm -f a && mv -T c a
        rm -rf c
done 2>/dev/null
END
for round in 1 2 3 4 5 6; do
        job=job_0000000000004_000$round
        attack games >"$work/out" <<END &
begin $job pwd >$work/pub/where.$round; mkdir s; for i in 1 2 3 4 5 6 7 8 9; do mkdir -p s/d\$i/x; done; sleep 0.3
start $job 0 0
wait $job 1
end $job
END
        attacker=$!
        within 20 test -s "$work/pub/where.$round"
        as games timeout 20 sh "$work/pub/swap" "$(cat "$work/pub/where.$round")" &
        swapper=$!
        wait "$attacker" || fail "attack_agent: $(cat "$work/out")"
        wait "$swapper"
        unharmed "while names change"
done
[ "$agent_pid" = "$(pid_of agent 1)" ] || fail "the agent died"
as games "$bdfs" --quiet job run -i /attack/input -o /attack/after -m cat || fail "a job after all that"
