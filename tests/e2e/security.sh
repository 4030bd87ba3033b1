#!/usr/bin/env bash
# Two real uids that are not root, on every port: another's name, another's block, altered and foreign
# tokens, a peer that sends and closes at once. All refused; what is one's own works (Q35 and its kin).
. "$(dirname "$0")/../lib/e2e.sh"
need jq
[ "$(id -u)" -eq 0 ] || skip "becoming other users needs root"
getent passwd games >/dev/null && getent passwd man >/dev/null || skip "no users games and man here"
chmod 755 "$work"
up --datanodes 1 --replication 1 --no-agents --hadoop loopback
HADOOP_NAMENODE=127.0.0.1:$(port namenode 0 hadoop) hdfs mkdir /intruder || fail "mkdir"
HADOOP_NAMENODE=127.0.0.1:$(port namenode 0 hadoop) hdfs chmod 777 /intruder || fail "chmod"
"$build/tests/intruder" "$BDFS_CONF" games man "$(port namenode 0 tls)" "$(port namenode 0 hadoop)" \
        "$(port datanode 1 tls)" "$(port datanode 1 hadoop)" || fail "an attempt was not refused"
