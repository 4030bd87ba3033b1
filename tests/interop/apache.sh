#!/bin/bash
# A real Apache HDFS on loopback, as an oracle for tests.
#
#   apache.sh up DIR [DATANODES=3]    start (and format, the first time); the URI is printed and left in DIR/uri
#   apache.sh down DIR                stop what `up` started
#   apache.sh status DIR              which of the processes live
#   apache.sh shell DIR ARGS...       FsShell against it
#
# The jars are those of fetch.sh: HADOOP_LIB=DIR, by default ../../build/interop/lib beside this file.
# Every port is picked by the kernel when a process binds it, so nothing can race for one; a later `up` on the same DIR keeps the namenode's.
#
# Settings by environment (each has the default of a quick, permissive test server):
#   ACLS=true XATTRS=true   false: what a namenode without ACLs or extended attributes answers
#   PRECISION=3600000       dfs.namenode.accesstime.precision, in ms
#   MIN_BLOCK=1024          dfs.namenode.fs-limits.min-block-size
#   HEARTBEAT=200ms         dfs.heartbeat.interval: block recovery and deletion ride on heartbeats
#   SUPERGROUP=supergroup   dfs.permissions.superusergroup
#   SYNC_BLOCK=false        true: a datanode syncs each block when it is closed (dfs.datanode.synconclose)
#   SYNC_EDITS=false        true: the namenode syncs its journal for every batch, as it does in production
#   NN_OPTS, DN_OPTS        more JVM flags;  NN_HEAP=768m DN_HEAP=384m
#   DEADLINE=120            seconds until `up` or `down` gives up
#   CONF_EXTRA              "name=value" lines, added to hdfs-site.xml
set -u
here=$(cd "$(dirname "$0")" && pwd)
HADOOP_LIB=${HADOOP_LIB:-$here/../../build/interop/lib}
DEADLINE=${DEADLINE:-120}

die() { echo "apache.sh: $*" >&2; exit 1; }
usage() { sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2; }
now() { date +%s; }

