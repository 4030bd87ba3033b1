#!/usr/bin/env bash
# Ports of clusters on one machine: several made at once, ports lost to another cluster between the
# choice and the start and while a cluster was down, and a port that was asked for but is taken.
. "$(dirname "$0")/../lib/e2e.sh" || exit 1
need jq

base() { jq .base_port "$1/cluster.json"; }
at_exit 'for d in "$work"/c-*; do [ ! -e "$d/cluster.json" ] || "$bdfs" cluster down --dir "$d"; done'
small=(--datanodes 1 --replication 1 --no-agents)
works() { # works DIR: it is all there, and takes and gives bytes
        [ "$("$bdfs" cluster status --dir "$1" --json | jq .running)" = true ] || fail "$1 does not run"
        echo "$1" >"$work/bytes"
        BDFS_CONF=$1/client.conf "$bdfs" put -f "$work/bytes" /f || fail "put in $1"
        [ "$(BDFS_CONF=$1/client.conf "$bdfs" cat /f)" = "$1" ] || fail "other bytes in $1"
}

# Several at once, down, and up again on the ports that they had.
all_up() { # all_up OPTIONS...
        local i pids=()
        for i in 1 2 3 4; do
                "$bdfs" cluster up --dir "$work/c-$i" "$@" & pids+=($!)
        done
        for i in "${pids[@]}"; do wait "$i" || fail "cluster up, one of several"; done
}
all_up --base-port 0 "${small[@]}"
before=$(for i in 1 2 3 4; do base "$work/c-$i"; done)
[ "$(sort -u <<<"$before" | wc -l)" = 4 ] || fail "the same ports twice: $before"
for i in 1 2 3 4; do works "$work/c-$i"; done
for i in 1 2 3 4; do "$bdfs" cluster down --dir "$work/c-$i" || fail "down"; done
all_up
for i in 1 2 3 4; do works "$work/c-$i"; done
[ "$(for i in 1 2 3 4; do base "$work/c-$i"; done)" = "$before" ] || fail "other ports after a restart"

# Whoever was faster than the daemons: another cluster comes up on ports of this one after its
# namenode was started, for the first time, and before its datanodes look at theirs.
mkdir "$work/bin" && cp "$build"/bdfs* "$work/bin" || fail "copy"
cat >"$work/bin/bdfs-namenode" <<END
#!/bin/sh
if mkdir "$work/once" 2>/dev/null; then
        port=\$(sed -n 's/^own_port = //p' "\$2")
        "$bdfs" cluster up --dir "$work/c-fast" --base-port \$((port + 20)) ${small[*]} \\
                >"$work/fast.log" 2>&1
        : >"$work/fast"
fi
exec "$build/bdfs-namenode" "\$@"
END
cat >"$work/bin/bdfs-datanode" <<END
#!/bin/sh
if [ "\${times:=0}" -lt 200 ]; then # no command line again and again, but it has not ended
        export times=\$((times + 1))
        exec "\$0" "\$@"
fi
n=0
until [ -e "$work/fast" ] || [ \$n -gt 200 ]; do sleep 0.1; n=\$((n + 1)); done
exec "$build/bdfs-datanode" "\$@"
END
chmod 755 "$work/bin"/*
"$work/bin/bdfs" cluster up --dir "$work/c-slow" --base-port 0 --no-agents >"$work/said" 2>&1 ||
        fail "up with a port lost on the way: $(cat "$work/said")"
works "$work/c-slow"
works "$work/c-fast"
[ "$(base "$work/c-slow")" != $(($(base "$work/c-fast") - 20)) ] || fail "the ports were not lost"

# The same while it was down.
"$bdfs" cluster down --dir "$work/c-slow" || fail "down"
"$bdfs" cluster up --dir "$work/c-thief" --base-port "$(base "$work/c-slow")" "${small[@]}" ||
        fail "up on the ports of one that is down"
expect 0 'its ports; they are now from [0-9]+ on' "$bdfs" cluster up --dir "$work/c-slow"
works "$work/c-thief"
[ "$(BDFS_CONF=$work/c-slow/client.conf "$bdfs" cat /f)" = "$work/c-slow" ] || fail "its bytes"
works "$work/c-slow"

# A port that was asked for: the error names it, and nothing is left behind.
taken=$(base "$work/c-1")
expect 1 "port $taken of 127.0.0.1.*namenode 0.*in use" \
        "$bdfs" cluster up --dir "$work/c-new" --base-port "$taken" "${small[@]}"
expect 1 "port $taken of 127.0.0.1.*datanode 1.*in use" \
        "$bdfs" cluster up --dir "$work/c-new" --base-port $((taken - 10)) "${small[@]}"
[ ! -e "$work/c-new/cluster.json" ] || fail "a cluster was made on ports that are taken"
# So does that of one that was made there, and stays where it was asked to be.
"$bdfs" cluster down --dir "$work/c-thief" || fail "down"
"$bdfs" cluster up --dir "$work/c-other" --base-port "$(base "$work/c-thief")" "${small[@]}" || fail "up"
expect 1 "port $(base "$work/c-thief") of 127.0.0.1.*namenode 0.*in use" \
        "$bdfs" cluster up --dir "$work/c-thief"
"$bdfs" cluster status --dir "$work/c-thief" --json | jq -e '[.processes[].pid] == [null, null]' >/dev/null ||
        fail "something runs on after a start that failed"
echo "ports hold"
