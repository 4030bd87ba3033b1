#!/usr/bin/env bash
# Two mounts and several processes at once: every way to open a file, a name that only one may make,
# a close that others find closed, and random operations. The mounts outlive all of it.
. "$(dirname "${BASH_SOURCE[0]}")/mount.sh" || exit 1
need python3
up --no-agents
mount_up
first=$m
m=$work/mnt2
mount_up
second=$m
m=$first

# every combination of flags, of a file that is new, there, a directory, a link, or no more there
python "
import errno, itertools, stat
access = (os.O_RDONLY, os.O_WRONLY, os.O_RDWR, 3)
flags = (os.O_CREAT, os.O_EXCL, os.O_TRUNC, os.O_APPEND, os.O_DIRECT, os.O_SYNC, os.O_NOFOLLOW)
os.mkdir('flags'); os.chdir('flags')
def use(f):
    for do in (lambda: os.fstat(f), lambda: os.read(f, 10), lambda: os.write(f, b'x'),
               lambda: os.fsync(f), lambda: os.ftruncate(f, 0), lambda: os.fchmod(f, 0o600),
               lambda: os.utime(f), lambda: os.close(os.dup(f)), lambda: os.write(f, b'y')):
        try: do()
        except OSError as e: assert e.errno != errno.ENOTCONN, do
n = 0
for mode in access:
    for some in range(1 << len(flags)):
        how = mode
        for i, one in enumerate(flags): how |= one if some >> i & 1 else 0
        for kind in ('new', 'old', 'dir', 'link') if some & 0x67 == some else ('new', 'old'):
            n += 1; name = '%s.%d' % (kind, n)
            if kind == 'old': os.close(os.open(name, os.O_CREAT | os.O_WRONLY, 0o644))
            if kind == 'dir': os.mkdir(name)
            if kind == 'link': os.symlink('nowhere', name)
            try:
                f = os.open(name, how, 0o644); use(f) if n % 3 else None; os.close(f)
            except OSError as e: assert e.errno != errno.ENOTCONN, (how, kind)
for how in (os.O_PATH, os.O_PATH | os.O_DIRECTORY, os.O_TMPFILE | os.O_RDWR, os.O_DIRECTORY):
    for name in ('.', 'old.2', 'none'):
        try: f = os.open(name, how); os.fstat(f); os.close(f)
        except OSError as e: assert e.errno != errno.ENOTCONN, how
for kind in (stat.S_IFREG, stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFCHR, stat.S_IFBLK, 0):
    try: os.mknod('node', kind | 0o600)
    except OSError as e: assert e.errno != errno.ENOTCONN, kind
os.close(os.open('plain', os.O_CREAT | os.O_RDONLY, 0o600)); assert os.stat('plain').st_size == 0
f = os.open('two', os.O_CREAT | os.O_RDONLY, 0o600); g = os.open('two', os.O_WRONLY)
os.write(g, b'abc'); os.close(f); os.write(g, b'def'); os.close(g)
assert open('two').read() == 'abcdef'
f = os.open('three', os.O_CREAT | os.O_RDONLY, 0o600); g = os.open('$second/flags/three', os.O_RDWR)
os.write(g, b'abc'); os.close(g); assert os.read(f, 10) == b'abc'
"
# one winner of each name, whoever asks from where; the others are told that it is there
mkdir "$first/winner" || fail mkdir
for i in 1 2 3; do for where in "$first" "$second"; do
        timeout 120 python3 -c "
import errno, os
def ask(do):
    try: do(); return 1
    except OSError as e:
        assert e.errno == errno.EEXIST, e
        return 0
os.chdir('$where/winner'); won = [0, 0, 0]
for n in range(60):
    won[0] += ask(lambda: os.mkdir('d%d' % n))
    won[1] += ask(lambda: os.close(os.open('f%d' % n, os.O_CREAT | os.O_EXCL | os.O_WRONLY)))
    won[2] += ask(lambda: os.symlink('x', 'l%d' % n))
print(*won)" >>"$work/won" || echo "a loser of $where" >>"$work/lost" &
done; done
wait
[ ! -e "$work/lost" ] || fail "$(cat "$work/lost")"
[ "$(awk '{ d += $1; f += $2; l += $3 } END { print d, f, l }' "$work/won")" = "60 60 60" ] ||
        fail "not one winner of each of 60: $(xargs <"$work/won")"
# without O_EXCL everybody gets it
for where in "$first" "$second" "$first" "$second"; do
        (cd "$where/winner" && for n in $(seq 30); do : >>"open$n" || exit 1; done) ||
                echo "$where" >>"$work/not.opened" &
done
wait
[ ! -e "$work/not.opened" ] || fail "O_CREAT: $(xargs <"$work/not.opened")"

