#!/usr/bin/env bash
# Hosts by name and by number, in URIs and in configuration; servers on the IPv6 loopback.
source "$(dirname "$0")/../lib/e2e.sh"
need jq

up --datanodes 1 --no-agents --hadoop loopback
hadoop=$(port namenode 0 hadoop)
own=$(port namenode 0 tls)
printf 'one\n' >"$work/f" && "$bdfs" put "$work/f" /f || fail put

# ---- names in URIs; localhost is often ::1 first, where nobody listens
for host in localhost 127.0.0.1; do
        expect 0 '^one$' "$bdfs" cat "hdfs://$host:$hadoop/f"
        expect 0 '^one$' "$bdfs" --uri "hdfs://$host:$hadoop" cat /f
        expect 0 '^one$' "$bdfs" -fs "hdfs://$host:$hadoop/" cat /f
        expect 0 '^one$' "$bdfs" -D "fs.defaultFS=hdfs://$host:$hadoop" cat /f
        expect 0 "^hdfs://$host:$hadoop/f\$" "$bdfs" ls -C "hdfs://$host:$hadoop/*"
done
expect 6 "host nobody\.invalid: " "$bdfs" cat hdfs://nobody.invalid:8020/f
expect 6 "host nobody\.invalid: " "$bdfs" --uri hdfs://nobody.invalid ls /
for wrong in "hdfs://:1" "hdfs://localhost:" "hdfs://localhost:0" "hdfs://localhost:65536" "hdfs://localhost:12a" \
        "hdfs://[::1" "hdfs://::1:8020" "hdfs://[]:8020" "hdfs://local host:1" "hdfs://u@localhost:1"; do
        expect 2 'is not hdfs://host:port' "$bdfs" --uri "$wrong" ls /
done
# in client.conf
for host in localhost 127.0.0.1; do
        printf 'namenode = %s:%s\n' $host "$own" >"$work/client.conf"
        expect 0 '^one$' "$bdfs" --conf "$work/client.conf" cat /f
done
printf 'namenode = nobody.invalid:9000\n' >"$work/client.conf"
expect 6 'namenode: host nobody\.invalid: ' "$bdfs" --conf "$work/client.conf" cat /f
# a name service that does not answer: the deadline holds
if ! { [ "$(id -u)" -eq 0 ] && unshare -mn true 2>/dev/null; }; then
        untried "a name service that does not answer: no namespaces here"
else
        cat >"$work/silent.sh" <<'END'
ip link set lo up && printf 'nameserver 127.0.0.53\noptions timeout:30\n' >"$1/resolv.conf" &&
        printf 'hosts: dns\n' >"$1/nsswitch.conf" && mount --bind "$1/resolv.conf" /etc/resolv.conf &&
        mount --bind "$1/nsswitch.conf" /etc/nsswitch.conf || exit 77
python3 - <<'PY' &
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.53", 53))
time.sleep(60)
PY
server=$!
until grep -q ':0035 ' /proc/net/udp; do kill -0 $server || exit 77; sleep 0.05; done
"$2" --timeout 2 --uri hdfs://slow.example:8020 ls / 2>"$1/said"
rc=$?
kill $server
exit $rc
END
        start=$SECONDS
        unshare -mn bash "$work/silent.sh" "$work" "$bdfs"
        rc=$?
        if [ $rc -eq 77 ]; then
                untried "a name service that does not answer: it cannot be put in place"
        else
                [ $rc -eq 124 ] && grep -q 'did not say in time where host slow.example is' "$work/said" ||
                        fail "a silent name service: exit $rc: $(cat "$work/said")"
                [ $((SECONDS - start)) -lt 20 ] || fail "a silent name service took $((SECONDS - start)) s"
        fi
fi

# ---- a cluster on ::1
[ -e /proc/net/if_inet6 ] && grep -q '^0*1 ' /proc/net/if_inet6 || { untried "servers on ::1: no IPv6 loopback"; exit 0; }
"$bdfs" cluster down --dir "$cluster" >/dev/null || fail down
for role in namenode-0 datanode-1; do
        sed -i "\$a listen = ::1" "$cluster/$role/conf"
        sed -i 's/^namenodes = 127.0.0.1:/namenodes = [::1]:/' "$cluster/$role/conf"
        "$build/bdfs-${role%-*}" --conf "$cluster/$role/conf" 2>>"$cluster/$role/log" &
        echo $! >"$cluster/$role/pid"
done
printf 'namenode = [::1]:%s\n' "$own" >"$work/client.conf"
within 30 "$bdfs" --conf "$work/client.conf" cat /f
printf 'namenode = localhost:%s\n' "$own" >"$work/client.conf"
if getent ahosts localhost | grep -q '^::1 '; then
        expect 0 '^one$' "$bdfs" --conf "$work/client.conf" cat /f
fi
uri="hdfs://[::1]:$hadoop"
expect 0 '^one$' "$bdfs" cat "$uri/f"
expect 0 '^one$' "$bdfs" --uri "$uri" cat /f
random_file "$work/large" 3000000
"$bdfs" put "$work/large" "$uri/d-x" || fail "put on ::1"
"$bdfs" cat "$uri/d-*" | cmp - "$work/large" || fail "a pattern behind [::1]"
[ "$("$bdfs" ls -C "$uri/*" | sort | xargs)" = "$uri/d-x $uri/f" ] || fail "ls of [::1]: $("$bdfs" ls -C "$uri/*")"
expect 0 '^one$' "$bdfs" --conf "$work/client.conf" cat "$uri/f"
expect 0 'Live datanodes \(1\)' "$bdfs" --uri "$uri" admin report
