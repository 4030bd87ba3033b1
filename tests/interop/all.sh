#!/usr/bin/env bash
# make interop: real Hadoop programs against a bdfs cluster of our own, and our CLI against a real
# Apache HDFS. INTEROP=reduced leaves out the Python clients and takes fewer seeds (what CI runs).
#   INTEROP_OUT   where jars, classes and wheels are kept; build/interop unless set
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib/e2e.sh" || exit 1
need java
need mvn
need jq
out=${INTEROP_OUT:-$root/build/interop}
mkdir -p "$out"
if [ "${INTEROP:-full}" = reduced ]; then
        python= seeds=1-3 count=500
else
        python=--python seeds=1-20 count=1000
fi
# without a trash, as the Apache HDFS beside it
up --no-agents --hadoop loopback --min-block-size 1024 --trash off
uri=hdfs://127.0.0.1:$(port namenode 0 hadoop)

failed=()
try() {
        local name=$1
        shift
        "$@" || failed+=("$name")
}
try "programs against bdfs" "$here/run.sh" --against "$uri" $python --seeds $seeds --count $count "$out"
try "extent maps" "$here/extents.sh" $python "$out"
try "Hadoop's own tools" env -u BDFS_CONF "$here/tools.sh" "$out"
if [ "$(id -u)" = 0 ]; then
        try "a user's own file while it is written" "$here/own_write.sh" "$uri" "$out"
else
        echo "interop: own_write.sh was not run: only root can act for two users"
fi
export HADOOP_LIB=$out/lib
[ "$python" = "" ] || try "our CLI beside FsShell on Apache HDFS" env -u BDFS_CONF "$here/cli_parity.sh"
[ "$python" = "" ] || try "our CLI beside FsShell on bdfs" env -u BDFS_CONF "$here/cli_parity.sh" "$uri"
[ ${#failed[@]} -eq 0 ] || fail "$(printf '%s; ' "${failed[@]}")"
echo "interop: passed"
