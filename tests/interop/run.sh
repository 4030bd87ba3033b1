#!/bin/bash
# Real Hadoop programs against a file system that speaks HDFS's protocol, with a real Apache HDFS beside it to compare with.
#
#   run.sh [--against URI] [--python] [--seeds 1-20] [--count 1000] OUTDIR
#
# OUTDIR is where fetch.sh brings things (kept from run to run).  With --against, URI (hdfs://127.0.0.1:PORT) is what is tested: Hadoop's shell,
# the FileSystem program, the random operations, and with --python hdfs-native, pyarrow and Spark.  Without it the same runs against a second
# Apache HDFS, where nothing may differ, and then the random operations against one that is configured otherwise, which must be noticed: so the
# tests themselves are tested.  What is switched off in bdfs (ACLs, extended attributes) is switched off in the Apache servers too.
#
# Exits 0 when all passed, 1 when something failed, 77 where the machine cannot run it.
set -u
here=$(cd "$(dirname "$0")" && pwd)
against= python= seeds= count=1000
while [ $# -gt 1 ]; do
	case $1 in
	--against) against=$2; shift ;;
	--python) python=--python ;;
	--seeds) seeds=$2; shift ;;
	--count) count=$2; shift ;;
	*) break ;;
	esac
	shift
done
[ $# -eq 1 ] || { sed -n '2,11s/^# \{0,1\}//p' "$0" >&2; exit 2; }
seeds=${seeds:-$([ -n "$against" ] && echo 1-20 || echo 1-4)}

# shellcheck disable=SC2086
"$here/fetch.sh" $python "$1" || exit $?
out=$(cd "$1" && pwd)
users=$("$here/users.sh") || exit $?
other=$(echo "$users" | cut -d, -f2)
export HADOOP_LIB=$out/lib ACLS=false XATTRS=false

work=$(mktemp -d "$out/run.XXXXXX")
# shellcheck disable=SC2064
trap "for s in '$work'/*/; do '$here/apache.sh' down \"\$s\"; done; rm -rf '$work'" EXIT
trap 'exit 130' INT TERM

java() { command java -Djava.net.preferIPv4Stack=true -cp "$out/classes:$out/lib/*" "$@"; }

failed=
passed=
try() {
	local name=$1
	shift
	echo
	echo "== $name"
	if "$@"; then passed="$passed $name"; else failed="$failed $name"; fi
}

fails() { ! "$@" >"$work/odd.out"; }

"$here/apache.sh" up "$work/left" 3 || exit 1
left=$(cat "$work/left/uri")
if [ -n "$against" ]; then
	right=$against
else
	"$here/apache.sh" up "$work/right" 3 || exit 1
	right=$(cat "$work/right/uri")
	try program-on-left java FsProgram "$left" /interop/program --other "$other"
fi

try program java FsProgram "$right" /interop/program --other "$other"
try shell java ShellVerbs "$left" "$right" /interop/shell
if [ -n "$python" ]; then
	try native "$out/venv/bin/python" "$here/native.py" "$right" /interop/native
	try spark "$out/venv/bin/python" "$here/spark.py" "$right" /interop/spark
fi
intended=
[ -n "$against" ] && intended="--intended $here/intended.txt"
# shellcheck disable=SC2086
try random java RandomOps "$left" "$right" --users "$users" --seeds "$seeds" --count "$count" $intended --base /interop/random

if [ -z "$against" ]; then
	CONF_EXTRA=$'dfs.replication.max=100\ndfs.namenode.fs-limits.max-component-length=190' PRECISION=0 "$here/apache.sh" up "$work/odd" 3 || exit 1
	try notices fails java RandomOps "$left" "$(cat "$work/odd/uri")" --users "$users" --seeds 1-2 --count 200 --base /interop/odd
	grep -A3 -m 3 DIFFERENCE "$work/odd.out"
fi

echo
echo "passed:${passed:- nothing}"
[ -z "$failed" ] || { echo "FAILED:$failed"; exit 1; }
