#!/usr/bin/env bash
# The mount, operation by operation. Other mount_*.sh source this file for what they share.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh" || exit 1

[ -c /dev/fuse ] || skip "there is no /dev/fuse"
[ "$(id -u)" -eq 0 ] || skip "not root: users and owners cannot be tested"
m=$work/mnt

# mount_up [options of bdfs mount]: at $m, ended on any exit.
mount_up() {
        mkdir -p "$m"
        timeout 60 "$bdfs" mount --log "$work/mount.log" "$@" "$m" ||
                fail "bdfs mount $*: $(cat "$work/mount.log" 2>/dev/null)"
        at_exit "umount -l '$m' 2>/dev/null; daemons_end '$m'"
        at_exit '[ "$rc" -eq 0 ] || tail -n 15 "$work/mount.log"'
}
# The daemon of a mount, by process id.
daemons() {
        local p m=${1:-$m}
        for p in $(pgrep -x bdfs-mount); do
                { tr '\0' '\n' <"/proc/$p/cmdline"; } 2>/dev/null | grep -qxF "$m" && echo "$p"
        done
        return 0
}
daemons_end() { for p in $(daemons "$1"); do kill -9 "$p"; done; }
has_bytes() { [ "$(stat -c %s "$1")" -eq "$2" ]; }
mount_down() { timeout 60 "$bdfs" umount "$m" || fail "bdfs umount"; }

