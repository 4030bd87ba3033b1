#!/bin/bash
# Brings what the interoperability tests need and compiles their Java programs.
#
#   fetch.sh [--python] OUTDIR
#
# OUTDIR/lib       Apache Hadoop's jars, by Maven, at the versions of pom.xml
# OUTDIR/classes   the programs of java/, and a log4j.properties that shows errors only
# OUTDIR/venv      with --python: hdfs-native, pyspark and pyarrow at the versions of requirements.txt
#
# What is there already is not fetched again.  Exits 77 where the machine has no JDK, Maven or (with --python) venv: the tests are skipped there.
set -eu
here=$(cd "$(dirname "$0")" && pwd)

python=no
[ "${1:-}" = --python ] && { python=yes; shift; }
[ $# -eq 1 ] || { sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2; }

skip() { echo "fetch.sh: $1 is not installed: the interoperability tests cannot run here" >&2; exit 77; }
command -v javac >/dev/null || skip "a JDK (javac)"
command -v java >/dev/null || skip java

mkdir -p "$1"
out=$(cd "$1" && pwd)

# One fetch at a time in a directory.
exec 9>"$out/.lock"
command -v flock >/dev/null && flock 9

# fresh STAMP FILE: whether STAMP was left by a run with this content of FILE
fresh() { [ -f "$1" ] && [ "$(cat "$1")" = "$(sha256sum <"$2")" ]; }
stamp() { sha256sum <"$2" >"$1"; }

if ! fresh "$out/lib.stamp" "$here/pom.xml"; then
	command -v mvn >/dev/null || skip "Maven (mvn)"
	rm -rf "$out/lib" "$out/lib.new"
	mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$out/lib.new"
	mv "$out/lib.new" "$out/lib"
	stamp "$out/lib.stamp" "$here/pom.xml"
fi

sources=$(cat "$here"/java/*.java "$here/pom.xml" | sha256sum)
if [ "$(cat "$out/classes.stamp" 2>/dev/null)" != "$sources" ]; then
	rm -rf "$out/classes"
	mkdir -p "$out/classes"
	# Hadoop's jars refer to annotation classes that are not in them; that is the only kind of warning left out.
	javac -Xlint:all,-classfile,-processing,-path,-serial,-try -Xmaxwarns 1000 -proc:none -cp "$out/lib/*" -d "$out/classes" "$here"/java/*.java \
		2>"$out/javac.log" || { cat "$out/javac.log" >&2; exit 1; }
	cat >"$out/classes/log4j.properties" <<-'EOF'
	log4j.rootLogger=ERROR,err
	log4j.appender.err=org.apache.log4j.ConsoleAppender
	log4j.appender.err.target=System.err
	log4j.appender.err.layout=org.apache.log4j.PatternLayout
	log4j.appender.err.layout.ConversionPattern=%d %p %c{1}: %m%n
	EOF
	echo "$sources" >"$out/classes.stamp"
fi

if [ "$python" = yes ] && ! fresh "$out/venv.stamp" "$here/requirements.txt"; then
	command -v python3 >/dev/null || skip python3
	rm -rf "$out/venv"
	python3 -m venv "$out/venv" || skip "python3-venv"
	"$out/venv/bin/pip" -q --disable-pip-version-check install -r "$here/requirements.txt"
	stamp "$out/venv.stamp" "$here/requirements.txt"
fi
