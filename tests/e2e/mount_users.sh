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
as daemon "$bdfs" umount "$m" || fail "umount of one's own"
! grep -q " $m " /proc/mounts || fail "still mounted"
END
echo "mount: users"
