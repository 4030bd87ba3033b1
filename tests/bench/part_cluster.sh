# Sourced by run.sh: starting, restarting, memory, the command line.

# restart_with FILES: kill -9 and start again; the first answer, the private memory, the disk
restart_with() {
        local began answered pid
        up --no-agents
        "$bdfs" cluster down --dir "$cluster" >/dev/null
        "$build/tests/bench_fill" "$cluster/namenode-0/data" "$(jq -r .cluster "$cluster/cluster.json")" \
                /many "$1" >&2 || return 1
        "$bdfs" cluster up --dir "$cluster" >&2 || return 1
        kill -9 "$(pid_of namenode 0)"
        began=$(ms)
        "$build/bdfs-namenode" --conf "$cluster/namenode-0/conf" >"$work/restart.log" 2>&1 &
        pid=$!
        until "$load" --conf "$BDFS_CONF" --dir /x --count 1 meta create >/dev/null 2>&1; do
                [ $(($(ms) - began)) -lt 60000 ] || { note restart "no answer in 60 s"; return 1; }
        done
        answered=$(($(ms) - began))
        "$bdfs" du -s /many >/dev/null
        sleep 1
        jq -nc --argjson files "$1" --argjson answer "$answered" --argjson anon "$(kib $pid RssAnon)" \
                --argjson shmem "$(kib $pid RssFile RssShmem)" \
                --argjson disk "$(du -sk "$cluster/namenode-0/data/tables" | cut -f1)" \
                '{figure: "restart", files: $files, first_write_ms: $answer, rss_anon_kib: $anon,
                  rss_file_kib: $shmem, tables_bytes_per_file: ($disk * 1024 / $files | floor)}'
        "$bdfs" ls -R /many >/dev/null
        jq -nc --argjson files "$1" --argjson anon "$(kib $pid RssAnon)" \
                '{figure: "memory_after_listing_all", files: $files, rss_anon_kib: $anon}'
        kill $pid
        wait $pid 2>/dev/null
        down
}
part_restart() {
        restart_with 10000 && restart_with "$([ -n "${QUICK:-}" ] && echo 200000 || echo 1000000)"
}

part_cli() {
        local began
        began=$(ms)
        if [ -x "$build/bdfs-agent" ]; then up; else up --no-agents; fi
        jq -nc --argjson ms "$(($(ms) - began))" --argjson rss "$(kib "$(pids)" VmRSS)" \
                --argjson anon "$(kib "$(pids)" RssAnon)" \
                '{figure: "cluster_up", ms: $ms, rss_kib: $rss, rss_anon_kib: $anon}'
        jq -nc --argjson anon "$(kib "$(pid_of namenode 0)" RssAnon)" --argjson rss "$(kib "$(pid_of datanode 1)" VmRSS)" \
                '{figure: "memory_empty", namenode_rss_anon_kib: $anon, datanode_rss_kib: $rss}'
        "$bdfs" mkdir -p /a/b
        jq -nc --argjson ms "$(RUNS=21 time_of "$bdfs" ls /)" '{figure: "ls", system: "bdfs", ms: $ms}'
        if apache_up; then
                jq -nc --argjson ms "$(RUNS=3 time_of "$root/tests/interop/apache.sh" shell "$apache" -ls /)" \
                        '{figure: "ls", system: "hdfs", ms: $ms}'
        fi
        down
}
