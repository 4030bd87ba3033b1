#!/usr/bin/env bash
# What one client does the others see: the CLI, this mount, a second mount. Data at the next open,
# names and attributes within a second.
. "$(dirname "${BASH_SOURCE[0]}")/mount.sh" || exit 1
need python3
up --no-agents
mount_up
first=$m
m=$work/mnt2
mount_up
second=$m
mode_is() { [ "$(stat -c %a "$1")" = "$2" ]; }
random_file "$work/a" 300000
random_file "$work/b" 300000
random_file "$work/c" 1000000

# the CLI writes, the mount sees it at once
"$bdfs" put "$work/a" /f && same "$work/a" "$first/f"
"$bdfs" put -f "$work/b" /f && same "$work/b" "$first/f"
"$bdfs" append "$work/c" /f && same <(cat "$work/b" "$work/c") "$first/f"
"$bdfs" truncate 1000 /f && same <(head -c 1000 "$work/b") "$first/f"
[ ! -e "$first/new" ] || fail "what is not there"
"$bdfs" mkdir /new && [ -d "$first/new" ] || fail "a new directory"
"$bdfs" mv /f /new/f && same <(head -c 1000 "$work/b") "$first/new/f"
within 3 test ! -e "$first/f"
"$bdfs" chmod 600 /new/f; within 3 mode_is "$first/new/f" 600
"$bdfs" rm -r -skipTrash /new; within 3 test ! -e "$first/new"

# the mount writes, the CLI and the other mount see it at once
cp "$work/a" "$first/g" && same "$work/a" <("$bdfs" cat /g) && same "$work/a" "$second/g"
cp "$work/b" "$first/g" && same "$work/b" <("$bdfs" cat /g) && same "$work/b" "$second/g"
cat "$work/c" >>"$second/g" && same <(cat "$work/b" "$work/c") "$first/g"
truncate -s 777 "$first/g" && same <(head -c 777 "$work/b") "$second/g"
same <(head -c 777 "$work/b") <("$bdfs" cat /g)
mkdir "$first/d" && mv "$first/g" "$first/d/g" && ln -s g "$first/d/l" || fail "names"
[ "$("$bdfs" stat %b /d/g)" = 777 ] && [ "$(readlink "$second/d/l")" = g ] || fail "names elsewhere"
touch -d @1000000 "$first/d/g" && "$bdfs" stat %Y /d/g | grep -q '^1000000000' || fail "times"
chmod 640 "$first/d/g" && "$bdfs" ls /d/g | grep -q '^-rw-r-----' || fail "modes"
chown daemon:bin "$first/d/g" && "$bdfs" ls /d/g | grep -q ' daemon *bin ' || fail "owners"
rm -r "$first/d" && expect 1 '' "$bdfs" test -e /d

# a file of the same length with the times of the old one is still another file
cp "$work/a" "$first/same"; touch -d @5 "$first/same"; same "$work/a" "$second/same"
"$bdfs" put -f "$work/b" /same; touch -d @5 "$first/same"; same "$work/b" "$second/same"
"$bdfs" truncate 0 /same; "$bdfs" append "$work/a" /same; touch -d @5 "$first/same"
same "$work/a" "$second/same"; same "$work/a" "$first/same"

# a reader that follows a file which grows elsewhere; one writer at a time
(for i in 1 2 3; do "$bdfs" append "$work/a" /grows 2>/dev/null || "$bdfs" put "$work/a" /grows
        sleep 0.3; done; sleep 1.5) &
within 5 test -e "$first/grows"
timeout 60 tail -c +1 -f --sleep-interval=0.2 --pid=$! "$first/grows" >"$work/followed"
wait
same <(cat "$work/a" "$work/a" "$work/a") "$work/followed"
m=$first
python "
import errno
f = open('busy', 'wb'); f.write(b'x' * 100000); f.flush(); open('$work/writing', 'w').close()
try: os.write(os.open('$second/busy', os.O_WRONLY | os.O_APPEND), b'y'); sys.exit('no error')
except OSError as e: assert e.errno == errno.EBUSY, e
while os.path.exists('$work/writing'): time.sleep(0.1)
f.write(b'x' * 1000); f.close()" &
within 20 test -e "$work/writing"
expect 4 '' "$bdfs" append "$work/a" /busy
rm "$work/writing"
wait $! || fail "the writer of a busy file"
"$bdfs" append "$work/a" /busy || fail "append after the writer has closed"
within 3 has_bytes "$first/busy" 401000

# synced bytes can be read elsewhere while the file is open, and stay when its writer dies
python "
f = os.open('synced', os.O_CREAT | os.O_WRONLY); os.write(f, b'a' * 70000); os.fsync(f)
assert open('$second/synced', 'rb').read() == b'a' * 70000
os.write(f, b'b' * 10); os.close(f)
assert open('$second/synced', 'rb').read() == b'a' * 70000 + b'b' * 10"

"$bdfs" umount "$first" "$second" || fail "umount"
echo "mount: what others do is seen, and the other way round"
