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
part_small() {
        up --no-agents --hadoop loopback
        both 1 "$(scale 200)" create4k read4k delete4k
        both 16 "$(scale 1600)" create4k read4k delete4k
        down
}

# one_data STREAMS REPLICATION: put, a read with a cold page cache, reads with a warm one
one_data() {
        local streams=$1 replication=$2 bytes p o
        bytes=$([ -n "${QUICK:-}" ] && echo 256M || echo 1G)
        p=$(pids)
        o=(--disk "$disk" --callers "$streams" --replication "$replication" --bytes "$bytes")
        "$load" --conf "$BDFS_CONF" --pids "$p" "${o[@]}" data put
        evict "$cluster"
        "$load" --conf "$BDFS_CONF" --pids "$p" "${o[@]}" data get | sed 's/"get"/"get_first"/'
        "$load" --conf "$BDFS_CONF" --pids "$p" "${o[@]}" data get get get get remove | tail -n 1
        apache_up || return 0
        java_data "$apache_uri" hdfs "$apache_pids" "$apache"
        java_data "$(hadoop_port)" bdfs-by-java "$p" "$cluster"
}
java_data() { # java_data URI LABEL PIDS DIRECTORY
        local j=(--uri "$1" --label "$2" --pids "$3" "${o[@]}" --warm 2)
        java_load -Dsync=true "${j[@]}" data put
        evict "$4"
        java_load "${j[@]}" data get | sed 's/"get"/"get_first"/'
        java_load "${j[@]}" data get get get get remove | tail -n 1
        [ "$2" = hdfs ] && java_load "${j[@]}" data put remove | sed 's/"put"/"put_unsynced"/'
        return 0
}
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
