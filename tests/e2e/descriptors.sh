#!/usr/bin/env bash
# Started with any of the descriptors 0, 1 and 2 closed: no file or socket of a program may take the
# place of one. What a command cannot write is a failure; a daemon and a mount work as ever.
source "$(dirname "$0")/../lib/e2e.sh"
need jq

# close_and_run MASK COMMAND...: this shell becomes COMMAND, with descriptors 0 (bit 1), 1 (bit 2) and
# 2 (bit 4) closed.
close_and_run() {
        local mask=$1
        shift
        [ $((mask & 1)) -eq 0 ] || exec 0<&-
        [ $((mask & 2)) -eq 0 ] || exec 1>&-
        [ $((mask & 4)) -eq 0 ] || exec 2>&-
        exec "$@"
}
without() { (close_and_run "$1" timeout 60 "${@:2}"); }
# placed PID MASK: what was closed is /dev/null, or the daemon's own log, never another file or a socket.
placed() {
        local fd at
        for fd in 0 1 2; do
                [ $(($2 >> fd & 1)) -eq 1 ] || continue
                at=$(readlink "/proc/$1/fd/$fd")
                [ "$at" = /dev/null ] || { [ $fd -gt 0 ] && [[ $at == "$cluster"/*-[0-9]/log ]]; } ||
                        fail "mask $2: descriptor $fd of $(tr '\0' ' ' <"/proc/$1/cmdline") is '$at'"
        done
}

# ---- cluster up and its processes
for mask in 1 2 3 4 5 6 7; do
        d=$work/c$mask
        without "$mask" "$bdfs" cluster up --dir "$d" --base-port 0 --datanodes 1 >"$work/out" 2>"$work/err"
        rc=$?
        at_exit "'$bdfs' cluster down --dir '$d' >/dev/null 2>&1"
        [ $rc -eq 0 ] || fail "cluster up, mask $mask: exit $rc: $(cat "$work/err")"
        [ "$("$bdfs" cluster status --dir "$d" --json | jq '.processes | length')" -eq 3 ] ||
                fail "cluster up, mask $mask: not all processes run"
        BDFS_CONF=$d/client.conf "$bdfs" put "$0" /f || fail "cluster up, mask $mask: it takes no file"
        "$bdfs" cluster down --dir "$d" >/dev/null || fail "cluster down, mask $mask"
done

# ---- daemons by hand
up --datanodes 1
random_file "$work/f" 3000000
"$bdfs" put "$work/f" /f || fail "put"
for mask in 1 2 3 4 5 6 7; do
        for role in namenode datanode agent; do
                id=$([ $role = namenode ] && echo 0 || echo 1)
                pid=$(pid_of $role "$id")
                kill -TERM "$pid" && within 30 bash -c "! readlink /proc/$pid/exe"
                close_and_run "$mask" "$build/bdfs-$role" --conf "$cluster/$role-$id/conf" \
                        >>"$cluster/$role-$id/log" 2>&1 &
                pid=$!
                echo "$pid" >"$cluster/$role-$id/pid"
                within 20 grep -qz "$role-$id/conf" "/proc/$pid/cmdline"
        done
        within 40 "$bdfs" put -f "$work/f" /g
        "$bdfs" get /f "$work/back" && same "$work/f" "$work/back"
        rm "$work/back"
        placed "$(pid_of namenode 0)" "$mask"
        placed "$(pid_of datanode 1)" "$mask"
        placed "$(pid_of agent 1)" "$mask"
        # a second start is refused, and says so by its exit code
        without "$mask" "$build/bdfs-namenode" --conf "$cluster/namenode-0/conf" >/dev/null 2>&1 &&
                fail "mask $mask: a second namenode of one directory"
        for program in namenode datanode agent mount; do
                without "$mask" "$build/bdfs-$program" --help >"$work/out" 2>/dev/null
                rc=$?
                [ $rc -eq $((mask & 2 ? 1 : 0)) ] || fail "bdfs-$program --help, mask $mask: exit $rc"
        done
done
for mask in 0 1 4 5; do # the full disk
        for program in namenode datanode agent; do
                id=$([ $program = namenode ] && echo 0 || echo 1)
                without $mask "$build/bdfs-$program" --conf "$cluster/$program-$id/conf" --print-config \
                        >/dev/full 2>"$work/err" && fail "bdfs-$program --print-config to a full disk"
        done
done

# ---- verbs that write: what is said is an error
"$bdfs" cluster down --dir "$cluster" >/dev/null
up
printf 'one two\nthree\n' >"$work/words"
gzip -c "$work/words" >"$work/words.gz"
"$bdfs" put "$work/words" "$work/words.gz" / && "$bdfs" mkdir /d || fail "put"
tell=("ls /" "ls -R /" "ls --json /" "cat /f" "cat /words" "text /words.gz" "text /words" "get /words -" "du /"
        "du -s --json /" "df" "df --json" "count /" "count --json /" "stat /f" "stat --json /f" "head /words"
        "tail /words" "find / -name f" "find --json /" "checksum /f" "info /f" "info --json /f" "fsck"
        "fsck --json" "admin report" "admin report --json" "admin safemode get" "admin digest"
        "doctor" "doctor --json" "--version" "help" "--help" "help ls" "ls --help" "job --help"
        "mount --help" "cluster status --dir $cluster" "cluster status --json --dir $cluster"
        "truncate -w 1 /d/t" "rm -skipTrash /d/r" "setrep 2 /f")
prepare() { "$bdfs" touchz /d/t /d/r && "$bdfs" append "$work/words" /d/t; } >/dev/null 2>&1
for mask in 1 2 3 4 5 6 7; do
        for line in "${tell[@]}"; do
                case $line in *'/d/'*) prepare ;; esac
                read -ra words <<<"$line"
                without "$mask" "$bdfs" "${words[@]}" >"$work/out" 2>"$work/err"
                rc=$?
                if [ $((mask & 2)) -eq 0 ]; then
                        [ $rc -eq 0 ] && [ -s "$work/out" ] || fail "mask $mask: $line: exit $rc, $(wc -c <"$work/out") bytes: $(cat "$work/err")"
                        continue
                fi
                [ $rc -eq 1 ] || fail "mask $mask: $line: exit $rc instead of 1"
                [ $((mask & 4)) -ne 0 ] || grep -q 'standard output' "$work/err" ||
                        fail "mask $mask: $line: it says '$(cat "$work/err")'"
        done
done
# ... as is a full disk, whatever the verb, and a reader that went away
for line in "${tell[@]}"; do
        case $line in *'/d/'*) prepare ;; esac
        read -ra words <<<"$line"
        "$bdfs" "${words[@]}" >/dev/full 2>"$work/err"
        rc=$?
        [ $rc -eq 7 ] && grep -q 'standard output' "$work/err" || fail "$line >/dev/full: exit $rc: $(cat "$work/err")"
        case $line in *'/d/'*) prepare ;; esac
        (trap '' PIPE; "$bdfs" "${words[@]}" 2>"$work/err"; echo $? >"$work/rc") | true
        rc=$(cat "$work/rc")
        # a reader that is faster than its end sees all
        [ "$rc" -ne 0 ] || ! [ -s "$work/err" ] || fail "$line | true: exit 0 and $(cat "$work/err")"
done
mkfifo "$work/pipe" # opened and closed by a reader: nobody reads what is written
for line in "${tell[@]}"; do
        case $line in *'/d/'*) prepare ;; esac
        read -ra words <<<"$line"
        exec 7<>"$work/pipe" 8>"$work/pipe" 7>&-
        "$bdfs" "${words[@]}" >&8 2>"$work/err" 8>&-
        rc=$?
        [ $rc -eq 141 ] || fail "$line to a closed pipe: exit $rc: $(cat "$work/err")"
        case $line in *'/d/'*) prepare ;; esac
        (trap '' PIPE; exec "$bdfs" "${words[@]}" >&8 2>"$work/err" 8>&-)
        rc=$?
        [ $rc -eq 1 ] && grep -q 'standard output: Broken pipe' "$work/err" ||
                fail "$line to a closed pipe, SIGPIPE ignored: exit $rc: $(cat "$work/err")"
        exec 8>&-
done

# ---- verbs that are silent work as ever; what they would read is not an empty file
for mask in 1 2 3 4 5 6 7; do
        for line in "mkdir -p /m$mask/d" "put -f $work/f /m$mask/f" "touch /m$mask/t" "cp /f /m$mask/c" \
                "mv /m$mask/t /m$mask/u" "chmod 600 /m$mask/u" "append $work/words /m$mask/u" "test -e /f" \
                "get -f /f $work/got" "getmerge /words $work/merged" "rmdir /m$mask/d"; do
                read -ra words <<<"$line"
                without "$mask" "$bdfs" "${words[@]}" >"$work/out" 2>"$work/err"
                rc=$?
                [ $rc -eq 0 ] || fail "mask $mask: $line: exit $rc: $(cat "$work/err")"
        done
        same "$work/f" "$work/got" && same "$work/words" "$work/merged"
        "$bdfs" cat "/m$mask/f" | cmp - "$work/f" && "$bdfs" cat "/m$mask/u" | cmp - "$work/words" ||
                fail "mask $mask: what was written differs"
        for line in "put - /m$mask/stdin" "append - /m$mask/u"; do
                read -ra words <<<"$line"
                without "$mask" "$bdfs" "${words[@]}" <<<"text" >"$work/out" 2>"$work/err"
                rc=$?
                [ $rc -eq $((mask & 1 ? 1 : 0)) ] || fail "mask $mask: $line: exit $rc: $(cat "$work/err")"
        done
        if [ $((mask & 1)) -ne 0 ]; then
                "$bdfs" test -e "/m$mask/stdin" && fail "mask $mask: put - made a file of nothing"
        fi
        "$bdfs" test -e /nothing 2>/dev/null && fail "the namenode is confused"
        without "$mask" "$bdfs" ls /nothing >/dev/null 2>&1
        [ $? -eq 3 ] || fail "mask $mask: ls of nothing"
        # a job: its tasks have descriptors of their own
        without "$mask" "$bdfs" job run -i /words -o "/job$mask" -m 'cat; echo said >&2' >"$work/out" 2>"$work/err"
        rc=$?
        [ $rc -eq 0 ] || fail "mask $mask: job run: exit $rc: $(cat "$work/err")"
        "$bdfs" cat "/job$mask/part-*" | cmp - "$work/words" || fail "mask $mask: the job's output"
done

# ---- the mount
[ -c /dev/fuse ] || { untried "the mount: no /dev/fuse"; exit 0; }
for mask in 1 2 3 4 5 6 7; do
        mkdir -p "$work/m"
        at_exit "umount -l '$work/m' 2>/dev/null"
        without "$mask" "$bdfs" mount "$work/m" >"$work/out" 2>"$work/err"
        rc=$?
        [ $rc -eq 0 ] || fail "mask $mask: bdfs mount: exit $rc: $(cat "$work/err")"
        cmp "$work/m/f" "$work/f" || fail "mask $mask: a file differs through the mount"
        cp "$work/words" "$work/m/w$mask" && cmp "$work/words" "$work/m/w$mask" || fail "mask $mask: writing"
        pid=$(pgrep -f "bdfs-mount .*$work/m")
        placed "$pid" "$mask"
        without "$mask" "$bdfs" umount "$work/m" || fail "mask $mask: umount"
done
