# Sourced by run.sh: the mount and jobs, where their programs are built.

rate() { # rate FIGURE MIB COMMAND...: MiB/s and the CPU of all servers and the mount
        local figure=$1 mib=$2 began ended
        shift 2
        began=$(date +%s%N)
        "$@" >/dev/null 2>"$work/err" || { note "$figure" "$(tail -n 1 "$work/err")"; return; }
        ended=$(date +%s%N)
        jq -nc --arg figure "$figure" --argjson mib "$mib" --argjson ns $((ended - began)) \
                '{figure: $figure, mib: $mib, mib_per_s: ($mib * 1e10 / $ns | floor / 10)}'
}
mounted() { # mounted PREFIX DIRECTORY: the same on a mount and on the local file system
        local mib
        mib=$([ -n "${QUICK:-}" ] && echo 256 || echo 1024)
        rate "$1_write_fsync" "$mib" dd if="$work/data" of="$2/f" bs=1M conv=fsync
        evict "$cluster"
        dd if=/dev/null of="$2/f" oflag=nocache conv=notrunc count=0 status=none
        rate "$1_read_first" "$mib" dd if="$2/f" of=/dev/null bs=1M
        rate "$1_read_second" "$mib" dd if="$2/f" of=/dev/null bs=1M
        rm -f "$2/f"
}
part_mount() {
        local tries
        [ -x "$build/bdfs-mount" ] && [ -e /dev/fuse ] || { note mount "there is no bdfs-mount or no /dev/fuse"; return; }
        up --no-agents
        mkdir -p "$work/mnt" "$work/local"
        openssl enc -aes-128-ctr -pass pass:bdfs -nosalt -pbkdf2 </dev/zero 2>/dev/null |
                head -c $(([ -n "${QUICK:-}" ] && echo 256 || echo 1024) | tr -d '\n')M >"$work/data"
        "$build/bdfs-mount" --conf "$BDFS_CONF" "$work/mnt" || { note mount "it did not mount"; down; return; }
        mounted mount "$work/mnt"
        mounted local "$work/local"
        fusermount3 -u "$work/mnt"
        rm -f "$work/data"
        down
}

part_job() {
        local words mib
        [ -x "$build/bdfs-agent" ] && "$bdfs" job --help >/dev/null 2>&1 ||
                { note job "there is no bdfs-agent or no \`bdfs job'"; return; }
        up
        printf 'x\n' >"$work/x"
        "$bdfs" put "$work/x" /x
        job() { "$bdfs" rm -r --skip-trash "/out" >/dev/null 2>&1; "$bdfs" job run -o /out "$@"; }
        jq -nc --argjson ms "$(time_of job -i /x -m true || echo null)" '{figure: "job_noop", ms: $ms}'
        mib=$([ -n "${QUICK:-}" ] && echo 20 || echo 200)
        awk -v n=$((mib * 150000)) 'BEGIN {srand(1); for (i = 0; i < n; i++)
                printf "w%d%s", int(exp(rand() * 10)), i % 9 == 8 ? "\n" : " "}' >"$work/words"
        "$bdfs" put "$work/words" /words
        words=$(RUNS=1 time_of job -i /words -m "tr -s ' ' '\n'" -r 'uniq -c' || echo null)
        jq -nc --argjson job "$words" --argjson shell \
                "$(RUNS=1 time_of bash -c "tr -s ' ' '\n' <$work/words | LC_ALL=C sort --parallel=2 | uniq -c")" \
                '{figure: "word_count", ms: $job, shell_ms: $shell,
                  ratio: (if $job == null then null else $job / $shell end)}'
        down
}
