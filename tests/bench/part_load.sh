# Sourced by run.sh: small operations and bulk data. bdfs by its own client, Apache HDFS by its own,
# and the stock Java client on bdfs: the same load, in turns.

scale() { [ -n "${QUICK:-}" ] && echo $(($1 / 4)) || echo "$1"; }
hadoop_port() { echo "hdfs://127.0.0.1:$(status | jq -r '.processes[] | select(.role=="namenode") | .ports.hadoop')"; }

# both CALLERS COUNT OPERATION...: meta operations on all three, directories of the same size
both() {
        local callers=$1 count=$2 p
        shift 2
        p=$(pids)
        "$load" --conf "$BDFS_CONF" --pids "$p" --disk "$disk" --callers "$callers" --count "$count" meta "$@"
        apache_up || return 0
        java_load --uri "$apache_uri" --label hdfs --pids "$apache_pids" --disk "$disk" \
                --callers "$callers" --count "$count" --warm "$((count / 2))" meta "$@"
        java_load --uri "$(hadoop_port)" --label bdfs-by-java --pids "$p" --disk "$disk" --dir "/java$callers" \
                --callers "$callers" --count "$count" --warm "$((count / 2))" meta "$@"
}
part_meta() {
        up --no-agents --hadoop loopback
        both 1 "$(scale 1000)" create stat list rename delete
        both 16 "$(scale 8000)" create stat list rename delete
        down
}
part_nn() { # Hadoop's own benchmark of namenodes, the same program against both
        local tools=$root/tests/interop/tools.sh out=${HADOOP_LIB%/lib}
        java_ready || return 0
        up --no-agents --hadoop loopback --min-block-size 1024
        LABEL=bdfs "$tools" --bench "$(hadoop_port)" "$out" "$(scale 2000)" || note nnthroughput "it did not run"
        if apache_up; then
                LABEL=hdfs "$tools" --bench "$apache_uri" "$out" "$(scale 2000)" || note nnthroughput "it did not run on Apache HDFS"
        fi
        down
}
part_small() {
        up --no-agents --hadoop loopback
        both 1 "$(scale 200)" create4k read4k delete4k
        both 16 "$(scale 1600)" create4k read4k delete4k
        down
}

# one_data STREAMS REPLICATION: put; reads with a cold page cache, the systems in turns, since what
# else the machine does changes from minute to minute; reads with a warm one
one_data() {
        local streams=$1 replication=$2 bytes p o turn warm=2
        bytes=$([ -n "${QUICK:-}" ] && echo 256M || echo 1G)
        p=$(pids)
        o=(--disk "$disk" --callers "$streams" --replication "$replication" --bytes "$bytes")
        own_data put
        if apache_up; then
                java_hdfs -Dsync=true put
                java_bdfs -Dsync=true put
        fi
        warm=16 # reads; two writes are enough, but Apache HDFS sends small packets
        for turn in $(seq "$first_reads"); do
                first own_data "$cluster"
                [ -n "$apache" ] || continue
                first java_hdfs "$apache"
                first java_bdfs "$cluster"
        done
        own_data get get get get remove | tail -n 1
        [ -n "$apache" ] || return 0
        java_hdfs get get get get remove | tail -n 1
        warm=2 java_hdfs put remove | sed 's/"put"/"put_unsynced"/'
        java_bdfs get get get get remove | tail -n 1
}
# Each of these: [OPTION...] OPERATION...
own_data() { with_data "$load" --conf "$BDFS_CONF" --pids "$p" -- "$@"; }
java_hdfs() { with_data java_load --uri "$apache_uri" --label hdfs --pids "$apache_pids" --warm "$warm" -- "$@"; }
java_bdfs() {
        with_data java_load --uri "$(hadoop_port)" --label bdfs-by-java --pids "$p" --dir /java --warm "$warm" -- "$@"
}
# with_data PROGRAM OPTION... -- [-Dsync=true] [--before COMMAND] OPERATION...
with_data() {
        local program=$1 options=() flags=()
        shift
        while [ "$1" != -- ]; do options+=("$1"); shift; done
        shift
        while [[ $1 == -D* ]]; do flags+=("$1"); shift; done
        while [[ $1 == --* ]]; do options+=("$1" "$2"); shift 2; done
        "$program" "${flags[@]}" "${options[@]}" "${o[@]}" data "$@"
}
first() { "$1" --before "$(cold "$2")" get | sed 's/"get"/"get_first"/'; } # first SYSTEM DIRECTORY
part_data() {
        up --no-agents --hadoop loopback
        one_data 1 3
        one_data 4 3
        one_data 1 1
        one_data 4 1
        down
}

# Calls of fdatasync and fsync by all servers for one closed file, counted by strace.
syncs_of() { # syncs_of NAME COUNT OPERATION...
        local name=$1 count=$2 tracer
        shift 2
        strace -f -qq -e trace=fdatasync,fsync,sync_file_range -o "$work/trace" $(pids | sed 's/^/-p /; s/,/ -p /g') &
        tracer=$!
        sleep 1
        "$load" --conf "$BDFS_CONF" --callers 1 --count "$count" --bytes 64M "$@" >/dev/null
        sleep 1
        kill -INT $tracer
        wait $tracer 2>/dev/null
        jq -nc --arg figure "$name" --argjson n "$count" --argjson syncs \
                "$(grep -c 'f\(data\)\?sync(' "$work/trace")" '{figure: $figure, n: $n, syncs_per_op: ($syncs / $n)}'
}
part_flushes() {
        command -v strace >/dev/null || { note flushes "strace is not installed"; return; }
        up --no-agents
        syncs_of syncs_create 50 meta create
        syncs_of syncs_create4k 50 meta create4k
        syncs_of syncs_put_64m 1 data put
        down
}
