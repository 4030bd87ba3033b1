#!/usr/bin/env bash
# Debian's `hdfs` (gohdfs): all of its 17 commands, on every awkward size, alone and eight at once,
# replication 1 and 3, with the right texts and exit codes for what must fail.
. "$(dirname "$0")/../lib/e2e.sh" || exit 1
need hdfs
need jq

MIB=1048576
sizes="0 1 511 512 513 $((MIB - 1)) $MIB $((MIB + 1)) $((MIB * 7 / 2))"
for n in $sizes; do random_file "$work/f$n" "$n"; done

every_command() { # every_command DIR: in a directory of its own, so that eight can run at once
        local d=$1 n t
        local scratch=$work/out$d
        mkdir -p "$scratch"
        hdfs mkdir -p "$d/in" || return 1
        for n in $sizes; do
                hdfs put "$work/f$n" "$d/in/f$n" || return 1
                hdfs cat "$d/in/f$n" >"$scratch/c$n" && cmp "$work/f$n" "$scratch/c$n" || return 1
                hdfs get "$d/in/f$n" "$scratch/g$n" && cmp "$work/f$n" "$scratch/g$n" || return 1
                t=$((n < 700 ? n : 700)) # this client prints nothing when asked for more
                hdfs tail -c "$t" "$d/in/f$n" | cmp - <(tail -c "$t" "$work/f$n") || return 1
                hdfs head -c 600 "$d/in/f$n" | cmp - <(head -c 600 "$work/f$n") || return 1
        done
        [ "$(hdfs ls "$d/in" | wc -l)" -eq 9 ] || return 1
        hdfs ls -l "$d/in" | grep -e "$((MIB + 1)) .* f$((MIB + 1))$" >/dev/null || return 1
        hdfs getmerge "$d/in" "$scratch/merged" || return 1
        for n in $(printf 'f%s\n' $sizes | LC_ALL=C sort); do cat "$work/$n"; done |
                cmp - "$scratch/merged" || return 1
        hdfs checksum "$d/in/f$MIB" | grep -E -e "^[0-9a-f]{32} $d/in/f$MIB\$" >/dev/null || return 1
        hdfs du -s "$d" | grep -e "^$((MIB * 13 / 2 + 1537)) *" >/dev/null || return 1
        hdfs touch "$d/t" && hdfs touch -c "$d/t" || return 1
        hdfs chmod 600 "$d/t" && hdfs ls -l "$d/t" | grep -e '^-rw-------' >/dev/null || return 1
        hdfs chmod -R 755 "$d/in" && hdfs ls -l "$d/in/f1" | grep -e '^-rwxr-xr-x' >/dev/null || return 1
        hdfs chown nobody:nogroup "$d/t" && hdfs ls -l "$d/t" | grep -e ' nobody *nogroup ' >/dev/null || return 1
        hdfs mv "$d/t" "$d/u" && hdfs ls "$d/u" >/dev/null || return 1
        hdfs truncate 513 "$d/in/f$MIB" && hdfs cat "$d/in/f$MIB" | cmp - <(head -c 513 "$work/f$MIB") ||
                return 1
        hdfs rm "$d/u" && hdfs rm -r "$d/in" && [ -z "$(hdfs ls "$d")" ]
}

# The commands that change or describe a file, of each size.
every_size() { # every_size DIR
        local d=$1 n
        hdfs mkdir -p "$d" || return 1
        for n in $sizes; do
                hdfs put "$work/f$n" "$d/f$n" && hdfs ls "$d/f$n" >/dev/null || return 1
                hdfs checksum "$d/f$n" | grep -E -e "^[0-9a-f]{32} $d/f$n\$" >/dev/null || return 1
                hdfs touch -c "$d/f$n" && hdfs mv "$d/f$n" "$d/m" && hdfs chmod 640 "$d/m" &&
                        hdfs chown nobody:nogroup "$d/m" || return 1
                hdfs ls -l "$d/m" | grep -E -e "^-rw-r----- *nobody *nogroup *$n " >/dev/null || return 1
                hdfs du -s "$d/m" | grep -e "^$n *" >/dev/null || return 1
                hdfs truncate $((n / 2)) "$d/m" && hdfs cat "$d/m" | cmp - <(head -c $((n / 2)) "$work/f$n") ||
                        return 1
                hdfs rm "$d/m" || return 1
        done
        hdfs rm -r "$d"
}

