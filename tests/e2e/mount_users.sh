#!/usr/bin/env bash
# Who may do what: root's mount acts for each caller by name, any other serves its owner only.
. "$(dirname "${BASH_SOURCE[0]}")/mount.sh" || exit 1
need python3
need setpriv
for_all_users
up --no-agents
chmod 755 "$cluster"; chmod 644 "$cluster/client.conf"
mount_up
cd "$m" || exit 1
as() { local who=$1; shift; setpriv --reuid "$who" --regid "$(id -g "$who" 2>/dev/null || echo 12345)" \
        --clear-groups "$@"; }
denied() { as "$@" 2>/dev/null && fail "this was let through: $*"; return 0; }
owner() { "$bdfs" stat '%u:%g' "$1"; }

# everybody by name; who has none is nobody
mkdir all sticky daemon && chmod 777 all && chmod 1777 sticky && chown daemon:daemon daemon
chmod 700 daemon
as daemon sh -c 'echo 1 >all/d && mkdir all/dd && ln -s d all/dl' || fail "a user's files"
as 12345 sh -c 'echo 2 >all/n' || fail "the files of somebody without a name"
[ "$(owner /all/d) $(owner /all/dd) $(owner /all/n)" = "daemon:supergroup daemon:supergroup \
nobody:supergroup" ] || fail "owners: $(owner /all/d) $(owner /all/n)"
[ "$(stat -c %U all/d all/n | xargs)" = "daemon nobody" ] || fail "owners on the mount"
as daemon sh -c 'echo 3 >daemon/secret && chmod 600 daemon/secret' || fail "a private directory"
[ "$(cat daemon/secret)" = 3 ] || fail "root is the superuser here"

# what others may not
echo root >mine; chmod 600 mine; echo for all >readable
denied daemon cat mine
denied daemon sh -c 'echo x >>mine'
denied daemon sh -c 'echo x >>readable'
denied daemon sh -c ': >readable'
denied daemon touch new
denied daemon rm mine
denied daemon mv mine all/mine
denied daemon chmod 666 mine
denied daemon chown daemon mine
denied daemon truncate -s 0 readable
[ "$(as daemon cat readable)" = "for all" ] || fail "a file for all"
as daemon chown daemon all/d || fail "chown to oneself"
denied daemon chown bin all/d
as daemon touch sticky/d; denied bin rm -f sticky/d
denied bin ls daemon
denied bin sh -c 'cd daemon'
denied bin cat daemon/secret
denied bin touch daemon/x

# whose a name is in a sticky directory, and who may change what is another's: as on a local file
# system, with its errors
cat >"$work/whose.py" <<'END'
import errno, os, pwd, sys
a, b = (pwd.getpwnam(n) for n in ('daemon', 'bin'))
os.chdir(sys.argv[1])
def by(who, do):
    pid = os.fork()
    if pid == 0:
        os.setgroups([])
        os.setresgid(*[who.pw_gid] * 3)
        os.setresuid(*[who.pw_uid] * 3)
        try: do()
        except OSError as e: os._exit(e.errno)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
def make(name, owner):
    f = os.open(name, os.O_CREAT | os.O_WRONLY, 0o666)
    os.fchmod(f, 0o666)
    os.close(f)
    os.chown(name, owner.pw_uid, 0)
def make_dir(name, owner):
    os.mkdir(name)
    os.chown(name, owner.pw_uid, 0)
def tell(what, who, do):
    print(what, who.pw_name, errno.errorcode.get(by(who, do), 'ok'))
def open_over(name, more):
    return lambda: os.close(os.open(name, os.O_WRONLY | os.O_TRUNC | more))
