#!/usr/bin/env bash
# A signal that is ignored when a program starts (nohup, a shell's background) stays ignored; one that
# is not ends the program as ever.
source "$(dirname "$0")/../lib/e2e.sh"
need jq

# ignoring SIGNALS COMMAND...: this shell becomes COMMAND, which ignores these and no others.
ignoring() {
        local signals=$1
        shift
        # shellcheck disable=SC2086
        trap '' $signals
        exec env --default-signal="$(for s in HUP INT TERM; do [[ " $signals " == *" $s "* ]] || printf '%s,' $s; done)" "$@"
}
running() { [ "$(tr '\0' ' ' <"/proc/$1/cmdline" 2>/dev/null | grep -c "$2")" -eq 1 ]; }
ended() { ! kill -0 "$1" 2>/dev/null; }

up --datanodes 1
random_file "$work/f" 200000
"$bdfs" put "$work/f" /f || fail put

# ---- what transfers: ignored signals change nothing, another one ends it and cleans up
mkfifo "$work/pipe"
mkdir "$work/pub" && chmod 711 "$work" && chmod 777 "$work/pub" # for tasks
for s in HUP INT TERM; do
        others=$(for o in HUP INT TERM; do [ $o = $s ] || printf '%s ' $o; done)
        ignoring $s "$bdfs" put - "/$s" <"$work/pipe" &
        pid=$!
        exec 9>"$work/pipe"
        head -c 100000 "$work/f" >&9
        within 20 "$bdfs" test -e "/$s._COPYING_"
        kill -$s $pid
        tail -c +100001 "$work/f" >&9
        exec 9>&-
        wait $pid || fail "put that ignores SIG$s ended with $? by it"
        "$bdfs" cat "/$s" | cmp - "$work/f" || fail "put that ignores SIG$s"

        # ends by those which are not ignored
        for o in $others; do
                ignoring $s "$bdfs" put - "/$s-$o" <"$work/pipe" &
                pid=$!
                exec 9>"$work/pipe"
                head -c 100000 "$work/f" >&9
                within 20 "$bdfs" test -e "/$s-$o._COPYING_"
                kill -$s $pid
                kill -$o $pid
                wait $pid
                rc=$?
                exec 9>&-
                [ $rc -eq $((128 + $(kill -l $o))) ] || fail "ignoring $s, put ended with $rc by SIG$o"
                expect 1 '' "$bdfs" test -e "/$s-$o._COPYING_"
        done

        # to a local file
        ignoring $s "$bdfs" get -f /f - >"$work/pipe" &
        pid=$!
        exec 9<"$work/pipe"
        within 20 running $pid "get -f"
        kill -$s $pid
        cat <&9 | cmp - "$work/f" || fail "get that ignores SIG$s"
        exec 9<&-
        wait $pid || fail "get that ignores SIG$s ended with $?"

        # a job
        rm -f "$work/pub/begun" "$work/pub/go"
        ignoring $s "$bdfs" job run -i /f -o "/job-$s" \
                -m "cat; touch $work/pub/begun; until [ -e $work/pub/go ]; do sleep 0.05; done" 2>"$work/said" &
        pid=$!
        within 20 test -e "$work/pub/begun"
        kill -$s $pid
        touch "$work/pub/go"
        wait $pid || fail "job run that ignores SIG$s ended with $?: $(cat "$work/said")"
        grep -q cancelled "$work/said" && fail "job run that ignores SIG$s: $(cat "$work/said")"
done

# ---- daemons: INT and TERM end them, unless they are ignored
for role in namenode datanode agent; do
        id=$([ $role = namenode ] && echo 0 || echo 1)
        for s in INT TERM; do
                other=$([ $s = INT ] && echo TERM || echo INT)
                pid=$(pid_of $role $id)
                kill -TERM "$pid"
                within 30 ended "$pid"
                ignoring "HUP $s" "$build/bdfs-$role" --conf "$cluster/$role-$id/conf" 2>>"$cluster/$role-$id/log" &
                pid=$!
                echo $pid >"$cluster/$role-$id/pid"
                within 20 running $pid "$role-$id/conf"
                within 30 "$bdfs" cat /f
                kill -$s $pid
                kill -HUP $pid
                within 30 "$bdfs" put -f "$work/f" /g
                kill -0 $pid || fail "$role that ignores SIG$s ended by it"
                grep -q "^SigIgn.*" "/proc/$pid/status" || fail "status"
                kill -$other $pid
                wait $pid || fail "$role ended with $? by SIG$other"
                "$bdfs" cluster up --dir "$cluster" || fail "cluster up"
        done
done

# ---- cluster up under nohup: its processes ignore SIGHUP too; `cluster down` still ends them at once
"$bdfs" cluster down --dir "$cluster" >/dev/null || fail "cluster down"
(ignoring "HUP INT TERM" "$bdfs" cluster up --dir "$cluster") || fail "cluster up"
for process in "namenode 0" "datanode 1" "agent 1"; do
        # shellcheck disable=SC2086
        pid=$(pid_of $process)
        kill -HUP "$pid" && kill -INT "$pid"
        within 20 "$bdfs" put -f "$work/f" /g
        kill -0 "$pid" || fail "$process ended by SIGHUP or SIGINT"
done
"$bdfs" cluster down --dir "$cluster" >/dev/null || fail "cluster down"
for role in namenode datanode agent; do
        grep -q "stopping signal=15" <(tail -n 3 "$cluster/$role"-*/log) || fail "$role did not end by itself"
done
up --datanodes 1

# ---- the mount
if [ -c /dev/fuse ]; then
        mkdir "$work/m"
        at_exit "umount -l '$work/m' 2>/dev/null"
        (ignoring "HUP INT" "$bdfs" mount "$work/m") || fail "mount"
        pid=$(pgrep -f "bdfs-mount .*$work/m")
        kill -HUP "$pid" && kill -INT "$pid"
        cmp "$work/m/f" "$work/f" && kill -0 "$pid" || fail "the mount ended"
        kill -TERM "$pid"
        within 20 ended "$pid"
fi
