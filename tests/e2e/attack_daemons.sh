#!/usr/bin/env bash
# What daemons have taken from themselves: capabilities, new privileges, core dumps, their umask; and who
# can read their logs. As root, and as a user.
. "$(dirname "$0")/../lib/e2e.sh" || exit 1
[ "$(id -u)" -eq 0 ] || skip "becoming other users needs root"
getent passwd games >/dev/null || skip "no user games here"
need jq
need setpriv
for_all_users
as() { # as USER COMMAND...
        setpriv --reuid "$1" --regid "$(id -g "$1")" --init-groups env HOME=/nonexistent "${@:2}"
}
# field PID NAME: of /proc/PID/status
field() { sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status"; }
bit() { echo $((1 << $1)); }
# may PID MASK WHAT: it has these capabilities at most
may() {
        [ $((0x$(field "$1" CapPrm) & ~$2)) -eq 0 ] || fail "$3 has the capabilities $(field "$1" CapPrm)"
}
confined() { # confined PID WHAT
        [ "$(field "$1" NoNewPrivs)" = 1 ] || fail "$2 may gain privileges"
        [ $((0x$(field "$1" CapBnd))) -eq 0 ] || [ "$(field "$1" Uid | cut -f1)" != 0 ] ||
                fail "the bounding set of $2 is $(field "$1" CapBnd)"
        [ "$(field "$1" Umask)" = 0077 ] || fail "the umask of $2 is $(field "$1" Umask)"
        grep -q '^Max core file size *0 *0 ' "/proc/$1/limits" || fail "$2 may leave a core"
        # what is not dumpable belongs to root in /proc
        [ "$(stat -c %u "/proc/$1/environ")" = 0 ] || grep -qa __asan_init "$bdfs" ||
                fail "others of its user may look into $2"
}
# chown 0, dac_override 1, fowner 3, kill 5, setgid 6, setuid 7, sys_admin 21
agent_has=$(($(bit 0) | $(bit 1) | $(bit 3) | $(bit 6) | $(bit 7)))
launcher_has=$((agent_has | $(bit 5) | $(bit 21)))
check() {
        local role id pid
        while read -r role id pid; do
                confined "$pid" "$role $id"
                case $role in agent) may "$pid" "$agent_has" "$role" ;; *) may "$pid" 0 "$role" ;; esac
                [ "$(stat -c %a "$cluster/$role-$id/log")" = 600 ] || fail "the log of $role $id"
        done < <(status | jq -r '.processes[] | "\(.role) \(.id) \(.pid)"')
        launcher=$(pgrep -P "$(pid_of agent 1)") || fail "no launcher"
        confined "$launcher" launcher
        may "$launcher" "$launcher_has" launcher
        [ "$(readlink "/proc/$(pid_of namenode 0)/fd/2")" = "$cluster/namenode-0/log" ] || fail "the log is elsewhere"
}

umask 022
up --datanodes 1 --replication 1
check
"$bdfs" --quiet job run -i "$(echo x >"$work/x"; "$bdfs" put "$work/x" /x; echo /x)" -o /out -m 'id -un; umask; grep CapPrm /proc/self/status' ||
        fail "a job"
[ "$("$bdfs" cat /out/part-00000 | tr '\n\t' '  ')" = "nobody 0027 CapPrm: 0000000000000000 " ] ||
        fail "its task: $("$bdfs" cat /out/part-00000)"
"$bdfs" cluster down --dir "$cluster" || fail "cluster down"

mkdir -m 755 "$work/theirs" && chown games "$work/theirs"
cluster=$work/theirs/cluster
at_exit "'$bdfs' cluster down --dir '$cluster' >/dev/null 2>&1; as games '$bdfs' cluster down --dir '$cluster'"
as games "$bdfs" cluster up --dir "$cluster" --base-port 0 --datanodes 1 --replication 1 || fail "cluster up as games"
check
as games "$bdfs" cluster down --dir "$cluster" || fail "cluster down as games"
