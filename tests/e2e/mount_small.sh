#!/usr/bin/env bash
# Small files: how many records of the namenode's each costs, and what is kept until the close.
. "$(dirname "${BASH_SOURCE[0]}")/mount.sh" || exit 1
need python3
need jq
up --no-agents
mount_up
cd "$work" || exit 1
records() { "$bdfs" admin report --json | jq -r .journal_index; }
# costs MOST COMMAND...: at most so many records.
costs() {
        local most=$1 before after
        shift
        before=$(records)
        "$@" || fail "$*"
        after=$(records)
        [ $((after - before)) -le "$most" ] || fail "$((after - before)) records, more than $most: $*"
}

# a create with its first block, and an end with all attributes: two records a file
mkdir tree && for i in $(seq 50); do head -c 4096 /dev/urandom >"tree/$i"; done
chown daemon:bin tree/7 && chmod 604 tree/8 && chmod 444 tree/9 && touch -d @1000000000 tree/*
tar cf tree.tar tree
costs 106 tar xpf tree.tar -C "$m"
(cd tree && stat -c '%n %a %U:%G %s %Y' *) >want; (cd "$m/tree" && stat -c '%n %a %U:%G %s %Y' *) >got
diff want got || fail "attributes on the mount"
diff -r tree "$m/tree" || fail "bytes"
"$bdfs" stat '%a %u:%g %b %y' /tree/7 | grep -q '^644 daemon:bin 4096 2001-09-09' ||
        fail "attributes at the namenode: $("$bdfs" stat '%a %u:%g %b %y' /tree/7)"
costs 106 cp -a tree "$m/copy"
(cd "$m/copy" && stat -c '%n %a %U:%G %s %Y' *) >got; diff want got || fail "attributes of a copy"
costs 100 sh -c "for i in \$(seq 50); do echo x >>'$m/copy/'\$i; done"
costs 100 sh -c "for i in \$(seq 50); do : >'$m/empty'\$i; done"

# what is kept is shown, and there after an fsync; what takes rights away is not kept
python "
import subprocess
# a shell from before: a child that begins while a file is open closes a copy of its descriptor
shell = subprocess.Popen(['bash'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
def there(p):
    shell.stdin.write(b'$bdfs stat \"%%a %%Y\" /%s\n' % p.encode())
    return shell.stdout.readline().decode().split()
f = os.open('kept', os.O_CREAT | os.O_WRONLY, 0o600); os.write(f, b'x')
os.fchmod(f, 0o644); os.utime(f, (7, 8))
assert os.stat('kept').st_mode & 0o777 == 0o644 and os.stat('kept').st_mtime == 8
assert there('kept')[0] == '600', there('kept')
os.fsync(f); assert there('kept') == ['644', '8000'], there('kept')
os.fchmod(f, 0o600); assert there('kept')[0] == '600', there('kept')
os.fchmod(f, 0o640); before = os.stat('kept').st_mtime
os.write(f, b'y'); os.close(f)
assert there('kept')[0] == '640' and int(there('kept')[1]) > 10**12, there('kept')
f = os.open('moves', os.O_CREAT | os.O_WRONLY)
os.write(f, b'x'); first = os.fstat(f).st_mtime_ns
end = time.monotonic() + 20
while os.fstat(f).st_mtime_ns == first and time.monotonic() < end:
    os.write(f, b'x'); time.sleep(0.05)
assert os.fstat(f).st_mtime_ns > first, 'mtime stands still while bytes are written'
os.close(f)"

# given away by somebody else while it is written: the bytes are there all the same
python "
import subprocess
shell = subprocess.Popen(['bash'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
f = os.open('given', os.O_CREAT | os.O_WRONLY, 0o600); os.write(f, b'x' * 10); os.utime(f, (7, 8))
shell.stdin.write(b'$bdfs chown daemon /given; echo \$?\n'); assert shell.stdout.readline() == b'0\n'
os.close(f); assert open('given').read() == 'x' * 10"

mount_down
"$bdfs" cluster down --dir "$cluster" >/dev/null && rm -rf "$cluster"

# empty files, and files that are refused, take no room, however large a block is: there is room for
# a file behind more of them than blocks would fit, and what is kept for readers stays
up --no-agents --block-size 4G
mount_up
n=$(($("$bdfs" df --json | jq '.[0].remaining') / 3 / 4294967296 + 60))
[ $n -le 2000 ] || skip "$n blocks of 4 GiB fit here: too many to try"
echo old | "$bdfs" put - /kept && echo new | "$bdfs" put -f - /kept || fail "put"
"$bdfs" mkdir /closed && "$bdfs" chmod 700 /closed && mkdir "$m/empties" || fail "prepare"
python "
for i in range($n):
    open('empties/%d' % i, 'w').close()"
echo text >"$m/behind" || fail "no room behind $n empty files"
for i in $(seq $n); do "$bdfs" --user nobody touchz "/closed/$i" 2>/dev/null && fail "it is not closed"; done
echo text >"$m/behind2" || fail "no room behind $n refused files"
[ "$("$bdfs" admin report --json | jq .retired_blocks)" -eq 1 ] || fail "what was kept for readers is freed"
grep 'space is short' "$cluster/namenode-0/log" && fail "space is short"

mount_down
echo "mount: small files"
