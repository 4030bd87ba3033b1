# Sourced by run.sh: the mount and jobs, where their programs are built.

rate() { # rate SYSTEM FIGURE MIB COMMAND...: MiB/s
        local system=$1 figure=$2 mib=$3 began ended
        shift 3
        began=$(date +%s%N)
        "$@" >/dev/null 2>"$work/err" || { note "$figure" "$system: $(tail -n 1 "$work/err")"; return; }
        ended=$(date +%s%N)
        jq -nc --arg figure "$figure" --arg system "$system" --argjson mib "$mib" \
                --argjson ns $((ended - began)) '{figure: $figure, system: $system, mib: $mib,
                        mib_per_s: ($mib * 1e10 / $ns | floor / 10)}'
}
# mounted SYSTEM DIRECTORY: sequential write
mounted() { rate "$1" mount_write_fsync "$mib" dd if="$work/data" of="$2/f" bs=1M conv=fsync; }
# mount_reads SYSTEM DIRECTORY SERVERS: read from cold and from warm servers. The files of the
# servers lie in SERVERS; the client's pages are dropped before both reads.
mount_reads() {
        local f=$2/f
        dd if="$f" iflag=nocache count=0 status=none
        sh -c "$(cold "$3")"
        rate "$1" mount_read_first "$mib" dd if="$f" of=/dev/null bs=1M
        dd if="$f" iflag=nocache count=0 status=none
        rate "$1" mount_read_second "$mib" dd if="$f" of=/dev/null bs=1M
}
part_mount() {
        local mib moosefs= turn
        [ -x "$build/bdfs-mount" ] && [ -e /dev/fuse ] || { note mount "there is no bdfs-mount or no /dev/fuse"; return; }
        mib=$([ -n "${QUICK:-}" ] && echo 256 || echo 1024)
        up --no-agents
        mkdir -p "$work/mnt" "$work/mfs" "$work/local"
        openssl enc -aes-128-ctr -pass pass:bdfs -nosalt -pbkdf2 </dev/zero 2>/dev/null |
                head -c "${mib}M" >"$work/data"
        "$bdfs" mount "$work/mnt" >&2 || { note mount "it did not mount"; down; return; }
        mounted bdfs "$work/mnt"
        mounted local "$work/local"
        if command -v mfsmaster >/dev/null; then
                if "$here/moosefs.sh" up "$work/moosefs" "$work/mfs" >&2; then
                        moosefs=yes
                        mounted moosefs "$work/mfs"
                else
                        note moosefs "it did not start"
                fi
        fi
        for turn in $(seq "$first_reads"); do
                mount_reads bdfs "$work/mnt" "$cluster"
                mount_reads local "$work/local" "$work/local"
                [ -z "$moosefs" ] || mount_reads moosefs "$work/mfs" "$work/moosefs"
        done
        [ -d "$work/moosefs" ] && "$here/moosefs.sh" down "$work/moosefs" "$work/mfs" >&2
        "$bdfs" umount "$work/mnt" >&2
        down
        rm -rf "$work/data" "$work/local" "$work/moosefs"
}

part_job() {
        local words mib
        [ -x "$build/bdfs-agent" ] && "$bdfs" job --help >/dev/null 2>&1 ||
                { note job "there is no bdfs-agent or no \`bdfs job'"; return; }
        up
        printf 'x\n' >"$work/x"
        "$bdfs" put "$work/x" /x
        job() { "$bdfs" rm -r -skipTrash "/out" >/dev/null 2>&1; "$bdfs" job run -o /out "$@"; }
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
