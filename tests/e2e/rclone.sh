#!/usr/bin/env bash
# Debian's rclone: mkdir, copy, sync, check --download, ls, lsl, cat with offsets, moveto, size, about,
# deletefile, purge; on every awkward size, replication 1 and 3, eight at once.
. "$(dirname "$0")/../lib/e2e.sh" || exit 1
need rclone
need jq

MIB=1048576
sizes="0 1 511 512 513 $((MIB - 1)) $MIB $((MIB + 1)) $((MIB * 7 / 2))"
mkdir "$work/src"
for n in $sizes; do random_file "$work/src/f$n" "$n"; done
export RCLONE_CONFIG=$work/rclone.conf

every_command() { # every_command DIR
        local d=$1
        rclone mkdir "r:$d" &&
                rclone copy "$work/src" "r:$d/a" &&
                rclone check --download "$work/src" "r:$d/a" 2>/dev/null &&
                [ "$(rclone ls "r:$d/a" | wc -l)" -eq 9 ] &&
                rclone lsl "r:$d/a" | grep "$MIB .* f$MIB\$" >/dev/null &&
                rclone cat --offset 300 --count 1000 "r:$d/a/f$((MIB + 1))" |
                cmp - <(tail -c +301 "$work/src/f$((MIB + 1))" | head -c 1000) &&
                rclone cat --offset $((MIB - 10)) --count 20 "r:$d/a/f$((MIB * 7 / 2))" |
                cmp - <(tail -c +$((MIB - 9)) "$work/src/f$((MIB * 7 / 2))" | head -c 20) &&
                rclone sync "$work/src" "r:$d/a" &&
                rclone moveto "r:$d/a/f513" "r:$d/b/moved" &&
                rclone cat "r:$d/b/moved" | cmp - "$work/src/f513" &&
                rclone size "r:$d" | grep '(6817281 Byte)' >/dev/null &&
                rclone sync "$work/src" "r:$d/a" &&
                rclone check --download "$work/src" "r:$d/a" 2>/dev/null &&
                rclone deletefile "r:$d/b/moved" &&
                ! rclone cat "r:$d/b/moved" 2>/dev/null &&
                rclone purge "r:$d"
}

# The commands on one file, of each size.
every_size() { # every_size DIR
        local d=$1 n
        rclone copy "$work/src" "r:$d" || return 1
        for n in $sizes; do
                rclone moveto "r:$d/f$n" "r:$d/m" &&
                        rclone cat --offset $((n / 3)) "r:$d/m" |
                        cmp - <(tail -c +$((n / 3 + 1)) "$work/src/f$n") &&
                        rclone size "r:$d/m" | grep "($n Byte)" >/dev/null &&
                        rclone lsl "r:$d/m" | grep "^ *$n .* m\$" >/dev/null &&
                        rclone deletefile "r:$d/m" || return 1
        done
        [ -z "$(rclone ls "r:$d")" ] && rclone purge "r:$d"
}

for replication in 1 3; do
        cluster=$work/cluster$replication
        up --hadoop loopback --block-size 1M --replication $replication --no-agents
        cat >"$RCLONE_CONFIG" <<CONF
[r]
type = hdfs
namenode = 127.0.0.1:$(port namenode 0 hadoop)
username = $(id -un)
CONF
        every_command one && every_size sizes || fail "a command of rclone (replication $replication)"
        pids=()
        for i in 1 2 3 4 5 6 7 8; do
                every_command "eight$i" >"$work/eight$i.log" 2>&1 &
                pids+=($!)
        done
        for i in 0 1 2 3 4 5 6 7; do
                wait "${pids[$i]}" || fail "one of eight at once: $(cat "$work/eight$((i + 1)).log")"
        done
        rclone about r: | grep 'Total' >/dev/null || fail "about"
        expect 3 'directory not found' rclone ls r:none
        rclone copyto "$work/src/f1" r:keep && rclone copyto "$work/src/f512" r:keep &&
                rclone cat r:keep | cmp - "$work/src/f512" || fail "replacing a file"
        [ $replication -eq 3 ] || "$bdfs" cluster down --dir "$cluster"
done
echo "rclone: all commands, alone and eight at once, replication 1 and 3"