os.umask(0)
for mode in (0o1777, 0o777, 0o1770, 0o755):
    for owner in (0, a.pw_uid):
        d = 's%o.%d' % (mode, owner)
        os.mkdir(d)
        for who in (a, b):
            n = d + '/' + who.pw_name
            for x in ('', '.to', '.over'): make(n + x, who)
            for x in ('.d', '.toes'): make_dir(n + x, who)
            make_dir(n + '.d/full', who)
            os.symlink('x', n + '.l')
            os.chown(n + '.l', who.pw_uid, 0, follow_symlinks=False)
        os.chmod(d, mode)
        os.chown(d, owner, 0)
        for who, other in ((b, a), (a, b)):
            o, m = d + '/' + other.pw_name, d + '/' + who.pw_name
            tell(d + ' unlink', who, lambda: os.unlink(o))
            tell(d + ' unlink link', who, lambda: os.unlink(o + '.l'))
            tell(d + ' rmdir full', who, lambda: os.rmdir(o + '.d'))
            tell(d + ' rename away', who, lambda: os.rename(o + '.to', m + '.new'))
            tell(d + ' rename over', who, lambda: os.rename(m + '.to', o + '.over'))
            tell(d + ' rename directory over', who, lambda: os.rename(m + '.d', o + '.toes'))
            tell(d + ' rmdir', who, lambda: os.rmdir(o + '.toes'))
            tell(d + ' write over', who, open_over(o + '.over', 0))
            tell(d + ' create over', who, open_over(o + '.over', os.O_CREAT | os.O_EXCL))
            tell(d + ' rename to free', who, lambda: os.rename(m + '.over', m + '.free'))
            tell(d + ' unlink own', who, lambda: os.unlink(m + '.free'))
make('mine', a)
os.chmod('mine', 0o444)
make('open', a)
for f in ('mine', 'open'):
    for who in (a, b):
        tell(f + ' chmod', who, lambda: os.chmod(f, 0o444 if f == 'mine' else 0o666))
        tell(f + ' chown', who, lambda: os.chown(f, b.pw_uid, -1))
        tell(f + ' chgrp other', who, lambda: os.chown(f, -1, 3))
        tell(f + ' times', who, lambda: os.utime(f, (1000, 2000)))
        tell(f + ' now', who, lambda: os.utime(f))
END
mkdir "$work/local" posix && chmod 755 posix "$work/local" && mount -t tmpfs none "$work/local" ||
        fail "a tmpfs"
at_exit 'umount -l "$work/local" 2>/dev/null'
python3 "$work/whose.py" "$work/local" >"$work/whose.local" || fail "the local file system"
python3 "$work/whose.py" "$m/posix" >"$work/whose.here" || fail "whose a name is"
diff "$work/whose.local" "$work/whose.here" || fail "not as on a local file system"

# nothing of what one user was told is told to another (Q17)
for i in 1 2 3; do
        as daemon cat daemon/secret >/dev/null && as daemon stat daemon/secret >/dev/null
        denied bin stat daemon/secret
        denied bin cat daemon/secret
        denied 12345 stat daemon/secret
done
chmod 755 daemon && as bin stat daemon/secret >/dev/null || fail "a directory that was opened"
denied bin cat daemon/secret
chmod 700 daemon; sleep 1.1; denied bin stat daemon/secret

# an open file stays what its opener may; a new open asks again
exec 4< <(as daemon sh -c 'exec 3<daemon/secret; echo go; sleep 1.5; cat <&3')
read -r go <&4; [ "$go" = go ] || fail "no go"
chown root daemon/secret
[ "$(cat <&4)" = 3 ] || fail "an open file"
denied daemon cat daemon/secret

# an open file keeps its opener's rights, whatever the mode becomes or was made with
as daemon sh -c 'umask 0277; { echo 1; /bin/echo 2; echo 3; } >all/readonly' ||
        fail "a file made read-only, and written after a copy of the descriptor was closed"
