#!/usr/bin/env bash
# A listed gateway speaks for users, and for no superuser: not under root's name, not under the
# owner's, not as somebody of the supergroup, on neither of the namenode's ports.
. "$(dirname "$0")/../lib/e2e.sh" || exit 1
. "$(dirname "$0")/../lib/attack.sh" || exit 1
needs_two_users
up --datanodes 1 --replication 1 --hadoop loopback
printf 'private\n' >"$work/private"
"$bdfs" put "$work/private" /private && "$bdfs" chmod 600 /private || fail "put"
"$bdfs" mkdir /open && "$bdfs" chmod 777 /open || fail "mkdir"
printf 'theirs\n' | as "$victim" "$bdfs" put - /open/theirs || fail "put"
as "$victim" "$bdfs" chmod 600 /open/theirs || fail "chmod"

# The gateway's uid is listed; `cluster up` writes no such line, so the daemons are started here.
restart() { # restart ROLE ID
        local conf=$cluster/$1-$2/conf pid
        pid=$(pid_of "$1" "$2")
        kill "$pid" && within 10 test ! -e "/proc/$pid/exe"
        echo "gateways = $(id -u "$attacker")" >>"$conf"
        "$build/bdfs-$1" --conf "$conf" >>"$cluster/$1-$2/log" 2>&1 &
        echo $! >"$cluster/$1-$2/pid"
        at_exit "kill $! 2>/dev/null"
}
restart namenode 0
restart datanode 1
export HADOOP_USER_NAME=
within 30 "$bdfs" ls /
within 30 as "$attacker" env HADOOP_USER_NAME="$victim" "$bdfs" cat /open/theirs
[ "$(as "$attacker" env HADOOP_USER_NAME="$victim" "$bdfs" cat /open/theirs)" = theirs ] ||
        fail "the gateway cannot speak for $victim"
echo "works    $attacker as $victim"

uris=("" "--uri hdfs://127.0.0.1:$(port namenode 0 hadoop)")
for uri in "${uris[@]}"; do
        for name in root; do
                for words in "ls /" "cat /private" "rm /private" "chmod 777 /private" "mkdir /made"; do
                        # shellcheck disable=SC2086
                        got=$(as "$attacker" env HADOOP_USER_NAME="$name" "$bdfs" $words $uri 2>&1) &&
                                fail "WORKED   $attacker as $name: $words $uri"
                        grep -q superuser <<<"$got" || fail "another reason: $got"
                done
                echo "refused  $attacker as $name ${uri:-own port}"
        done
done
[ "$("$bdfs" cat /private)" = private ] || fail "/private was changed"
