#!/usr/bin/env bash
# Figures of bdfs and of what is beside it on this machine: one JSON line each (README.md).
#
#   run.sh [PART...]      PARTs: meta nn small data flushes restart cli mount job; all unless named
#   BENCH="meta data"     the same by environment;  QUICK=1 less of everything;  ROUNDS=3 repeats
#   FIRST_READS=5         turns of each system at a first read; 3 with QUICK
#   HADOOP_LIB=DIR        Apache Hadoop's jars; by default build/interop/lib
#   BENCH_DIR=DIR         where the clusters live; by default a new directory in TMPDIR
set -u -o pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
build=${BDFS_BUILD:-$root/build}
bdfs=$build/bdfs
load=$build/tests/bench_load
HADOOP_LIB=${HADOOP_LIB:-$root/build/interop/lib}
export HADOOP_LIB
rounds=${ROUNDS:-1}
first_reads=${FIRST_READS:-$([ -n "${QUICK:-}" ] && echo 3 || echo 5)}
work=$(mktemp -d "${BENCH_DIR:-${TMPDIR:-/tmp}}/bdfs-bench.XXXXXX") || exit 1
cluster=$work/cluster
apache=

say() { printf '%s\n' "$*"; }
note() { jq -nc --arg figure "$1" --arg why "$2" '{figure: $figure, skipped: $why}'; }
clean_up() {
        local rc=$?
        mountpoint -q "$work/mnt" 2>/dev/null && fusermount3 -u "$work/mnt"
        [ -d "$work/moosefs" ] && "$here/moosefs.sh" down "$work/moosefs" "$work/mfs" 2>/dev/null
        [ -d "$cluster" ] && "$bdfs" cluster down --dir "$cluster" >/dev/null 2>&1
        [ -n "$apache" ] && "$root/tests/interop/apache.sh" down "$apache" >/dev/null 2>&1
        rm -rf "$work"
        exit "$rc"
}
trap clean_up EXIT
trap 'exit 1' INT TERM
for tool in jq "$bdfs" "$load"; do
        command -v "$tool" >/dev/null || { say "$tool is missing"; exit 77; }
done

# the disk below the clusters, whose flushes are counted
disk=$(basename "$(readlink -f "$(df --output=source "$work" | tail -n 1)")")
[ -r "/sys/class/block/$disk/stat" ] || disk=

up() { "$bdfs" cluster up --dir "$cluster" --base-port 0 "$@" >&2 || exit 1; export BDFS_CONF=$cluster/client.conf; }
status() { "$bdfs" cluster status --dir "$cluster" --json; }
pids() { status | jq -r '[.processes[].pid | values] | join(",")'; }
pid_of() { status | jq -r ".processes[] | select(.role==\"$1\" and .id==$2) | .pid"; }
down() { "$bdfs" cluster down --dir "$cluster" >/dev/null; rm -rf "$cluster"; }
# kib PID FIELD...: the sum of these of /proc/PID/status, of all PIDs in a comma list
kib() {
        local sum=0 p f v
        for p in ${1//,/ }; do
                for f in "${@:2}"; do
                        v=$(awk -v f="$f:" '$1 == f {print $2}' "/proc/$p/status")
                        sum=$((sum + v))
                done
        done
        echo $sum
}
# cold DIRECTORY: the command that makes the next read of what lies there a first one.
cold() { printf "'%s' %s '%s'" "$build/tests/bench_cold" "$([ -n "${QUICK:-}" ] && echo 512M || echo 2G)" "$1"; }
ms() { echo $(($(date +%s%N) / 1000000)); }
median() { sort -n | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }
# time_of COMMAND...: its wall time in ms, the median of RUNS (default 5)
time_of() {
        local i began
        for i in $(seq "${RUNS:-5}"); do
                began=$(date +%s%N)
                "$@" >/dev/null 2>&1 || return 1
                echo $((($(date +%s%N) - began) / 10000))
        done | median | awk '{print $1 / 100}'
}

# ---- Apache HDFS beside ----

java_why=
java_ready() { # compiles the load once; 1 and $java_why where that cannot be
        [ -z "$java_why" ] || return 1
        [ -d "$work/classes" ] && return 0
        command -v javac >/dev/null || java_why="a JDK is not installed"
        ls "$HADOOP_LIB"/hadoop-hdfs-3*.jar >/dev/null 2>&1 || java_why="no Hadoop jars in HADOOP_LIB (make interop brings them)"
        [ -z "$java_why" ] || return 1
        mkdir "$work/classes"
        javac -proc:none -cp "$HADOOP_LIB/*" -d "$work/classes" "$here"/java/*.java 2>"$work/javac.log" ||
                { java_why="the Java load does not compile"; cat "$work/javac.log" >&2; return 1; }
        printf 'log4j.rootLogger=ERROR,err\nlog4j.appender.err=org.apache.log4j.ConsoleAppender\n%s\n%s\n' \
                'log4j.appender.err.target=System.err' \
                'log4j.appender.err.layout=org.apache.log4j.SimpleLayout' >"$work/classes/log4j.properties"
}
java_load() { # java_load [-Dsync=true] OPTIONS...
        local flags=()
        while [[ $1 == -D* ]]; do flags+=("$1"); shift; done
        java -Djava.net.preferIPv4Stack=true -Xms1g -Xmx2g -XX:+AlwaysPreTouch "${flags[@]}" -cp "$work/classes:$HADOOP_LIB/*" HdfsLoad "$@"
}
apache_up() { # once; the namenode syncs its journal, as in production, with the full JIT
        java_ready || return 1
        [ -z "$apache" ] || return 0
        apache=$work/apache
        SYNC_EDITS=true HEARTBEAT=1 NN_HEAP=2g DN_HEAP=1g NN_OPTS=-XX:TieredStopAtLevel=4 \
                DN_OPTS=-XX:TieredStopAtLevel=4 "$root/tests/interop/apache.sh" up "$apache" 3 >/dev/null ||
                { java_why="Apache HDFS did not start"; return 1; }
        apache_uri=$(cat "$apache/uri")
        apache_pids=$(cat "$apache"/*/pid | paste -sd,)
}

# ---- parts ----

for part in "$here"/part_*.sh; do
        # shellcheck source=/dev/null
        . "$part"
done
parts=("$@")
# shellcheck disable=SC2206
[ ${#parts[@]} -gt 0 ] || parts=(${BENCH:-meta nn small data flushes restart cli mount job})

# what the figures depend on beside the programs: BBR paces loopback for all but bdfs, which asks for reno
jq -nc --arg kernel "$(uname -r)" --argjson cores "$(nproc)" \
        --arg tcp "$(cat /proc/sys/net/ipv4/tcp_congestion_control)" \
        --arg ahead "$(cat "/sys/class/block/$disk/queue/read_ahead_kb" 2>/dev/null)" \
        '{figure: "machine", kernel: $kernel, cores: $cores, tcp: $tcp, read_ahead_kib: $ahead}'
command -v mfsmaster >/dev/null || note moosefs "MooseFS is not installed"
for part in "${parts[@]}"; do
        for round in $(seq "$rounds"); do
                # not in a pipe: what a part starts must be known here, to be ended here
                "part_$part" >"$work/part"
                tee -a "$work/lines" <"$work/part"
        done
        if [ -n "$java_why" ]; then note "apache_$part" "$java_why"; fi
done
jq -sc -f "$here/ratios.jq" "$work/lines"
