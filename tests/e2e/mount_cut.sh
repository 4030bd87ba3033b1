#!/usr/bin/env bash
# Who reads a file on the mount while it is cut or written anew, here, on another mount, by the CLI:
# sees its new length and bytes, at once when it was done here, within a second or so when elsewhere.
# No read fails, and none gives a mixture of what the file was and what it is.
. "$(dirname "${BASH_SOURCE[0]}")/mount.sh" || exit 1
need python3
up --no-agents --block-size 1M
mount_up
first=$m
m=$work/mnt2
mount_up

cat >"$work/cut.py" <<'PY'
import os, subprocess, sys, time
first, second, bdfs, work = sys.argv[1:]
MIB = 1 << 20
LATE = 10        # a second is promised; the machine may be busy

def bytes_of(n):
    return os.urandom(n)

def put(path, data):
    with open(path, 'wb') as f:
        f.write(data)

def all_of(fd):
    got, at = [], 0
    while True:
        b = os.pread(fd, MIB, at)
        if not b:
            return b''.join(got)
        got.append(b)
        at += len(b)

def now(fd, want, what):
    """It is so already."""
    assert os.fstat(fd).st_size == len(want), (what, os.fstat(fd).st_size, len(want))
    got = all_of(fd)
    assert got == want, (what, len(got), len(want), got[:20], want[:20])

def soon(fd, old, want, what):
    """It becomes so, and in between it is as it was: a page at a time, each old or new."""
    began = time.monotonic()
    while True:
        got = all_of(fd)
        for at in range(0, len(got), 4096):
            page = got[at:at + 4096] # the last one may end where the file was cut under it
            assert page in (want[at:at + len(page)], old[at:at + len(page)]), (what, at)
        if got == want and os.fstat(fd).st_size == len(want):
            return
        assert time.monotonic() - began < LATE, (what, len(got), os.fstat(fd).st_size)
        time.sleep(0.05)

def bdfs_do(*words, data=None):
    subprocess.run([bdfs, *words], input=data, check=True, stdout=subprocess.DEVNULL)

def cut_elsewhere(how, path, name, length):
    if how == 'cli':
        bdfs_do('truncate', str(length), '/' + name)
    else:
        os.truncate(path, length)

def write_elsewhere(how, path, name, data):
    if how == 'cli':
        bdfs_do('truncate', '0', '/' + name)
        bdfs_do('append', '-', '/' + name, data=data)
    else:
        put(path, data)

# by this mount: at once, for each kind of handle
for kind, flags in ('reader', os.O_RDONLY), ('writer', os.O_RDWR):
    old = bytes_of(3 * MIB + 1000)
    put(f'{first}/here', old)
    f, g = os.open(f'{first}/here', flags), os.open(f'{first}/here', os.O_RDONLY)
    for fd in f, g:
        assert os.pread(fd, MIB, 0) == old[:MIB]
    os.truncate(f'{first}/here', 2 * MIB + 5)
    for fd in f, g:
        now(fd, old[:2 * MIB + 5], kind + ' after truncate here')
        assert os.pread(fd, MIB, 2 * MIB + 5) == b'' and os.pread(fd, 10, 3 * MIB) == b''
    if kind == 'writer':
        os.ftruncate(f, 777)
        for fd in f, g:
            now(fd, old[:777], 'after ftruncate here')
    new = bytes_of(2 * MIB + 70)
    put(f'{first}/here', new)
    for fd in f, g:
        now(fd, new, kind + ' after writing anew here')
        os.close(fd)

# by another mount, by the CLI
for how in 'mount', 'cli':
    for kind in 'reader', 'idle', 'writer', 'beside a writer':
        name = f'{how}_{kind}'.replace(' ', '_')
        mine, theirs, what = f'{first}/{name}', f'{second}/{name}', f'{kind}, {how}'
        old = bytes_of(3 * MIB + 1000)
        put(mine, old)
        if kind == 'beside a writer':
            w = os.open(mine, os.O_WRONLY | os.O_APPEND)
            os.write(w, b'more')
            old += b'more'
        f = os.open(mine, os.O_RDWR if kind == 'writer' else os.O_RDONLY)
        if kind != 'idle':
            assert os.pread(f, MIB, MIB) == old[MIB:2 * MIB], what
        if kind == 'beside a writer':
            assert all_of(f) == old, what
            os.close(w)
        cut_elsewhere(how, theirs, name, 2 * MIB + 5)
        soon(f, old, old[:2 * MIB + 5], what + ', cut')
        old = old[:2 * MIB + 5]
        for n in 5 * MIB + 70, 2 * MIB + 5:
            new = bytes_of(n)
            write_elsewhere(how, theirs, name, new)
            got = None
            began = time.monotonic()
            while got != new:   # it is cut to nothing in between
                got = all_of(f)
                assert time.monotonic() - began < LATE, (what, n, 'written anew')
            now(f, new, what + ', written anew')
        os.close(f)

# deleted and replaced elsewhere: an open file goes on
old = bytes_of(3 * MIB)
put(f'{first}/gone', old)
f = os.open(f'{first}/gone', os.O_RDONLY)
began = time.monotonic()
while time.monotonic() - began < 1.5:   # the mount asks after what is open for longer than a second
    assert os.pread(f, 10, 0) == old[:10]
bdfs_do('put', '-f', '-', '/gone', data=bytes_of(MIB))
began = time.monotonic()
while os.fstat(f).st_nlink > 0:         # what the kernel knows is a second old at most
    assert time.monotonic() - began < LATE
    assert all_of(f) == old, 'a replaced file'
assert all_of(f) == old and os.fstat(f).st_size == len(old), 'a deleted file'
os.close(f)
PY
timeout 120 python3 "$work/cut.py" "$first" "$m" "$bdfs" "$work" || fail "see above"
grep -i 'corrupt' "$work/mount.log" && fail "a file that got shorter is called corrupt"
"$bdfs" umount "$first" "$m" || fail "umount"
echo "mount: a file that is cut is shorter for its readers, not corrupt"
