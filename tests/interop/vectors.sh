#!/usr/bin/env bash
# Makes tests/vectors/hdfs_captured_{calls,clients}.h anew: what stock clients and a real Apache HDFS say to each other.
#
#   vectors.sh OUTDIR
#
# OUTDIR is where fetch.sh brings things. EveryCall speaks for Java (hdfs_captured_calls.h); hdfs-native, and Debian's hdfs and
# rclone (gohdfs) where they are, for the others (hdfs_captured_clients.h). Needs `make tools`.
set -u
here=$(cd "$(dirname "$0")" && pwd)
[ $# -eq 1 ] || { sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 2; }
"$here/fetch.sh" --python "$1" || exit $?
out=$(cd "$1" && pwd)
root=$here/../..
export HADOOP_LIB=$out/lib ACLS=false XATTRS=false
work=$(mktemp -d "$out/vectors.XXXXXX")
relay=
trap '[ -z "$relay" ] || kill "$relay"; "$here/apache.sh" down "$work/apache"; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

NN_OPTS=-Dhadoop.log.dir=$work "$here/apache.sh" up "$work/apache" 3 || exit 1

# through NAME COMMAND...: with $at as the address of a namenode whose exchanges become $work/NAME.h
through() {
        local name=$1 i
        shift
        "${BDFS_BUILD:-$root/build}/tests/capture" 0 "$(sed 's|.*//||' "$work/apache/uri")" "$work/$name.h" >"$work/$name.log" &
        relay=$!
        for i in $(seq 100); do
                [ -s "$work/$name.log" ] && break
                sleep 0.05
        done
        at=127.0.0.1:$(head -n 1 "$work/$name.log")
        "$@" || { echo "vectors.sh: $name failed" >&2; exit 1; }
        kill "$relay"
        relay=
}

every_call() {
        java -Djava.net.preferIPv4Stack=true -cp "$out/classes:$out/lib/*" EveryCall "hdfs://$at"
}

gohdfs() {
        local f=$work/f
        export HADOOP_NAMENODE=$at HADOOP_USER_NAME
        HADOOP_USER_NAME=$(id -un)
        head -c 3000 /dev/urandom >"$f"
        hdfs mkdir -p /go/in && hdfs put "$f" /go/in/f && hdfs ls -l /go/in >"$work/said" && hdfs cat /go/in/f | cmp - "$f" &&
                hdfs checksum /go/in/f >>"$work/said" && hdfs du -s /go >>"$work/said" && hdfs touch /go/t && hdfs touch -c /go/t &&
                hdfs chmod 600 /go/t && hdfs chown nobody /go/t && hdfs mv /go/t /go/u && hdfs truncate 513 /go/in/f &&
                hdfs df >>"$work/said" && ! hdfs cat /go/none 2>>"$work/said" && hdfs rm -r /go
}

native() {
        "$out/venv/bin/python" - "hdfs://$at" <<-'END'
	import sys
	from hdfs_native import Client, WriteOptions
	c = Client(sys.argv[1])
	c.mkdirs("/na/in", create_parent=True)
	with c.create("/na/in/f", WriteOptions(block_size=1 << 20, replication=2)) as f:
	    f.write(b"x" * 3000)
	with c.append("/na/in/f") as f:
	    f.write(b"y" * 100)
	with c.read("/na/in/f") as f:
	    assert len(f.read()) == 3100
	assert len(list(c.list_status("/na/in"))) == 1
	c.get_file_info("/na/in/f")
	c.get_content_summary("/na")
	c.set_times("/na/in/f", 1000, 2000)
	c.set_owner("/na/in/f", "root", "root")
	c.set_permission("/na/in/f", 0o640)
	c.set_replication("/na/in/f", 3)
	c.rename("/na/in/f", "/na/in/g")
	c.delete("/na", True)
	END
}

# The head of a file of vectors.
head_of() {
        cat <<-END
	/*
	 * $1 - exchanges of $2 with an Apache HDFS 3.4.1, as they were
	 * on the wire. Made by tests/interop/vectors.sh; to be included as hdfs_captured.h is.
	 */

	END
}

through calls every_call
through native native
command -v hdfs >/dev/null && through gohdfs gohdfs
{ head_of hdfs_captured_calls.h "EveryCall (Java, Hadoop 3.4.1)"; cat "$work/calls.h"; } >"$root/tests/vectors/hdfs_captured_calls.h"
{
        head_of hdfs_captured_clients.h "gohdfs 2.3.0 and hdfs-native 0.14.7"
        cat "$work/gohdfs.h" "$work/native.h"
} >"$root/tests/vectors/hdfs_captured_clients.h"
