#!/usr/bin/env bash
# Hadoop's own tools against bdfs: what dfsadmin asks of a namenode, FsShell's trash, and NNThroughputBenchmark.
#
#   tools.sh [OUTDIR]               a cluster of its own; OUTDIR as fetch.sh's
#   tools.sh --bench URI OUTDIR [FILES=2000]
#                                   only the benchmark, against URI: a JSON line per operation
#
# Exits 77 without Java, Maven or the jars.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib/e2e.sh" || exit 1
need java
need mvn
bench=
[ "${1:-}" = --bench ] && { bench=$2; shift 2; }
out=${1:-${INTEROP_OUT:-$root/build/interop}}
files=${2:-200}
[ -z "$bench" ] || files=${2:-2000}
bash "$here/fetch.sh" "$out" || exit
if [ ! -d "$out/tools" ]; then
        mvn -q -B -f "$here/tools.xml" dependency:copy-dependencies -DoutputDirectory="$out/tools.new" >"$work/mvn" 2>&1 ||
                skip "Hadoop's test jars could not be fetched: $(tail -n 1 "$work/mvn")"
        mv "$out/tools.new" "$out/tools"
fi

mkdir "$work/conf"
echo '<configuration/>' >"$work/conf/core-site.xml"
cat >"$work/conf/hdfs-site.xml" <<'END'
<configuration><property><name>dfs.namenode.fs-limits.min-block-size</name><value>16</value></property></configuration>
END
sed 's/ERROR,err/INFO,err/' "$out/classes/log4j.properties" >"$work/conf/log4j.properties"
hadoop() { timeout 300 java -Djava.net.preferIPv4Stack=true -cp "$work/conf:$out/lib/*:$out/tools/*" "$@" 2>&1; }
# throughput URI OPERATION OPTION: operations a second
throughput() {
        hadoop org.apache.hadoop.hdfs.server.namenode.NNThroughputBenchmark -fs "$1" -op "$2" -threads 8 "$3" "$files" >"$work/said" ||
                fail "NNThroughputBenchmark $2: $(tail -n 5 "$work/said")"
        grep -q 'Exception' "$work/said" && fail "NNThroughputBenchmark $2: $(grep -m 3 Exception "$work/said")"
        grep -q "# operations: $files\$" "$work/said" || fail "NNThroughputBenchmark $2 did not do all: $(grep '# operations' "$work/said")"
        sed -n 's/.*Ops per sec: //p' "$work/said"
}
all() { # all URI LABEL
        local row op
        for row in create:-files mkdirs:-dirs open:-files fileStatus:-files rename:-files delete:-files; do
                op=$(throughput "$1" "${row%%:*}" "${row#*:}") || exit 1
                printf '{"figure": "nnthroughput_%s", "system": "%s", "n": %s, "threads": 8, "per_second": %.0f}\n' \
                        "${row%%:*}" "$2" "$files" "$op"
        done
        hadoop org.apache.hadoop.hdfs.server.namenode.NNThroughputBenchmark -fs "$1" -op clean >/dev/null
}
if [ -n "$bench" ]; then
        all "$bench" "${LABEL:-bdfs}"
        exit
fi

up --datanodes 1 --no-agents --hadoop loopback --min-block-size 1024
uri=hdfs://127.0.0.1:$(port namenode 0 hadoop)
# says CODE TEXT CLASS ARGUMENT...
says() {
        local code=$1 text=$2 got rc
        shift 2
        got=$(hadoop "$1" -fs "$uri" "${@:2}")
        rc=$?
        [ $rc -eq "$code" ] && grep -Eq -- "$text" <<<"$got" || fail "${*:2}: exit $rc: $got"
}
dfsadmin=org.apache.hadoop.hdfs.tools.DFSAdmin
says 0 'Refresh user to groups mapping successful' $dfsadmin -refreshUserToGroupsMappings
says 0 'Refresh super user groups configuration successful' $dfsadmin -refreshSuperUserGroupsConfiguration
says 0 'Refresh call queue successful' $dfsadmin -refreshCallQueue
says 255 'Service Level Authorization not enabled' $dfsadmin -refreshServiceAcl
says 255 'bdfs has no balancer yet' $dfsadmin -setBalancerBandwidth 1000000

# the trash of a server that has one, by a shell that knows nothing of it
shell=org.apache.hadoop.fs.FsShell
me=$(id -un)
echo text >"$work/f" && "$bdfs" mkdir -p "/user/$me" && "$bdfs" put "$work/f" /t || fail put
says 0 "Moved: '$uri/t' to trash at: $uri/user/$me/.Trash/Current/t" $shell -rm /t
says 0 "Created trash checkpoint: /user/$me/.Trash/[0-9]{12}" $shell -expunge
"$bdfs" put "$work/f" /t
expect 0 "^Moved: '.*/t' to trash at: .*/user/$me/.Trash/Current/t\$" "$bdfs" rm /t
says 0 "Deleted trash checkpoint: /user/$me/.Trash/[0-9]{12}" $shell -expunge -immediate
[ -z "$("$bdfs" ls -C "/user/$me/.Trash")" ] || fail "FsShell -expunge -immediate left something"

all "$uri" bdfs
