#!/usr/bin/env bash
# A mount whose daemon, namenode or datanodes die: errors in bounded time, never lost bytes without
# an error, recovery without a new mount, clean unmount.
. "$(dirname "${BASH_SOURCE[0]}")/mount.sh" || exit 1
need python3
need unshare
up --no-agents
mount_up --timeout 5
random_file "$work/a" 5000000
cp "$work/a" "$m/a" || fail cp

# bounded SECONDS COMMAND...: it fails, and before that.
bounded() {
        local most=$1 start=$SECONDS rc
        shift
        timeout -s KILL $((most + 20)) "$@" >"$work/out" 2>&1
        rc=$?
        [ "$rc" -ne 0 ] || fail "succeeded: $*"
        [ "$rc" -ne 137 ] && [ $((SECONDS - start)) -le "$most" ] || fail "took too long: $*"
}
nn() { kill -"$1" "$(pid_of namenode 0)"; }
dns() { for i in 1 2 3; do kill -"$1" "$(pid_of datanode $i)"; done; }
again() { "$bdfs" cluster up --dir "$cluster" >/dev/null || fail "cluster up again"; }

# the namenode is killed: every operation ends with an error
exec 3<"$m/a"
dd bs=1000000 count=1 <&3 status=none | cmp - <(head -c 1000000 "$work/a") || fail "read"
nn KILL
sleep 1.1
for op in "stat $m/none" "ls $m" "touch $m/new" "mkdir $m/d" "cat $m/a" "rm $m/a" "mv $m/a $m/b" \
        "chmod 600 $m/a" "truncate -s 5 $m/a" "stat -f $m" "ln -s x $m/l" "rmdir $m/d"; do
        # shellcheck disable=SC2086
        bounded 12 $op
        grep -qE 'Input/output|timed out|No route|unreachable|Stale' "$work/out" ||
                fail "$op said: $(cat "$work/out")"
done
again
within 20 cmp "$work/a" "$m/a"
cmp <(cat <&3) <(tail -c +1000001 "$work/a") || fail "a file that was open all the time"
exec 3<&-
[ "$(ls "$m")" = a ] || fail "left behind: $(ls "$m")"

# killed while files are written: whoever was told that close worked finds the bytes
python '
import threading
bad = []
def work(k):
    for i in range(200):
        name = "w%d.%d" % (k, i); data = os.urandom(3000 * (i % 9 + 1))
        try:
            f = os.open(name, os.O_CREAT | os.O_WRONLY)
            try:
                os.write(f, data); os.fsync(f) if i % 2 else None
            finally:
                os.close(f)
            open("'"$work"'/done." + name, "wb").write(data)
        except OSError as e:
            bad.append(e.errno)
        if os.path.exists("'"$work"'/stop"): break
threads = [threading.Thread(target=work, args=(k,)) for k in range(3)]
for t in threads: t.start()
for t in threads: t.join()
print(len(bad), "refused:", sorted(set(bad)))' &
writer=$!
within 20 test -e "$work/done.w0.3"
nn KILL
sleep 0.5
again
sleep 3
touch "$work/stop"
wait $writer || fail "the writers"
n=0
for f in "$work"/done.*; do
        within 20 cmp "$f" "$m/${f##*/done.}"
        n=$((n + 1))
done
echo "$n files were acknowledged and are there"

# stopped: it takes requests and never answers
nn STOP
sleep 1.1
bounded 12 ls "$m"
grep -q 'timed out' "$work/out" || fail "ls said: $(cat "$work/out")"
nn CONT
within 20 ls "$m"

# datanodes: one dies while a file is read; then all
random_file "$work/big" 60000000
cp "$work/big" "$m/big" || fail "cp of a big file"
(sleep 0.2; kill -9 "$(pid_of datanode 1)") &
killer=$!
timeout 60 cmp "$work/big" "$m/big" || fail "reading while a datanode dies"
wait $killer
timeout 60 cmp "$work/big" "$m/big" || fail "reading without a datanode"
again
dns KILL
echo 3 2>/dev/null >/proc/sys/vm/drop_caches
bounded 60 cmp "$work/big" "$m/big"
grep -qE 'Input/output|unreachable|No route|timed out' "$work/out" || fail "$(cat "$work/out")"
bounded 60 cp "$work/a" "$m/b"
again
within 30 timeout 60 cmp "$work/big" "$m/big"
rm -f "$m/b"; within 30 cp "$work/a" "$m/b"; same "$work/a" "$m/b"