for replication in 1 3; do
        cluster=$work/cluster$replication
        up --hadoop loopback --block-size 1M --replication $replication --no-agents
        export HADOOP_NAMENODE=127.0.0.1:$(port namenode 0 hadoop)
        every_command /one && every_size /one/sizes ||
                fail "a command of gohdfs (replication $replication)"

        pids=()
        for i in 1 2 3 4 5 6 7 8; do
                every_command "/eight$i" >"$work/eight$i.log" 2>&1 &
                pids+=($!)
        done
        for i in 0 1 2 3 4 5 6 7; do
                wait "${pids[$i]}" || fail "one of eight at once: $(cat "$work/eight$((i + 1)).log")"
        done
        hdfs df | grep -e "^127.0.0.1" >/dev/null || fail "df"
        [ $replication -eq 3 ] || "$bdfs" cluster down --dir "$cluster"
done

# what must fail, and how
hdfs mkdir /e && hdfs put "$work/f1" /e/f || fail "preparing"
expect 1 'stat /none: file does not exist' hdfs ls /none
expect 1 'file does not exist' hdfs cat /none
expect 1 'file already exists' hdfs put "$work/f1" /e/f
expect 1 'file already exists' hdfs mkdir /e
expect 1 'directory' hdfs rm /e
expect 1 'file does not exist' hdfs mv /none /x
expect 1 'file does not exist' hdfs truncate 1 /none
expect 1 'file does not exist' hdfs mkdir /no/parent
hdfs ls /e/f >/dev/null || fail "what was refused harmed the file"
hdfs mkdir -p /closed && hdfs chmod 700 /closed && hdfs put "$work/f512" /closed/f || fail "preparing"
if [ "$(id -u)" -eq 0 ]; then
        other="setpriv --reuid=65534 --regid=65534 --clear-groups env HADOOP_USER_NAME=nobody"
        expect 1 'permission denied' $other hdfs cat /closed/f
        expect 1 'permission denied' $other hdfs rm -r /closed
        expect 1 'permission denied' $other hdfs put "$work/f1" /closed/g
        expect 1 '' setpriv --reuid=65534 --regid=65534 --clear-groups env HADOOP_USER_NAME=root \
                hdfs rm -r /closed
        hdfs cat /closed/f | cmp - "$work/f512" || fail "a refused command harmed a file"
fi

# one file of 1 GiB with the default block size
"$bdfs" cluster down --dir "$cluster"
cluster=$work/big
up --hadoop loopback --no-agents
export HADOOP_NAMENODE=127.0.0.1:$(port namenode 0 hadoop)
openssl enc -aes-128-ctr -pass pass:bdfs -nosalt -pbkdf2 </dev/zero 2>/dev/null |
        head -c 1073741824 >"$work/big.bin"
[ "$(stat -c %s "$work/big.bin")" -eq 1073741824 ] || fail "there is no file of 1 GiB"
hdfs put "$work/big.bin" /big || fail "put of 1 GiB"
hdfs cat /big | cmp - "$work/big.bin" || fail "1 GiB read back"
if command -v rclone >/dev/null; then
        export RCLONE_HDFS_NAMENODE=$HADOOP_NAMENODE RCLONE_HDFS_USERNAME=$(id -un) RCLONE_CONFIG=/dev/null
        hdfs rm /big && rclone copyto "$work/big.bin" :hdfs:/big2 || fail "rclone: 1 GiB"
        rclone cat :hdfs:/big2 | cmp - "$work/big.bin" || fail "rclone: 1 GiB read back"
fi
echo "gohdfs: all commands, ${sizes// /,} bytes, alone and eight at once, replication 1 and 3, 1 GiB"