# errno NAME PYTHON: the statements, run in $m, end with this errno.
errno() {
        local want=$1 got
        got=$(cd "$m" && timeout 60 python3 -c "
import errno, fcntl, mmap, os, socket, stat, sys
try:
$(sed 's/^/    /' <<<"$2")
    print('no error')
except OSError as e:
    print(errno.errorcode[e.errno])" 2>&1)
        [ "$got" = "$want" ] || fail "'$got' instead of $want from: $2"
}
# python PYTHON: the statements succeed in $m.
python() { (cd "$m" && timeout 120 python3 -c "import os, sys, time
$1") || fail "python: $1"; }
[ "${BASH_SOURCE[0]}" = "$0" ] || return 0

# ------------------------------------------------------------------------------------------------
need python3
up --no-agents
mount_up
cd "$work" || exit 1

grep -q " $m fuse.bdfs .*nosuid.*nodev" /proc/mounts || fail "set-id bits and devices must be off"
expect 4 'mounted there already' "$bdfs" mount "$m"

# names
errno ENOENT 'os.stat("none")'
mkdir "$m/d" || fail mkdir
errno EEXIST 'os.mkdir("d")'
errno ENOENT 'os.mkdir("no/d")'
errno ENOTDIR 'open("f", "w").close(); os.stat("f/x")'
errno ENAMETOOLONG 'open("n" * 256, "w")'
long=$(printf 'n%.0s' {1..255})
for name in "$long" 'with space' $'new\nline' $'\xff\xfe' '-dash' 'a:b' '.hidden' '☃'; do
        echo x >"$m/d/$name" || fail "create '$name'"
        [ "$(cat "$m/d/$name")" = x ] || fail "read '$name'"
done
[ "$(ls -A "$m/d" | wc -l)" -eq 9 ] || fail "names are missing" # the new line counts twice
rm "$m/d"/* "$m/d/.hidden" && rmdir "$m/d" || fail "rm, rmdir"
errno ENOENT 'os.rmdir("d")'

# contents of many lengths, in pieces of many lengths
for n in 0 1 511 512 513 4095 4097 65535 65537 1048575 3000001 16777216; do
        random_file src "$n"
        for piece in 1000003 4096; do
                [ "$n" -gt 3000001 ] && [ "$piece" -lt 65536 ] && continue
                dd if=src of="$m/f" bs=$piece status=none || fail "write $n by $piece"
                [ "$(stat -c %s "$m/f")" -eq "$n" ] || fail "length after writing $n"
                same src "$m/f"
                dd if="$m/f" bs=$piece status=none | cmp - src || fail "read $n by $piece"
        done
done
python '
f = os.open("f", os.O_RDONLY); g = os.open(sys.argv[0] if False else "'"$work"'/src", os.O_RDONLY)
x = 12345
for i in range(300):
    x = (x * 1103515245 + 12345) % 2**31
    at, n = x % 16777216, x % 70000
    assert os.pread(f, n, at) == os.pread(g, n, at), (at, n)'

# create: exclusively, with modes, appending
errno EEXIST 'os.open("f", os.O_CREAT | os.O_EXCL | os.O_WRONLY)'
(umask 077; : >"$m/private"; mkdir "$m/private.d")
[ "$(stat -c %a "$m/private" "$m/private.d" | xargs)" = "600 700" ] || fail "umask"
python 'f = os.open("none", os.O_CREAT | os.O_WRONLY, 0); os.write(f, b"x"); os.close(f)'
[ "$(stat -c %a "$m/none")" = 0 ] || fail "mode 0"
echo one >"$m/a"; echo two >>"$m/a"; echo three >>"$m/a"
[ "$(xargs <"$m/a")" = "one two three" ] || fail "append"
{ echo 1; /bin/echo 2; seq 3 4; cat "$m/a"; /bin/echo 5; } >"$m/a2"
[ "$(xargs <"$m/a2")" = "1 2 3 4 one two three 5" ] || fail "a redirection of several processes"
for i in 1 2 3 4; do for j in $(seq 20); do echo "$i.$j" >>"$m/log"; done & done; wait
[ "$(sort -u "$m/log" | wc -l)" -eq 80 ] || fail "appending by several processes"

# a file that is being written
python '
f = os.open("w", os.O_CREAT | os.O_RDWR)
done = b""
for i in range(20):
    piece = os.urandom(70001)
    assert os.write(f, piece) == len(piece)
    done += piece
    assert os.stat("w").st_size == len(done) == os.fstat(f).st_size
    if i % 5 == 0:
        os.fsync(f)
    if i % 3 == 0:
        assert open("w", "rb").read() == done
        assert os.pread(f, len(done), 0) == done
os.close(f)
assert open("w", "rb").read() == done'

# rename
cd "$m" || exit 1
mkdir x y y/full full; echo 1 >one; echo 2 >two; touch y/full/f full/f
mv one x/uno && [ "$(cat x/uno)" = 1 ] && [ ! -e one ] || fail "rename into a directory"
mv -T two x/uno && [ "$(cat x/uno)" = 2 ] || fail "rename that replaces"
mv x y/x && [ "$(cat y/x/uno)" = 2 ] || fail "rename of a directory"
mkdir e && python 'os.rename("full", "e")' && [ -e e/f ] || fail "rename onto an empty directory"
errno ENOTEMPTY 'os.rename("e", "y")'
errno EISDIR 'os.rename("y/x/uno", "e")'
errno ENOTDIR 'os.rename("e", "y/x/uno")'
errno EINVAL 'os.rename("y", "y/x/below")'
errno ENOENT 'os.rename("none-such", "z")'
mv -n y/x/uno e/f; [ -e y/x/uno ] || fail "mv -n"
errno EEXIST 'import ctypes
if ctypes.CDLL(None, use_errno=True).renameat2(-100, b"y/x/uno", -100, b"e/f", 1) != 0:
    raise OSError(ctypes.get_errno(), "")'
exec 3<y/x/uno; mv y/x/uno y/x/due; [ "$(cat <&3)" = 2 ] || fail "an open file that was renamed"
exec 3<&-
python '
f = os.open("wr", os.O_CREAT | os.O_WRONLY); os.write(f, b"a" * 100000)
os.mkdir("wd"); os.rename("wr", "wd/w2"); os.rename("wd", "wd2")
os.write(f, b"b" * 100000); os.fsync(f); os.write(f, b"c"); os.close(f)
assert open("wd2/w2", "rb").read() == b"a" * 100000 + b"b" * 100000 + b"c"
f = os.open("wd2/w2", os.O_WRONLY | os.O_APPEND); os.rename("wd2/w2", "w3"); os.write(f, b"d")
os.close(f); assert os.stat("w3").st_size == 200002'
# replaced under a reader: the old bytes or an error, never others
head -c 3000000 /dev/zero >old; cp old reader; echo new >new; exec 3<reader; mv new reader
cat <&3 >"$work/seen" 2>/dev/null
head -c "$(stat -c %s "$work/seen")" old | cmp - "$work/seen" || fail "bytes of another file"
exec 3<&-; [ "$(cat reader)" = new ] || fail "a file that was replaced while it was open"
errno ENOTEMPTY 'os.rmdir("y")'
rm -r x y e 2>/dev/null; [ ! -e y ] || fail "rm -r"

# attributes
echo abcdefgh >t
chmod 1751 t && [ "$(stat -c %a t)" = 1751 ] || fail chmod
chown daemon:sys t && [ "$(stat -c %U:%G t)" = daemon:sys ] || fail chown
chown 12345:54321 t && [ "$(stat -c %u:%g t)" = 12345:54321 ] || fail "owners without a name"
"$bdfs" chown stranger:strangers /t && chown 65534:65534 t &&
        [ "$("$bdfs" stat %u:%g /t)" = stranger:strangers ] || fail "owners that this host lacks"
chown root:root t && chown 65534 t && [ "$(stat -c %u:%G t)" = 65534:root ] || fail "chown to nobody"
chown root:root t
touch -d '2001-02-03 04:05:06.789 UTC' t && [ "$(stat -c '%Y %y' t | cut -c 1-33)" = \
        "$(TZ=$(date +%Z) date -d '2001-02-03 04:05:06.789 UTC' '+%s %F %T.789')" ] || fail utimens
touch -d @77 y.d 2>/dev/null; mkdir td && touch -d @77 td && [ "$(stat -c %Y td)" = 77 ] ||
        fail "times of a directory"
python '
f = os.open("timed", os.O_CREAT | os.O_WRONLY); os.write(f, b"x" * 1000)
os.utime(f, (5, 6)); os.close(f); time.sleep(1.1)
s = os.stat("timed"); assert (s.st_atime, s.st_mtime) == (5, 6), s'
inode=$(stat -c %i t)
truncate -s 3 t && [ "$(cat t)" = abc ] || fail truncate
echo new >t && [ "$(cat t) $(stat -c %i t)" = "new $inode" ] || fail "O_TRUNC"
python '
f = os.open("t", os.O_RDWR); os.ftruncate(f, 0); os.write(f, b"0123456789")
os.ftruncate(f, 4); assert os.fstat(f).st_size == 4; os.lseek(f, 4, 0); os.write(f, b"x")
os.close(f); assert open("t").read() == "0123x"'

# links
ln -s t l && [ "$(readlink l) $(cat l)" = "t 0123x" ] || fail symlink
ln -s "$(printf 't/%.0s' {1..500})" l2 && [ "$(readlink l2 | wc -c)" -eq 1001 ] || fail "long link"
ln -s nowhere dangling && [ -L dangling ] && [ ! -e dangling ] || fail "dangling link"
mkdir r && echo in >r/in && ln -s r rl && [ "$(cat rl/in)" = in ] || fail "link to a directory"
chown -h daemon:sys l && [ "$(stat -c %U:%G l t | xargs)" = "daemon:sys root:root" ] ||
        fail "owner of a link"
touch -h -d @99.123 l && touch -h -d @55 dangling && [ "$(stat -c %Y t)" -gt 99 ] &&
        [ "$(stat -c %.3Y l dangling | xargs)" = "99.123 55.000" ] || fail "times of a link"
errno EEXIST 'os.symlink("a", "l")'
errno EINVAL 'os.readlink("t")'
rm l l2 dangling rl && [ -e t ] && [ -e r/in ] || fail "rm of links"

# a directory of several pages, its attributes, going back
mkdir many && (cd many && seq -f 'f%05g' 2500 | xargs touch) || fail "many files"
[ "$(ls many | sort -u | wc -l)" -eq 2500 ] || fail "ls of many files"
[ "$(find many -type f -size 0 | wc -l)" -eq 2500 ] || fail "find in many files"
python '
import ctypes
c = ctypes.CDLL(None); c.opendir.restype = c.readdir.restype = ctypes.c_void_p
c.telldir.restype = ctypes.c_long
d = ctypes.c_void_p(c.opendir(b"many")); seen = []
def name(): return ctypes.string_at(c.readdir(d) + 19)
for i in range(1500): name()
at = c.telldir(d); n = [name() for i in range(5)]
for i in range(900): name()
c.seekdir(d, ctypes.c_long(at)); assert [name() for i in range(5)] == n
c.rewinddir(d); assert {name(), name()} == {b".", b".."}'
# names come with their attributes (readdirplus), and bytes come before they are asked for (read-ahead):
# far fewer answers of the daemon than names, and than reads
answers() { sed -n 's/^syscw: //p' "/proc/$(daemons)/io"; }
sleep 1.1; before=$(answers) # attributes are a second old by now
[ "$(ls -l many | grep -c '^-.* 0 ')" -eq 2500 ] || fail "ls -l of many files"
took=$(($(answers) - before))
[ "$took" -le 250 ] || fail "ls -l of 2500 files took $took answers"
random_file "$work/ahead" 16777216 && cp "$work/ahead" ahead && dd if=ahead iflag=nocache count=0 status=none
before=$(answers)
dd if=ahead bs=4096 status=none | cmp - "$work/ahead" || fail "read in small pieces"
took=$(($(answers) - before))
[ "$took" -le 250 ] || fail "4096 reads of a file took $took answers"
[ "$took" -ge 8 ] || fail "the file was not read again: $took answers"
rm ahead
rm -r many || fail "rm -r of many files"

# sync, space, access
sync -d t && sync . || fail "fsync of a file and of a directory"
[ "$(stat -f -c '%b %S' . | awk '{print ($1 * $2 > 1e9)}')" = 1 ] || fail statfs
[ "$(stat -f -c '%l' .)" -eq 255 ] || fail "longest name"
# in bytes that a file may have, three of which it takes on the disks; another file is one more
raw=$("$bdfs" df --json / | jq '[.. | .capacity? // empty | tonumber] | first')
here=$(stat -f -c '%b %S' . | awk '{ printf "%.0f", $1 * $2 }')
awk -v a="$raw" -v b="$here" 'BEGIN { exit !(a / 3 * 0.99 < b && b < a / 3 * 1.01) }' ||
        fail "df says $here of $raw bytes on three disks"
inodes() { stat -f -c '%c %d' . | awk '{ print $1 - $2 }'; }
before=$(inodes); mkdir inode && touch inode/{1..9}
[ "$(inodes)" -eq $((before + 10)) ] || fail "$(inodes) inodes after $before and ten more"
rm -r inode
# a place in a directory stays behind the same name, whatever is removed before it
mkdir places && (cd places && seq -f 'f%04g' 2500 | xargs touch) || fail "many files"
python "
import ctypes
c = ctypes.CDLL(None); p = ctypes.c_void_p
class entry(ctypes.Structure):
    _fields_ = [('ino', ctypes.c_ulong), ('off', ctypes.c_long), ('n', ctypes.c_ushort),
                ('type', ctypes.c_ubyte), ('name', ctypes.c_char * 256)]
c.opendir.restype = p; c.readdir.restype = ctypes.POINTER(entry); c.readdir.argtypes = [p]
c.telldir.restype = ctypes.c_long; c.telldir.argtypes = [p]; c.seekdir.argtypes = [p, ctypes.c_long]
c.rewinddir.argtypes = [p]; c.closedir.argtypes = [p]
d = c.opendir(b'places')
def rest():
    names = []
    while True:
        e = c.readdir(d)
        if not e: return names
        if e.contents.name not in (b'.', b'..'): names.append(e.contents.name.decode())
every = ['f%04d' % n for n in range(1, 2501)]
places = {}
for n in range(2502):
    places[n] = c.telldir(d); c.readdir(d)
end = c.telldir(d); assert rest() == []
for name in every[:600]: os.unlink('places/' + name)
c.seekdir(d, places[1502]); assert rest() == every[1500:], 'behind 1500'
c.seekdir(d, places[702]); assert rest() == every[700:], 'behind 700'
c.seekdir(d, places[302]); assert rest() == every[600:], 'behind 300, which is gone'
c.seekdir(d, end); assert rest() == [], 'the end'
open('places/f0000', 'w').close()
c.seekdir(d, places[2302]); assert rest() == every[2300:], 'behind 2300'
c.rewinddir(d); assert rest() == ['f0000'] + every[600:], 'rewound'
c.closedir(d)"
rm -r places
chmod 644 t; [ -w t ] && [ ! -x t ] || fail access
cd "$work" || exit 1

# the end
exec 3<"$m/t"
expect 6 'files are open' "$bdfs" umount "$m"
exec 3<&-
pids=$(daemons); [ -n "$pids" ] || fail "no daemon"
expect 0 '' "$bdfs" umount "$m"
[ -z "$(daemons)" ] || fail "the daemon lives on"
mountpoint -q "$m" && fail "still mounted"
grep -E ' [EW] ' "$work/mount.log" && fail "warnings in the log"
expect 3 'no bdfs is mounted' "$bdfs" umount "$m"
expect 3 '' "$bdfs" mount "$work/nowhere"
mkdir ro && m=$work/mnt2 && mkdir "$m" && timeout 60 "$bdfs" mount -o ro mnt2 || fail "mount -o ro"
at_exit "umount -l '$m' 2>/dev/null; daemons_end '$m'"
errno EROFS 'open("new", "w")'
[ -n "$(daemons)" ] || fail "a daemon that does not say where it is mounted"
expect 0 '' "$bdfs" umount mnt2
[ -z "$(daemons)" ] || fail "the daemon of mnt2 lives on"
expect 2 '' "$bdfs" mount
echo "mount: every operation"