[ "$(xargs <all/readonly)" = "1 2 3" ] && [ "$(stat -c %a all/readonly)" = 400 ] || fail "read-only"
denied daemon sh -c 'echo x >>all/readonly'
python3 -c "
import os, pwd
who = pwd.getpwnam('daemon'); os.setgroups([])
os.setresgid(*[who.pw_gid] * 3); os.setresuid(*[who.pw_uid] * 3)
f = os.open('all/closing', os.O_CREAT | os.O_RDWR, 0o644); os.write(f, b'one'); os.close(os.dup(f))
os.fchmod(f, 0); os.write(f, b'two'); os.close(os.dup(f)); os.ftruncate(f, 4); os.write(f, b'')
os.fchmod(f, 0o400); assert os.pread(f, 9, 0) == b'onet'; os.close(f)
try: os.open('all/closing', os.O_WRONLY); raise SystemExit('opened a read-only file')
except PermissionError: pass
try: os.truncate('all/closing', 0); raise SystemExit('cut a read-only file')
except PermissionError: pass" || fail "an open file whose mode changed"

# set-id programs and devices have no power
cp "$(command -v id)" all/id; chmod 755 all/id
chmod u+s all/id 2>/dev/null && fail "a set-id bit was taken"
[ "$(as daemon all/id -u)" = "$(id -u daemon)" ] || fail "a program from the mount"
chmod 700 all/id; denied daemon all/id

# two users at once, many times
for who in daemon bin 12345; do
        as "$who" sh -c "for i in \$(seq 30); do echo \$i >all/$who.\$i || exit 1; done" &
done
wait
[ "$(ls all | grep -c '^daemon\.')" -eq 30 ] && [ "$(ls all | grep -c '^12345\.')" -eq 30 ] ||
        fail "users side by side"
[ "$(owner /all/bin.7)" = bin:supergroup ] || fail "owners side by side"
cd "$work" || exit 1
mount_down

# a mount of somebody else's is for that user alone; in a mount namespace of its own, with a
# /dev/fuse that all may use, as it is on most machines
[ -u "$(command -v fusermount3)" ] || { echo "mount: users (fusermount3 is not set-id)"; exit 0; }
m=$work/own; mkdir "$m"; chown daemon "$m"
export m bdfs work
export -f as denied owner fail
unshare -m bash <<'END' || fail "a user's own mount"
mknod "$work/fuse" c 10 229 && chmod 666 "$work/fuse" && mount --bind "$work/fuse" /dev/fuse || exit 1
as daemon env HOME=/ timeout 30 "$bdfs" mount "$m" || exit 1
trap 'umount -l "$m" 2>/dev/null' EXIT
as daemon sh -c "echo 5 >'$m/all/own' && cat '$m/all/own' >/dev/null" || fail "one's own mount"
[ "$(owner /all/own)" = daemon:supergroup ] || fail "the owner of one's own file"
denied bin ls "$m"
ls "$m" 2>/dev/null && fail "root sees another user's mount"
denied daemon cat "$m/mine"
setpriv --reuid daemon --regid daemon --clear-groups sh -c "exec sleep 1000 <'$m/all/own'" & open=$!
for i in $(seq 100); do [ "$(readlink "/proc/$open/fd/0")" = "$m/all/own" ] && break; sleep 0.1; done
got=$(as daemon "$bdfs" umount "$m" 2>&1) && fail "unmounted with open files"
grep -q 'files are open there (.*busy' <<<"$got" || fail "in use: $got"
kill "$open"; wait "$open" 2>/dev/null
cp -a /etc "$work/etc" 2>/dev/null; rm -f "$work/etc/mtab"
mount --bind "$work/etc" /etc || exit 1 # as in a bare Debian tree
got=$(as daemon "$bdfs" umount "$m" 2>&1) && fail "unmounted without /etc/mtab"
grep -q 'fusermount3: .*mtab.*ln -s' <<<"$got" || fail "without /etc/mtab: $got"
umount /etc
as daemon "$bdfs" umount "$m" || fail "umount of one's own"
! grep -q " $m " /proc/mounts || fail "still mounted"
END
echo "mount: users"