[ $# -ge 2 ] || usage
verb=$1
dir=$2
shift 2

# The processes of DIR: a pid counts only while the process that has it was started for DIR.
pid_of() {
	local pid
	pid=$(cat "$dir/$1/pid" 2>/dev/null) || return 1
	[ -r "/proc/$pid/cmdline" ] || return 1
	tr '\0' '\n' 2>/dev/null <"/proc/$pid/cmdline" | grep -qxF -- "-Dinterop.role=$dir/$1" || return 1
	echo "$pid"
}

roles() { (cd "$dir" 2>/dev/null && ls -d namenode datanode-* 2>/dev/null); }

property() { printf '  <property><name>%s</name><value>%s</value></property>\n' "$1" "$2"; }

configure() {
	local conf=$dir/conf port=0
	[ -s "$dir/uri" ] && port=$(sed 's/.*://' "$dir/uri")
	# The web pages are not in the jars of Maven; their directories must be there for the servers' HTTP ports to open.
	mkdir -p "$conf/webapps/hdfs/WEB-INF" "$conf/webapps/datanode/WEB-INF" "$conf/webapps/static"
	echo '<web-app/>' | tee "$conf/webapps/hdfs/WEB-INF/web.xml" >"$conf/webapps/datanode/WEB-INF/web.xml"
	{
		echo '<configuration>'
		property fs.defaultFS "hdfs://127.0.0.1:$port"
		property hadoop.tmp.dir "$dir/tmp"
		property hadoop.security.authentication simple
		property ipc.server.listen.queue.size 256
		property ipc.client.connection.maxidletime 60000
		echo '</configuration>'
	} >"$conf/core-site.xml"
	{
		echo '<configuration>'
		property dfs.namenode.name.dir "file://$dir/namenode/data"
		property dfs.namenode.http-address 127.0.0.1:0
		property dfs.namenode.datanode.registration.ip-hostname-check false
		property dfs.namenode.fs-limits.min-block-size "${MIN_BLOCK:-1024}"
		property dfs.namenode.safemode.extension 0
		property dfs.namenode.acls.enabled "${ACLS:-true}"
		property dfs.namenode.xattrs.enabled "${XATTRS:-true}"
		property dfs.namenode.accesstime.precision "${PRECISION:-3600000}"
		property dfs.permissions.superusergroup "${SUPERGROUP:-supergroup}"
		property dfs.namenode.edits.noeditlogchannelflush "$([ "${SYNC_EDITS:-false}" = true ] && echo false || echo true)"
		property dfs.datanode.synconclose "${SYNC_BLOCK:-false}"
		property dfs.datanode.du.reserved 0
		property dfs.namenode.handler.count 8
		property dfs.heartbeat.interval "${HEARTBEAT:-200ms}"
		property dfs.blockreport.intervalMsec 60000
		property dfs.namenode.redundancy.interval.seconds 1s
		property dfs.namenode.replication.max-streams 16
		property dfs.namenode.replication.max-streams-hard-limit 32
		while IFS='=' read -r name value; do
			[ -n "$name" ] && property "$name" "$value"
		done <<<"${CONF_EXTRA:-}"
		echo '</configuration>'
	} >"$conf/hdfs-site.xml"
	cat >"$conf/log4j.properties" <<-'EOF'
	log4j.rootLogger=INFO,err
	log4j.appender.err=org.apache.log4j.ConsoleAppender
	log4j.appender.err.target=System.err
	log4j.appender.err.layout=org.apache.log4j.PatternLayout
	log4j.appender.err.layout.ConversionPattern=%d %p %c{1}: %m%n
	log4j.logger.org.apache.hadoop.hdfs.StateChange=WARN
	log4j.logger.BlockStateChange=WARN
	log4j.logger.org.apache.hadoop.hdfs.server.namenode.FSNamesystem.audit=WARN
	log4j.logger.org.apache.hadoop.hdfs.server.datanode.DataNode.clienttrace=WARN
	EOF
}

# start ROLE HEAP OPTS CLASS ARGS...
start() {
	local role=$1 heap=$2 opts=$3
	shift 3
	pid_of "$role" >/dev/null && return 0
	mkdir -p "$dir/$role"
	# shellcheck disable=SC2086
	setsid java -Djava.net.preferIPv4Stack=true -Xmx"$heap" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto \
		-Dinterop.role="$dir/$role" $opts -cp "$dir/conf:$HADOOP_LIB/*" "$@" \
		</dev/null >"$dir/$role/log" 2>&1 &
	echo $! >"$dir/$role/pid"
	# From the fork until java is executed the process does not yet look like ours.
	for _ in $(seq 100); do
		pid_of "$role" >/dev/null && return 0
		kill -0 $! 2>/dev/null || return 0
		sleep 0.02
	done
}

alive() { pid_of "$1" >/dev/null || { tail -30 "$dir/$1/log" >&2; die "$1 ended (log above)"; }; }

# wait_log ROLE PATTERN: the first group that PATTERN captures in the log of ROLE
wait_log() {
	local found
	while :; do
		found=$(sed -nE "s#.*$2.*#\\1#p" "$dir/$1/log" 2>/dev/null | head -1)
		[ -n "$found" ] && { echo "$found"; return 0; }
		pid_of "$1" >/dev/null || return 1
		[ "$(now)" -lt "$end" ] || return 1
		sleep 0.1
	done
}

up() {
	local n=${1:-3} port http live i
	ls "$HADOOP_LIB"/hadoop-hdfs-3*.jar >/dev/null 2>&1 || die "no Hadoop jars in $HADOOP_LIB: run fetch.sh, or set HADOOP_LIB"
	mkdir -p "$dir" && dir=$(cd "$dir" && pwd) || die "cannot make $dir"
	HADOOP_LIB=$(cd "$HADOOP_LIB" && pwd)
	end=$(($(now) + DEADLINE))
	configure
	if [ ! -e "$dir/namenode/data/current/VERSION" ]; then
		mkdir -p "$dir/namenode"
		java -Djava.net.preferIPv4Stack=true -XX:TieredStopAtLevel=1 -cp "$dir/conf:$HADOOP_LIB/*" \
			org.apache.hadoop.hdfs.server.namenode.NameNode -format -nonInteractive >"$dir/format.log" 2>&1 ||
			{ tail -20 "$dir/format.log" >&2; die "format failed"; }
	fi
	start namenode "${NN_HEAP:-768m}" "${NN_OPTS:-}" org.apache.hadoop.hdfs.server.namenode.NameNode
	port=$(wait_log namenode 'NameNode RPC up at: [^:]*:([0-9]+)') || { alive namenode; die "the namenode was not up after $DEADLINE s"; }
	http=$(wait_log namenode 'Jetty bound to port ([0-9]+)') || die "the namenode has no HTTP port"
	echo "hdfs://127.0.0.1:$port" >"$dir/uri.new"
	echo "http://127.0.0.1:$http" >"$dir/http"
	mv "$dir/uri.new" "$dir/uri"
	configure
	for ((i = 1; i <= n; i++)); do
		start "datanode-$i" "${DN_HEAP:-384m}" "${DN_OPTS:-}" org.apache.hadoop.hdfs.server.datanode.DataNode \
			-D "dfs.datanode.data.dir=$dir/datanode-$i/data" -D dfs.datanode.address=127.0.0.1:0 \
			-D dfs.datanode.http.address=127.0.0.1:0 -D dfs.datanode.ipc.address=127.0.0.1:0
	done
	while :; do
		live=$(curl -s -m 5 "http://127.0.0.1:$http/jmx?qry=Hadoop:service=NameNode,name=FSNamesystemState" |
			sed -nE 's/.*"NumLiveDataNodes" : ([0-9]+).*/\1/p')
		[ "${live:-0}" -ge "$n" ] && curl -s -m 5 "http://127.0.0.1:$http/jmx?qry=Hadoop:service=NameNode,name=NameNodeInfo" |
			grep -q '"Safemode" : ""' && break
		alive namenode
		for ((i = 1; i <= n; i++)); do alive "datanode-$i"; done
		[ "$(now)" -lt "$end" ] || die "${live:-0} of $n datanodes were live after $DEADLINE s"
		sleep 0.2
	done
	cat "$dir/uri"
}

down() {
	local role pid bad=0
	[ -d "$dir" ] || return 0
	dir=$(cd "$dir" && pwd)
	end=$(($(now) + DEADLINE))
	for role in $(roles); do pid=$(pid_of "$role") && kill "$pid" 2>/dev/null; done
	for role in $(roles); do
		while pid=$(pid_of "$role"); do
			if [ "$(now)" -ge "$end" ]; then
				kill -9 "$pid"
				echo "apache.sh: $role did not end in $DEADLINE s and was killed" >&2
				bad=1
				break
			fi
			sleep 0.1
		done
		rm -f "$dir/$role/pid"
	done
	return $bad
}

case $verb in
up) up "$@" ;;
down) down ;;
status)
	dir=$(cd "$dir" 2>/dev/null && pwd) || die "no such directory"
	for role in $(roles); do echo "$role $(pid_of "$role" || echo down)"; done
	;;
shell)
	dir=$(cd "$dir" 2>/dev/null && pwd) || die "no such directory"
	exec java -Djava.net.preferIPv4Stack=true -XX:TieredStopAtLevel=1 -Xshare:auto -Dlog4j.rootLogger=WARN,err \
		-cp "$dir/conf:$HADOOP_LIB/*" org.apache.hadoop.fs.FsShell -fs "$(cat "$dir/uri")" "$@"
	;;
*) usage ;;
esac