# who has closed a file has closed it: another host may write it at once
cd "$second" || exit 1
for i in $(seq 200); do
        echo x >"$first/closed"
        if ((i % 2)); then echo y >>closed; else echo y >closed; fi || fail "the $i-th time: still open"
done 2>"$work/closing" || fail "$(cat "$work/closing")"
[ ! -s "$work/closing" ] || fail "$(head -n 1 "$work/closing")"
: >"$first/empty"; echo x >>empty || fail "an empty file is still open"
python3 -c "open('$first/once', 'w').write('1\n')"; echo 2 >>once || fail "a file written once"
[ "$(xargs <"$first/once")" = "1 2" ] || fail "bytes of two hosts"
# copies of a descriptor that are closed while others go on writing
cd "$first" || exit 1
exec 4>many; for i in $(seq 40); do echo "$i" >&4; done; exec 4>&-
[ "$(xargs <many)" = "$(seq 40 | xargs)" ] || fail "a descriptor copied for each line"
{ for i in $(seq 30); do /bin/echo "$i"; done & for i in $(seq 30); do /bin/echo "$i"; done; wait; } >both
[ "$(sort -n both | uniq -c | awk '$1 == 2' | wc -l)" -eq 30 ] || fail "two at one descriptor"
(exec >>left; (until [ -e "$work/left" ]; do sleep 0.05; done; echo late) & echo early)
echo other >>"$second/left" || fail "a file whose writer may go on"
touch "$work/left"; within 20 grep -q late left
[ "$(xargs <left)" = "early other late" ] ||
        fail "a writer that outlives its shell: $(xargs <left)"
cd "$work" || exit 1

# random operations of six processes on both mounts, on few names, so that they meet
mkdir "$first/random" || fail mkdir
storm() { # MOUNT SEED
        timeout 120 python3 -c "
import errno, os, random, sys, time
r = random.Random($2); end = time.monotonic() + 8; open_files = []; n = 0
os.chdir('$1/random')
names = ['a', 'b', 'c', 'd/a', 'd/b', 'd', 'e/a', 'e']
access = (os.O_RDONLY, os.O_WRONLY, os.O_RDWR)
flags = (os.O_CREAT, os.O_EXCL, os.O_TRUNC, os.O_APPEND, os.O_DIRECT)
def some(): return r.choice(names)
def open_one():
    how = r.choice(access)
    for f in flags: how |= f if r.random() < 0.4 else 0
    open_files.append(os.open(some(), how, r.choice((0o644, 0o444, 0))))
def with_file(do): return lambda: do(r.choice(open_files)) if open_files else None
def shut(): os.close(open_files.pop(r.randrange(len(open_files)))) if open_files else None
def listing():
    for x in os.scandir(r.choice(('.', 'd', 'e'))): x.stat(follow_symlinks=False)
does = 6 * [open_one] + 6 * [shut] + [
    with_file(lambda f: os.write(f, b'x' * r.choice((1, 700, 70000)))),
    with_file(lambda f: os.write(f, b'y')), with_file(lambda f: os.pread(f, 5000, r.randrange(100))),
    with_file(os.fsync), with_file(os.fstat), with_file(lambda f: os.ftruncate(f, r.choice((0, 5)))),
    with_file(lambda f: os.fchmod(f, 0o644)), with_file(os.utime),
    with_file(lambda f: os.close(os.dup(f))), lambda: os.unlink(some()), lambda: os.unlink(some()),
    lambda: os.rename(some(), some()), lambda: os.rename(some(), some()),
    lambda: os.mkdir(r.choice(('d', 'e'))), lambda: os.rmdir(r.choice(('d', 'e'))),
    lambda: os.symlink('a', some()), lambda: os.readlink(some()), lambda: os.stat(some()),
    lambda: os.truncate(some(), r.choice((0, 3))), lambda: os.chmod(some(), 0o600), listing]
while time.monotonic() < end:
    n += 1
    if len(open_files) > 20: shut()
    try: r.choice(does)()
    except OSError as e:
        if e.errno in (errno.ENOTCONN, errno.ENOSYS): sys.exit('%s after %d' % (e, n))
for f in open_files:
    try: os.close(f)
    except OSError: pass
print(n)" >>"$work/storms" || echo "$1 $2" >>"$work/storm.failed"
}
for seed in 1 2 3; do storm "$first" "$seed" & storm "$second" "1$seed" & done
wait
[ ! -e "$work/storm.failed" ] || fail "random operations: $(cat "$work/storm.failed")"
[ "$(awk '{ n += $1 } END { print (n > 300) }' "$work/storms")" = 1 ] || fail "hardly any operations: $(xargs <"$work/storms")"
[ -n "$(daemons "$first")" ] && [ -n "$(daemons "$second")" ] || fail "a mount ended"
echo "mount: races"
