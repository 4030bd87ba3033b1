#!/usr/bin/env bash
# make demo: a cluster of three datanodes on loopback, a real file in and out through the CLI, Debian's
# own `hdfs` client and the mount, its words counted where the blocks are, a datanode killed, and read
# again. Every step is compared byte for byte. Ends the cluster and removes what it made.
set -u -o pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
bdfs=$root/build/bdfs
work=$(mktemp -d "${TMPDIR:-/tmp}/bdfs-demo.XXXXXX") || exit 1
dir=$work/cluster
mounted=
steps=()

finish() {
        local rc=$?
        [ -n "$mounted" ] && "$bdfs" umount "$work/mnt" >/dev/null 2>&1
        "$bdfs" cluster down --dir "$dir" >/dev/null 2>&1
        rm -rf "$work"
        exit $rc
}
trap finish EXIT
trap 'exit 130' INT TERM

start=0
begin() { printf '\n== %s\n' "$1"; step=$1; start=$(date +%s%N); }
done_() { # done_ [note]
        local ms=$((($(date +%s%N) - start) / 1000000))
        steps+=("$(printf 'ok      %6d ms  %s%s' $ms "$step" "${1:+ ($1)}")")
}
skipped() { steps+=("$(printf 'skipped            %s: %s' "$step" "$1")"); echo "skipped: $1"; }
fail() { echo "FAILED: $step: $*" >&2; tail -n 5 "$dir"/*/log 2>/dev/null; exit 1; }
same() { cmp "$1" "$2" || fail "$3 differs from what was put"; }

words=$work/gcide.txt big=$work/big.bin
begin "real input: the dictionary of Debian's dict-gcide, and a file of 1 GiB"
zcat /usr/share/dictd/gcide.dict.dz >"$words" || fail "dict-gcide is not there"
[ "$(stat -c %s "$words")" -gt 30000000 ] || fail "the dictionary is too small"
openssl enc -aes-128-ctr -pass pass:bdfs -nosalt -pbkdf2 </dev/zero 2>/dev/null |
        head -c 1073741824 >"$big"
[ "$(stat -c %s "$big")" -eq 1073741824 ] || fail "there is no file of 1 GiB"
done_ "$(stat -c %s "$words") and $(stat -c %s "$big") bytes"

begin "start a namenode, three datanodes and three agents on loopback"
"$bdfs" cluster up --dir "$dir" --base-port 0 --hadoop loopback --block-size 16M || fail "cluster up"
export BDFS_CONF=$dir/client.conf
"$bdfs" cluster status --dir "$dir"
done_

begin "put both, three copies each"
"$bdfs" mkdir -p /demo && "$bdfs" put "$words" /demo/gcide.txt && "$bdfs" put "$big" /demo/big.bin ||
        fail "put"
"$bdfs" ls /demo
done_

begin "read back through the CLI"
"$bdfs" cat /demo/gcide.txt | cmp - "$words" || fail "the dictionary"
"$bdfs" cat /demo/big.bin | cmp - "$big" || fail "the file of 1 GiB"
done_

begin "read back through Debian's own hdfs client"
if command -v hdfs >/dev/null; then
        HADOOP_NAMENODE=127.0.0.1:$("$bdfs" cluster status --dir "$dir" --json |
                jq -r '.processes[] | select(.role=="namenode") | .ports.hadoop')
        export HADOOP_NAMENODE
        hdfs ls -l /demo && hdfs cat /demo/gcide.txt | cmp - "$words" || fail "the dictionary"
        done_
else
        skipped "hdfs (package hdfs-cli) is not installed"
fi

begin "read back through the mount"
if [ ! -c /dev/fuse ]; then
        skipped "this machine has no FUSE device"
else
        mkdir "$work/mnt" && "$bdfs" mount "$work/mnt" || fail "mount"
        mounted=yes
        same "$work/mnt/demo/gcide.txt" "$words" "the dictionary through the mount"
        cp "$words" "$work/mnt/demo/copy.txt" || fail "writing through the mount"
        "$bdfs" cat /demo/copy.txt | cmp - "$words" || fail "what the mount wrote"
        done_
fi

begin "count its words where the blocks are"
map='{ for (i = 1; i <= NF; i++) print $i "\t1" }'
reduce='($1 "") != k { if (NR > 1) print k "\t" n; k = $1 ""; n = 0 } { n += $2 } END { if (NR) print k "\t" n }'
"$bdfs" job run -i /demo/gcide.txt -o /demo/counts -n 2 \
        -m "LC_ALL=C awk '$map'" -r "LC_ALL=C awk -F'\t' '$reduce'" || fail "job run"
"$bdfs" cat '/demo/counts/part-*' | LC_ALL=C sort >"$work/counts"
LC_ALL=C awk '{ for (i = 1; i <= NF; i++) n[$i]++ } END { for (w in n) print w "\t" n[w] }' "$words" |
        LC_ALL=C sort >"$work/expected"
same "$work/counts" "$work/expected" "the word count"
sum=$(sha256sum <"$work/counts")
done_ "$(wc -l <"$work/counts") distinct words, sha256 ${sum%% *}"

begin "kill a datanode and read again"
kill -9 "$("$bdfs" cluster status --dir "$dir" --json |
        jq -r '.processes[] | select(.role=="datanode" and .id==2) | .pid')"
"$bdfs" cat /demo/gcide.txt | cmp - "$words" || fail "the dictionary"
"$bdfs" cat /demo/big.bin | cmp - "$big" || fail "the file of 1 GiB"
done_ "two of three datanodes live"

printf '\n== summary\n'
printf '%s\n' "${steps[@]}"
