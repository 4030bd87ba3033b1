#!/usr/bin/env bash
# Tasks run as the user who asked, by the kernel's word; root's as the job user; an agent that is not
# root serves its own user only. What a task can see of others.
. "$(dirname "$0")/../lib/e2e.sh" || exit 1
[ "$(id -u)" -eq 0 ] || skip "needs root, to be several users"
need setpriv
for_all_users
mkdir -m 1777 "$work/pub"
as() { # as UID COMMAND...
        local uid=$1
        shift
        setpriv --reuid "$uid" --regid "$uid" --clear-groups env HOME=/nonexistent "$@"
}
user=$(id -un 2) # bin, or whoever is uid 2: it has no files and no processes
other=$(id -un 3)

up
printf 'a\nb\n' >"$work/file"
chmod 644 "$work/file"
"$bdfs" put "$work/file" /file
"$bdfs" mkdir /home "/home/$user"
"$bdfs" chown "$user" "/home/$user"
"$bdfs" mkdir /secret
"$bdfs" put "$work/file" /secret/file
"$bdfs" chmod 700 /secret

# root's tasks
"$bdfs" --quiet job run -i /file -o /who -m 'id -un; id -Gn' || fail "root's job"
[ "$("$bdfs" cat /who/part-00000 | tr '\n' ' ')" = "nobody nogroup " ] || fail "root's tasks run as $("$bdfs" cat /who/part-00000)"

# somebody's
as 2 "$bdfs" --quiet job run -i /file -o "/home/$user/who" -m 'id -un; touch mine; ls -ld . | cut -c1-10' ||
        fail "$user's job"
[ "$("$bdfs" cat "/home/$user/who/part-00000" | tr '\n' ' ')" = "$user drwx------ " ] ||
        fail "$user's tasks: $("$bdfs" cat "/home/$user/who/part-00000")"
"$bdfs" ls "/home/$user/who" | grep part- | grep -q " $user " || fail "the output is not $user's"

# nobody becomes somebody else by saying so
expect 5 "may not act as user root" as 2 "$bdfs" --user root job run -i /file -o /nope -m id
expect 5 "may not act as user $other" as 2 "$bdfs" --user "$other" job run -i /file -o /nope -m id
"$bdfs" --user "$user" --quiet job run -i /file -o "/home/$user/by_root" -m 'id -un' || fail "root as $user"
[ "$("$bdfs" cat "/home/$user/by_root/part-00000")" = "$user" ] || fail "root as $user"

# files: read and write rights are checked when the job is submitted
expect 5 'ermission' as 2 "$bdfs" job run -i /secret/file -o "/home/$user/no" -m cat
expect 5 'ermission' as 2 "$bdfs" job run -i /file -o /no -m cat
"$bdfs" test -e "/home/$user/no" && fail "a refused job has output"

# what tasks see: not root's files, not the agents' nor the datanodes', not each other's
cat >"$work/look.sh" <<LOOK
for f in /etc/shadow $cluster/datanode-1/data/key $work/pub/keep/link; do
        cat "\$f" >/dev/null 2>&1 && echo "can read \$f"
done
for d in $cluster/agent-1/data/jobs $cluster/agent-1/data/logs $cluster/datanode-1/data/blocks; do
        ls "\$d" >/dev/null 2>&1 && echo "can list \$d"
done
for p in /proc/[0-9]*; do
        [ "\$(stat -c %u \$p 2>/dev/null || id -u)" -eq "\$(id -u)" ] && continue
        cat \$p/environ >/dev/null 2>&1 && echo "can read \$p/environ"
done
ls /proc/self/fd | wc -l
LOOK
mkdir -m 755 "$work/pub/keep"
"$bdfs" --quiet job run -i /file -o /sleeping -m "pwd >$work/pub/where; echo secret >mine; sleep 3" &
sleeping=$!
within 20 test -s "$work/pub/where"
ln -s "$(cat "$work/pub/where")/mine" "$work/pub/keep/link"
as 2 "$bdfs" --quiet job run -i /file -o "/home/$user/look" -m 'sh look.sh' --file "$work/look.sh" || fail look
[ "$("$bdfs" cat "/home/$user/look/part-00000")" = 4 ] ||
        fail "a task: $("$bdfs" cat "/home/$user/look/part-00000")"
wait "$sleeping" || fail sleeping

# logs are their user's
"$bdfs" job run -i /file -o /logged -m 'echo to stderr >&2' 2>"$work/said" || fail logged
id=$(grep -o 'job_[0-9_]*' "$work/said" | head -n 1)
"$bdfs" job logs "$id" | grep -q 'to stderr' || fail "root's own logs"
expect 3 'no logs' as 2 "$bdfs" job logs "$id"
"$bdfs" cluster down --dir "$cluster"

# A cluster of somebody who is not root: its agents serve that user, and nobody else.
mkdir -m 755 "$work/theirs"
chown 2:2 "$work/theirs"
mine=$cluster
cluster=$work/theirs/cluster
at_exit "'$bdfs' cluster down --dir '$cluster'"
as 2 "$bdfs" cluster up --dir "$cluster" --base-port 0 || fail "cluster of $user"
export BDFS_CONF=$cluster/client.conf
as 2 "$bdfs" put "$work/file" /file || fail put
as 2 "$bdfs" --quiet job run -i /file -o /who -m 'id -un' || fail "own job"
[ "$(as 2 "$bdfs" cat /who/part-00000)" = "$user" ] || fail "own tasks"
as 2 "$bdfs" mkdir /open
as 2 "$bdfs" chmod 777 /open
expect 5 "runs as $user and serves nobody else" as 3 "$bdfs" job run -i /file -o /open/out -m id
expect 5 "runs as $user and serves nobody else" "$bdfs" job run -i /file -o /open/out -m id
[ "$(as 2 "$bdfs" ls /open | wc -l)" -eq 0 ] || fail "left: $(as 2 "$bdfs" ls /open)"
as 2 "$bdfs" cluster down --dir "$cluster"
cluster=$mine