# the program that writes is killed: what it wrote is there, the file is closed
(cd "$m" && exec python3 -c '
import os, time
f = os.open("killed", os.O_CREAT | os.O_WRONLY); os.write(f, b"x" * 123456); print(1, flush=True)
time.sleep(60)') >"$work/started" &
within 10 test -s "$work/started"
kill -9 $!
wait $! 2>/dev/null
within 10 has_bytes "$m/killed" 123456
within 10 "$bdfs" append "$work/a" /killed

# the daemon ends by a signal while a file is open: the file is completed, the mount is gone
exec 3>"$m/open"; echo said >&3
pid=$(daemons); kill -TERM "$pid"
within 20 test ! -d "/proc/$pid"
exec 3>&-
mountpoint -q "$m" && fail "the mount is still there after TERM"
[ "$("$bdfs" cat /open)" = said ] || fail "what an ended daemon had taken"
mount_up --timeout 5
grep -q 'said' "$m/open" || fail "mounted again"

# the same with files open and the namenode away: no file costs a time-out of its own
exec 3>"$m/o1" 4>"$m/o2" 5>"$m/o3" 6>"$m/o4" 7>"$m/o5"
for fd in 3 4 5 6 7; do echo x >&$fd; done
pid=$(daemons); nn KILL; kill -TERM "$pid"
within 20 test ! -d "/proc/$pid"
exec 3>&- 4>&- 5>&- 6>&- 7>&-
mountpoint -q "$m" && fail "the mount is still there after TERM without a namenode"
again
mount_up --timeout 5

# umount without a namenode
echo x >"$m/o6"; nn KILL
start=$SECONDS; mount_down
[ $((SECONDS - start)) -le 15 ] || fail "umount took too long without a namenode"
again
mount_up --timeout 5

# killed: programs get errors, the mount can be ended and made again
exec 3>"$m/synced"; python 'f = os.open("synced", os.O_WRONLY); os.write(f, b"synced\n"); os.fsync(f)
lost = os.open("lost", os.O_CREAT | os.O_WRONLY)
os.kill('"$(daemons)"', 9)'
bounded 5 ls "$m"
bounded 5 cat "$m/a"
bounded 5 sh -c "echo x >'$m/new'"
{ echo more >&3; } 2>/dev/null && fail "a write to a dead mount"
exec 3>&-
expect 0 '' "$bdfs" umount "$m"
mountpoint -q "$m" && fail "a dead mount stays"
mount_up --timeout 5
[ "$(cat "$m/synced")" = synced ] || fail "synced bytes of a dead daemon"
same "$work/a" "$m/a"
# a file that was made and not closed: its first block was never begun, and goes with the lease
printf more >"$work/more"
within 100 "$bdfs" append "$work/more" /lost
[ "$("$bdfs" cat /lost)" = more ] || fail "a file whose maker died"

# a mount namespace that was made meanwhile has the mount too: umount waits for its end
unshare -m sleep 3 &
elsewhere() { [ "$(readlink "/proc/$1/ns/mnt")" != "$(readlink /proc/self/ns/mnt)" ]; }
within 5 elsewhere $!
mount_down
[ -z "$(daemons)" ] || fail "umount did not wait for the daemon's end"

# nothing to mount: no namenode, no configuration, no such cluster
"$bdfs" cluster down --dir "$cluster" >/dev/null
expect 6 'cannot reach' timeout 60 "$bdfs" mount "$m"
BDFS_CONF='' HOME=/nowhere expect 2 'no cluster is known' "$bdfs" mount "$m"
expect 2 '' timeout 60 "$bdfs" --conf /etc/passwd mount "$m"
mountpoint -q "$m" && fail "mounted nothing"
echo "mount: faults"
