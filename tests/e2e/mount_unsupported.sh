#!/usr/bin/env bash
# What the mount does not have yet answers ENOTSUP, and changes nothing.
. "$(dirname "${BASH_SOURCE[0]}")/mount.sh" || exit 1
need python3
up --no-agents
mount_up
seq 1000 >"$work/src"
cp "$work/src" "$m/f" || fail cp
unchanged() { same "$work/src" "$m/f"; [ "$(ls -A "$m")" = f ] || fail "left behind: $(ls -A "$m")"; }
no() { errno ENOTSUP "$1"; unchanged; }

# places that are not the end
no 'f = os.open("f", os.O_WRONLY); os.pwrite(f, b"x", 10)'
no 'f = os.open("f", os.O_WRONLY); os.write(f, b"x")'
no 'f = os.open("f", os.O_RDWR); os.pwrite(f, b"x", 100000)'
no 'f = os.open("f", os.O_WRONLY); os.lseek(f, -1, 2); os.write(f, b"x")'
no 'os.truncate("f", 100000)'
no 'os.ftruncate(os.open("f", os.O_RDWR), 4000)'
errno ENOTSUP 'f = os.open("g", os.O_CREAT | os.O_WRONLY); os.write(f, b"0123456789"); os.pwrite(f, b"x", 3)'
[ "$(cat "$m/g")" = 0123456789 ] || fail "a refused write harmed what was written before"
errno ENOTSUP 'f = os.open("g", os.O_WRONLY | os.O_TRUNC); os.pwrite(f, b"x", 3)'
[ "$(stat -c %s "$m/g")" -eq 0 ] || fail "a refused write left bytes"
rm "$m/g"
# a refused write does not spoil the handle
python 'f = os.open("g", os.O_CREAT | os.O_WRONLY); os.write(f, b"abc")
try: os.pwrite(f, b"x", 9)
except OSError: pass
os.write(f, b"def"); os.fsync(f); os.close(f); assert open("g").read() == "abcdef"; os.unlink("g")'

# names and kinds of files
no 'os.link("f", "g")'
no 'os.mkfifo("p")'
no 'os.mknod("r", stat.S_IFREG | 0o600)'
no 'os.mknod("c", stat.S_IFCHR | 0o600, os.makedev(1, 3))'
no 'socket.socket(socket.AF_UNIX).bind("s")'
no 'os.open(".", os.O_TMPFILE | os.O_RDWR)'
touch "$work/other" && cp "$work/src" "$m/g"
for flag in 2 4; do # exchange, whiteout
        errno ENOTSUP "import ctypes
if ctypes.CDLL(None, use_errno=True).renameat2(-100, b'f', -100, b'g', $flag) != 0:
    raise OSError(ctypes.get_errno(), '')"
done
rm "$m/g"; unchanged

# open files keep their names
no 'f = open("f"); os.unlink("f")'
no 'f = open("f", "a"); os.unlink("f")'
errno ENOTSUP 'g = open("g", "w"); g.write("x"); g.flush(); os.rename("f", "g")'
[ "$(cat "$m/g")" = x ] || fail "the file that was to be replaced"
rm "$m/g"; unchanged

# space, holes, locks, attributes, requests to devices
no 'import ctypes
f = os.open("f", os.O_RDWR); c = ctypes.CDLL(None, use_errno=True)
if c.fallocate(f, 0, ctypes.c_long(0), ctypes.c_long(100000)) != 0:
    raise OSError(ctypes.get_errno(), "")'
no 'os.lseek(os.open("f", os.O_RDONLY), 0, os.SEEK_HOLE)'
no 'os.lseek(os.open("f", os.O_RDONLY), 0, os.SEEK_DATA)'
no 'fcntl.flock(os.open("f", os.O_RDONLY), fcntl.LOCK_SH)'
no 'fcntl.lockf(os.open("f", os.O_RDWR), fcntl.LOCK_EX | fcntl.LOCK_NB)'
no 'fcntl.lockf(os.open("f", os.O_RDWR), fcntl.LOCK_EX)'
no 'fcntl.fcntl(os.open("f", os.O_RDWR), fcntl.F_GETLK, b"\0" * 32)'
for name in user.a trusted.a security.a; do
        no "os.setxattr('f', '$name', b'x')"
done
no 'import struct
acl = b"".join(struct.pack("<HHI", tag, 4, 2**32 - 1) for tag in (1, 4, 32))
os.setxattr("f", "system.posix_acl_access", struct.pack("<I", 2) + acl)'
no 'os.getxattr("f", "user.a")'
no 'os.listxattr("f")'
no 'os.removexattr("f", "user.a")'
errno ENOTTY 'fcntl.ioctl(os.open("f", os.O_RDONLY), 0x80086601, b"\0" * 8)' # FS_IOC_GETFLAGS
no 'fcntl.ioctl(os.open("f", os.O_RDWR), 0x40049409, os.open("f", os.O_RDONLY))' # FICLONE
errno ENODEV 'mmap.mmap(os.open("f", os.O_RDWR), 0)'; unchanged
no 'os.chmod("f", 0o4755)'
no 'os.chmod("f", 0o2755)'
no 'os.open("g", os.O_CREAT | os.O_WRONLY, 0o4755)'
no 'os.utime("f", (-5, -5))'
ln -s f "$m/l"
errno ENOTSUP 'l = os.open("l", os.O_PATH | os.O_NOFOLLOW); os.chmod("/proc/self/fd/%d" % l, 0o600)'
rm "$m/l"; unchanged

# what the kernel does in its own way instead does what it says
python 'f = os.open("f", os.O_RDONLY); g = os.open("g", os.O_CREAT | os.O_WRONLY)
while True:
    try:
        if os.copy_file_range(f, g, 1000) == 0: break
    except OSError as e:
        assert e.errno == 95; os.unlink("g"); sys.exit(0)
os.close(g); assert open("g").read() == open("f").read(); os.unlink("g")'
python 'import mmap
f = open("f", "rb"); p = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ); assert p[:] == f.read()'
unchanged
mount_down
echo "mount: what is not there yet says so"
