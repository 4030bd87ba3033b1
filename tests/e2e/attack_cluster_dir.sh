#!/usr/bin/env bash
# `bdfs cluster` in a directory that another user made, can write to, or has put links into: it says so
# and changes nothing, and no process that is not the cluster's is ever signalled.
. "$(dirname "$0")/../lib/e2e.sh" || exit 1
[ "$(id -u)" -eq 0 ] || skip "becoming other users needs root"
getent passwd games >/dev/null && getent passwd man >/dev/null || skip "no users games and man here"
need jq
need setpriv
for_all_users
mkdir -m 1777 "$work/pub"
as() { # as USER COMMAND...
        setpriv --reuid "$1" --regid "$(id -g "$1")" --init-groups env HOME=/nonexistent "${@:2}"
}
mkdir -m 755 "$work/victims" "$work/victims/dir"
echo precious >"$work/victims/file"
echo precious >"$work/victims/dir/conf"
state() { find "$work/victims" -exec stat -c '%n %u:%g %a %s' {} + -type f -exec cat {} + | sort; }
state >"$work/before"
unharmed() { state | diff "$work/before" - || fail "$1: a file of root's has changed"; }
refused() { # refused WHAT TEXT DIR
        local got rc
        got=$("$bdfs" cluster up --dir "$3" --base-port 0 --datanodes 1 --replication 1 --no-agents 2>&1)
        rc=$?
        [ "$rc" -ne 0 ] || "$bdfs" cluster down --dir "$3"
        unharmed "$1"
        [ "$rc" -ne 0 ] || fail "$1: it was trusted"
        grep -Eq -- "$2" <<<"$got" || fail "$1: no '$2' in: $got"
        ls -d "$3"/*/pid >/dev/null 2>&1 && fail "$1: something was started"
        echo "refused  $1"
}

# Directories that are, or can be made, somebody else's.
as games mkdir -m 755 "$work/pub/theirs"
refused "a directory of another user's" 'belongs to games' "$work/pub/theirs"
mkdir -m 777 "$work/pub/open"
refused "one that all may write to" 'may write' "$work/pub/open"
mkdir -m 1777 "$work/pub/sticky"
refused "a sticky one" 'may write' "$work/pub/sticky"
as games mkdir -m 755 "$work/pub/above"
mkdir -m 755 "$work/pub/above/mine"
refused "one below a directory of another user's" 'belongs to games' "$work/pub/above/mine"
mkdir -m 777 "$work/pub/loose"
mkdir -m 755 "$work/pub/loose/mine"
refused "one below a directory that all may write to" 'may write' "$work/pub/loose/mine"
mkdir -m 755 "$work/pub/real"
as games ln -s "$work/pub/real" "$work/pub/link"
refused "another user's link" 'link of games' "$work/pub/link"

# Links in it, of the time when others could write to it.
with() { # with NAME TARGET TEXT: a directory of root's in which NAME is a link to TARGET
        local dir=$work/pub/with-${1//\//-}
        mkdir -p "$dir/$(dirname "$1")"
        ln -s "$2" "$dir/$1"
        refused "a link at $1" "$3" "$dir"
}
with lock "$work/victims/file" lock
with namenode-0 "$work/victims/dir" namenode-0
with namenode-0/data "$work/victims/dir" 'namenode-0/data'
with namenode-0/log "$work/victims/file" 'namenode-0'
with cluster.json "$work/victims/file" 'cluster.json'
mkdir -m 755 "$work/pub/pipe" && mkfifo "$work/pub/pipe/cluster.json"
refused "a fifo for cluster.json" 'cluster.json' "$work/pub/pipe"
mkdir "$work/pub/hard" "$work/pub/hard/namenode-0"
ln "$work/victims/file" "$work/pub/hard/namenode-0/log"
state >"$work/before" # the number of links is no harm
refused "a hard link at namenode-0/log" 'namenode-0' "$work/pub/hard"

# A file that is written anew replaces a link, and does not follow it.
cluster=$work/pub/cluster
mkdir -p "$cluster/namenode-0"
ln -s "$work/victims/file" "$cluster/client.conf"
ln -s "$work/victims/file" "$cluster/namenode-0/conf"
ln -s "$work/victims/file" "$cluster/namenode-0/pid"
"$bdfs" cluster up --dir "$cluster" --base-port 0 --datanodes 1 --replication 1 --no-agents || fail "cluster up"
unharmed "links at files that are written anew"

# What it keeps to itself: logs, data, configuration.
export BDFS_CONF=$cluster/client.conf
as man "$bdfs" ls / >/dev/null || fail "another user cannot use the cluster"
for f in namenode-0/log namenode-0/conf namenode-0/data datanode-1/log datanode-1/data; do
        as man cat "$cluster/$f" >/dev/null 2>&1 && fail "man can read $f"
        as man ls "$cluster/$f/" >/dev/null 2>&1 && fail "man can list $f"
        case $(stat -c %a "$cluster/$f") in 600 | 700 | 711) ;; *) fail "the mode of $f" ;; esac
done

# Another user's `down` and `up` of it.
expect 5 'belongs to root' as man "$bdfs" cluster down --dir "$cluster"
expect 5 'belongs to root' as man "$bdfs" cluster up --dir "$cluster"
[ "$(status | jq .running)" = true ] || fail "it does not run any more"

# Pid files that name a process of others, or of ours that only looks like one: it is not the cluster's, and
# gets no signal.
namenode=$(pid_of namenode 0)
setpriv --reuid games --regid "$(id -g games)" --clear-groups tail -f /dev/null >/dev/null 2>&1 &
foreign=$!
tail -f "$cluster/namenode-0/conf" >/dev/null 2>&1 &
looks=$!
setpriv --reuid games --regid "$(id -g games)" --clear-groups \
        bash -c 'while :; do sleep 1; done' bash --conf "$cluster/namenode-0/conf" >/dev/null 2>&1 &
alike=$!
at_exit "kill $foreign $looks $alike $namenode 2>/dev/null"
kill -0 "$foreign" && kill -0 "$looks" && kill -0 "$alike" || fail "they have ended"
for pid in "$foreign" "$looks" "$alike" 1 $$ 0 -1 -- 99999999999 x; do
        echo "$pid" >"$cluster/namenode-0/pid"
        [ "$(pid_of namenode 0)" = null ] || fail "status takes $pid for the namenode"
done
started=$(awk '{print $22}' "/proc/$looks/stat")
echo "$looks $started" >"$cluster/namenode-0/pid"
"$bdfs" cluster down --dir "$cluster" || fail "cluster down"
kill -0 "$foreign" && kill -0 "$looks" || fail "a process that is not the cluster's was ended"
kill -0 "$namenode" || fail "the namenode should not have been found"
echo "$namenode" >"$cluster/namenode-0/pid" # as versions before wrote it
[ "$(pid_of namenode 0)" = "$namenode" ] || fail "a pid file of an earlier version"
echo "$namenode 12345" >"$cluster/namenode-0/pid" # a number that another process had
[ "$(pid_of namenode 0)" = null ] || fail "a process that was started at another time"
echo "$namenode" >"$cluster/namenode-0/pid"
"$bdfs" cluster down --dir "$cluster" || fail "cluster down"
gone() { ! kill -0 "$namenode" 2>/dev/null; }
within 20 gone
