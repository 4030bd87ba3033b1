#!/usr/bin/env bash
# Every verb of `bdfs` in plain mode beside FsShell (what `hdfs dfs` runs): the same commands on the
# same tree of one server must print the same and agree on success.
#
#   cli_parity.sh [URI]     hdfs://host:port of a running server, by default an Apache HDFS is started
#
# Commands that only read are run on one tree, /parity/r. Commands that change something are run by
# each on a tree of its own, /parity/ours and /parity/theirs, which must be alike in the end. Lines
# of stderr that begin with two spaces are bdfs's advice and are not compared; neither are usage
# texts, times in the trees that change, the dots of waiting, and the numbers of df.
#
# HADOOP_LIB is the directory of Hadoop's jars, as for apache.sh. Exits 77 without Java or the jars.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
bdfs=${BDFS_BUILD:-$root/build}/bdfs
HADOOP_LIB=${HADOOP_LIB:-$root/build/interop/lib}
export HADOOP_LIB
command -v java >/dev/null || { echo "java is not installed"; exit 77; }
command -v javac >/dev/null || { echo "a JDK (javac) is not installed"; exit 77; }
ls "$HADOOP_LIB"/hadoop-hdfs-3*.jar >/dev/null 2>&1 ||
        { echo "no Hadoop jars in $HADOOP_LIB: run fetch.sh, or set HADOOP_LIB"; exit 77; }
[ -x "$bdfs" ] || { echo "$bdfs is not built"; exit 77; }

work=$(mktemp -d "${TMPDIR:-/tmp}/cli-parity.XXXXXX") || exit 2
started=
clean_up() {
        [ -n "$started" ] && "$here/apache.sh" down "$work/apache"
        rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 1' INT TERM

uri=${1:-}
if [ -z "$uri" ]; then
        started=yes
        uri=$("$here/apache.sh" up "$work/apache" 3) || { echo "no Apache HDFS"; exit 1; }
fi
export TZ=${TZ:-Europe/Berlin}

# ---- FsShell, many commands in one JVM ---------------------------------------------------------
mkdir -p "$work/java" "$work/conf" "$work/out"
cat >"$work/conf/log4j.properties" <<'END'
log4j.rootLogger=ERROR,err
log4j.appender.err=org.apache.log4j.ConsoleAppender
log4j.appender.err.target=System.err
log4j.appender.err.layout=org.apache.log4j.PatternLayout
END
cat >"$work/java/Shells.java" <<'END'
import java.io.*;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FsShell;
import org.apache.hadoop.util.ToolRunner;

public final class Shells {
  /** Each line of the file: number, TAB, file for standard input or "-", TAB, arguments with TABs between. */
  public static void main(String[] args) throws Exception {
    PrintStream out = System.out, err = System.err;
    for (String line : Files.readAllLines(Paths.get(args[1]), StandardCharsets.UTF_8)) {
      String[] words = line.split("\t", -1);
      String[] command = java.util.Arrays.copyOfRange(words, 2, words.length);
      String base = args[2] + "/" + words[0] + ".theirs";
      try (PrintStream o = new PrintStream(base + ".out", "UTF-8"); PrintStream e = new PrintStream(base + ".err", "UTF-8");
           InputStream in = words[1].equals("-") ? new ByteArrayInputStream(new byte[0]) : new FileInputStream(words[1])) {
        System.setOut(o);
        System.setErr(e);
        System.setIn(in);
        Configuration conf = new Configuration();
        conf.set("fs.defaultFS", args[0]);
        conf.setQuietMode(false);
        int code = ToolRunner.run(new FsShell(conf), command);
        Files.write(Paths.get(base + ".code"), String.valueOf(code).getBytes());
      }
    }
    System.setOut(out);
    System.setErr(err);
  }
}
END
javac -nowarn -proc:none -cp "$HADOOP_LIB/*" -d "$work/java" "$work/java/Shells.java" 2>"$work/javac.log" ||
        { cat "$work/javac.log"; exit 1; }

fsshell_all() {
        java -Djava.net.preferIPv4Stack=true -XX:TieredStopAtLevel=1 -Xshare:auto -Dfile.encoding=UTF-8 \
                -Dsun.jnu.encoding=UTF-8 -cp "$work/java:$work/conf:$HADOOP_LIB/*" Shells "$uri" "$1" "$work/out"
}

# ---- commands -----------------------------------------------------------------------------------
n=0
: >"$work/commands"
: >"$work/names"

# both [-in FILE] ARGS...: @ is the tree (ours or theirs), L the local directory (ours or theirs)
both() {
        local in=- mine=() theirs=() word
        if [ "$1" = -in ]; then in=$2; shift 2; fi
        n=$((n + 1))
        for word in "$@"; do
                word=${word//@L/$work/local}
                mine+=("${word//@/\/parity\/ours}")
                theirs+=("${word//@/\/parity\/theirs}")
        done
        mine=("${mine[@]//$work\/local/$work/local/ours}")
        theirs=("${theirs[@]//$work\/local/$work/local/theirs}")
        theirs[0]=-${theirs[0]}
        [ "${theirs[0]}" = -append ] && theirs[0]=-appendToFile
        printf '%s\t%s\n' "$n" "$*" >>"$work/names"
        (
                IFS=$'\t'
                printf '%s\t%s\t%s\n' "$n" "$in" "${theirs[*]}"
        ) >>"$work/commands"
        [ "$in" = - ] && in=/dev/null
        "$bdfs" --uri "$uri" -q "${mine[@]}" <"$in" >"$work/out/$n.ours.out" 2>"$work/out/$n.ours.err"
        echo $? >"$work/out/$n.ours.code"
}
# read ARGS...: R is the tree that both read
reads() {
        local words=() word
        for word in "$@"; do words+=("${word//R\//\/parity\/r\/}"); done
        both "${words[@]}"
}

make_local() {
        mkdir -p "$1/tree/sub/deep" "$1/tree/empty"
        printf 'hello\n' >"$1/small"
        : >"$1/empty"
        seq 1 5000 >"$1/words"
        gzip -kn "$1/words"
        head -c 200000 /dev/zero | tr '\0' 'x' >"$1/large"
        for i in 1 2 3; do printf 'file %s\n' "$i" >"$1/tree/f$i"; done
        printf 'deep\n' >"$1/tree/sub/deep/d"
        printf 'with space\n' >"$1/tree/a b"
        cp "$1/small" "$1/moved"
        cp -r "$1/tree" "$1/movedtree"
        touch -d '2020-02-03 04:05:06 UTC' "$1/small" "$1/tree/f1"
}
make_local "$work/local/ours"
make_local "$work/local/theirs"

setup() { "$bdfs" --uri "$uri" -q "$@" || { echo "setup failed: $*"; exit 1; }; }
"$bdfs" --uri "$uri" rm -r -f -skipTrash /parity >/dev/null 2>&1
setup mkdir -p "/user/$(id -un)" /parity/r/d/e/f /parity/r/hollow /parity/ours /parity/theirs "/parity/r/with space"
l=$work/local/ours
setup put "$l/small" "$l/empty" "$l/large" "$l/words" "$l/words.gz" /parity/r
setup put "$l/small" /parity/r/d/a1
setup put "$l/large" /parity/r/d/a2
setup put "$l/small" /parity/r/d/b1
setup put "$l/small" /parity/r/d/e/f/deep
setup put "$l/small" "/parity/r/with space/x y"
setup put "$l/small" '/parity/r/d/st\*r'
setup put "$l/small" /parity/r/ünï
setup append "$l/words" /parity/r/words
setup append "$l/small" /parity/r/large
setup mkdir /parity/r/t # nobody reads these: their access times stay
setup put "$l/small" "$l/large" "$l/empty" /parity/r/t
setup touch -t 20210102:030405 /parity/r/t/small
setup touch -t 19991231:235959 /parity/r/t/empty
setup setrep 2 /parity/r/d/a2 >/dev/null
setup chmod 1777 /parity/r/hollow
setup chmod 640 /parity/r/d/b1
setup chown nobody:nogroup /parity/r/d/b1
setup touch -t 20210102:030405 /parity/r/d/a1
setup chown root:root /parity/r/d/a1
setup touch -t 19991231:235959 /parity/r/d/b1

echo "reading"
reads ls R/
reads ls R/d
reads ls -R R/
reads ls -R -C R/
reads ls -C R/d
reads ls -d R/d R/hollow
reads ls -h R/
reads ls -t R/d
reads ls -t -r R/d
reads ls -S R/d
reads ls -S -r R/d
reads ls -r R/d
reads ls -u R/t
reads ls -t -u R/t
reads ls -r -t -u R/t
reads ls -R -t R/d
reads ls -q R/
reads ls R/small R/large
reads ls 'R/d/a*'
reads ls 'R/d/{a1,b1}'
reads ls 'R/d/[ab]?'
reads ls 'R/d/[!a]*'
reads ls 'R/{d/e,hollow}'
reads ls 'R/*/a1'
reads ls 'R/d/st\*r'
reads ls 'R/with space'
reads ls -R 'R/w*'
reads ls R/hollow
reads ls R/missing
reads ls 'R/missing*'
reads ls R/missing R/small
reads ls R/d R/d/e
reads ls R/d/.. R/d/./e
reads ls
reads ls -e R/small
reads ls R/d/
reads ls R//d//e
reads ls "$uri/parity/r/d"
reads ls "$uri/parity/r/d/a*"
reads ls R/small/x
reads ls -z R/
reads cat R/small
reads cat R/small R/large
reads cat 'R/d/*1'
reads cat R/d
reads cat R/missing
reads cat R/empty
reads cat R/words
reads text R/small
reads text R/words.gz
reads text R/d
reads head R/words
reads head R/small
reads head R/d
reads head R/missing
reads tail R/words
reads tail R/small
reads tail R/empty
reads tail R/d
reads du R/
reads du -s R/
reads df
reads df -h R/d
reads df R/missing
reads test -w R/missing
reads test -z R/empty
reads du -h R/
reads du -s -h -v R/ R/d
reads du -v R/d
reads du -x R/d
reads du R/small
reads du R/missing
reads du R/empty
reads count R/
reads count -q R/
reads count -q -h R/
reads count -q -h -v R/ R/d
reads count -u -v R/
reads count -u -h R/
reads count -v R/d
reads count -h R/
reads count -x R/
reads count -q -x R/
reads count 'R/d/*'
reads count R/missing
reads count -e R/small
reads count -s -v R/
reads count -e -v R/d R/small
reads stat R/small
reads stat '%a %A %b %F %g %n %o %r %u %x %X %y %Y %%' R/small R/d R/hollow
reads stat '%F %z %n%' R/d/b1
reads stat -R '%n %b' R/d
reads stat R/missing
reads stat '%n' 'R/d/a*'
reads test -e R/small
reads test -e R/missing
reads test -d R/d
reads test -d R/small
reads test -f R/small
reads test -f R/d
reads test -s R/small
reads test -s R/empty
reads test -z R/small
reads test -r R/small
reads test -w R/small
reads test R/small
reads test -e -d R/small
reads checksum R/small R/large R/words
reads checksum -v R/small
reads checksum 'R/d/*1'
reads checksum R/d
reads checksum R/missing
reads find R/
reads find R/ -name 'a*'
reads find R/ -iname 'A*'
reads find R/ -name '*' -name '?1' -print
reads find R/ -name a1 -a -name 'a?'
reads find R/d -print0
reads find R/missing
reads find R/small R/d -name 'b*'
reads find R/ -nonsense
reads getmerge R/d @L/merged
reads getmerge -nl R/small R/empty R/d @L/merged2
reads getmerge -nl -skip-empty-file R/small R/empty R/d @L/merged3
reads getmerge R/missing @L/merged4
reads get R/small @L/got
reads get R/small @L/got
reads get -f R/large @L/got
reads get -p R/d/a1 @L/kept
reads get -p R/d/b1 @L/kept2
reads get R/d @L/gotdir
reads get 'R/d/a*' R/small @L/tree
reads get R/missing @L/none
reads get R/small R/large @L/nodir
reads get R/small @L/no/such/place
reads get -crc R/small @L/withsum

reads get R/d/a2 R/empty @L/tree
reads get -f R/d/a1 @L/tree/

echo "writing"
both mkdir @/d @/e
both mkdir @/d
both mkdir -p @/d @/d/x/y
both mkdir @/none/x
both mkdir '@/with space'
both mkdir @/d/x/file/
both put @L/small @/d
both put @L/small @/d
both put -f @L/small @/d
both put @L/none @/d
both put @L/small @/none/x/y
both put @L/small @/none
both put @L/small @/none/
both put @L/empty @L/large @/d
both put @L/empty @L/small @/d/small
both put @L/empty @L/small @/nothere
both put -d @L/small @/d/direct
both put -p @L/small @/d/kept
both put @L/tree @/t
both put @L/tree @/t
both put -f @L/tree @/t
both put -p @L/tree @/kepttree
both put -l @L/small @/d/lazy
both -in "$work/local/ours/words" put - @/d/stdin
both -in "$work/local/ours/words" put - @/d/stdin
both put @L/small '@/d/{x,y}'
both copyFromLocal @L/small @/d/cfl
both moveFromLocal @L/moved @/d
both moveFromLocal @L/movedtree @/d/mt
both put @L/words.gz @/d
both ls @
both cp @/d/small @/d/copy
both cp @/d/small @/d/copy
both cp -f @/d/large @/d/copy
both cp @/d @/dcopy
both cp @/d @/d/inside
both cp @/d/small @/d/large @/e
both cp @/d/small @/missing/x
both cp -p @/d/kept @/e/kept2
both cp -ptop @/d/kept @/e/kept3
both cp @/d/none @/e
both cp '@/d/s*' @/e/
both mv @/d/copy @/d/copy2
both mv @/d/copy2 @/e
both mv @/d/none @/e
both mv @/d/small @/d/large
both mv @/d/small @/e
both mv @/e @/e/x
both mv @/e/kept2 @/e/kept3 @/t
both mv @/e/kept2 @/none/x
both mv @/t @/t2
both append @L/small @/e/appended
both appendToFile @L/small @L/words @/e/appended
both -in "$work/local/ours/small" appendToFile - @/e/appended
both appendToFile @L/none @/e/appended
both appendToFile @L/small @/e
both touch @/e/touched
both touch -t 20200102:030405 @/e/touched
both touch -a -t 20200102:030406 @/e/touched
both touch -m -t 20200102:030407 @/e/touched
both stat '%X %Y' @/e/touched
both touch -c @/e/untouched
both touch @/none/x
both touch -t yesterday @/e/touched
both touchz @/e/z @/e/touched
both touchz @/d/large
both touchz @/d
both touchz @/none/x
both truncate -w 100 @/d/large
both truncate 1000000 @/d/large
both truncate -w 0 @/d/large
both truncate 10 @/d
both truncate 10 @/none
both truncate x @/d/large
both put -f @L/large @/e/c1
both put -f @L/words @/e/c2
both put -f @L/small @/e/c3
both concat @/e/c1 @/e/c2 @/e/c3
both concat @/e/c1 @/e/none @/e/c3
both concat @/e/c1 @/e/touched
both cat @/e/c1
both chmod 600 @/e/c1
both chmod u+x,g=rw,o-r @/e/c1
both chmod +t @/e
both chmod -R go-w,a+X @/t2
both chmod 7777 @/e/c1
both chmod 600 @/none
both chmod -x @/e/c1
both chmod rwx @/e/c1
both chown nobody @/e/c1
both chown :nogroup @/e/c1
both chown -R root:supergroup @/t2
both chown 'a b' @/e/c1
both chown nobody @/none
both chgrp nogroup @/e/touched
both chgrp : @/e/touched
both setrep 2 @/e/c1
both setrep -R 2 @/t2
both setrep -w 3 @/e/c1
both setrep 0 @/e/c1
both setrep 2 @/none
both rmdir @/t2
both rmdir @/t2/f1
both rmdir @/t2/empty
both rmdir @/none
both rmdir --ignore-fail-on-non-empty @/t2
both rm @/d/direct
both rm @/d/none
both rm -f @/d/none
both rm @/t2
both rm -f '@/d/none*'
both rm '@/d/none*'
both rm -r @/t2 @/dcopy
both rm -r @/e/kept3 @/e/none
both rm -R -skipTrash @/d/x
both rm '@/d/k*'
both mkdir -p /user/root/relative/a
both put @L/small relative/a
both ls relative
both ls 'relative/*'
both ls -R relative
both stat '%n %b' relative/a/small ../root/relative
both mv relative/a/small relative/b
both rm -r relative
both mkdir relative/x/y
both nosuchverb @/d
both find @ -name '*' -print

echo "FsShell"
fsshell_all "$work/commands" || { echo "FsShell failed"; exit 1; }

# ---- comparison -------------------------------------------------------------------------------------
times='s/[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}(:[0-9]{2})?/TIME/g'
plain() { # what is each one's own, from a file
        local keep=$2
        sed -E -e 's#/parity/(ours|theirs)#/parity/w#g' -e 's#local/(ours|theirs)#local#g' \
                -e 's/^(Waiting for .* \.\.\.)[. ]*done$/\1 done/' -e 's/(Waiting for .* \.\.\.)\.*$/\1/' \
                -e "$keep" "$1"
}
first_lines() { # of stderr: without advice, usage and what Java says about options
        plain "$1" "$times" | grep -Ev '^  |^[Uu]sage: |^	\[|^Generic options|^-(conf|D|fs|jt|files|libjars|archives) <|^$|^The general command line|^command \[genericOptions' |
                sed -E -e 's/^-([a-zA-Z]+: )/\1/'
}

# Where ours says more, or is no worse.
meant() {
        case $1 in
        "appendToFile @L/none"*) echo "FsShell says the bare name, without what is wrong" ;;
        "appendToFile @L/small @/e") echo "FsShell prints the server's sentence" ;;
        "truncate x"*) echo "FsShell adds Java's own words" ;;
        "chmod 7777"* | "chmod rwx"*) echo "FsShell says the verb twice" ;;
        "concat @/e/c1 @/e/touched") echo "FsShell puts its usage into the sentence" ;;
        "nosuchverb"*) echo "there is no verb to name before the text" ;;
        *) return 1 ;;
        esac
}

same=0 different=0 intended=0
while IFS=$'\t' read -r i name; do
        o=$work/out/$i
        edit=
        case $name in
        *@* | *relative*) edit=$times ;;
        df*) edit='s/[0-9]+(\.[0-9]+)?( [KMGTP])?/N/g; s/ +/ /g' ;;
        esac
        why=
        if ! diff <(plain "$o.theirs.out" "$edit") <(plain "$o.ours.out" "$edit") >"$o.diff"; then why="stdout"; fi
        if ! diff <(first_lines "$o.theirs.err") <(first_lines "$o.ours.err") >"$o.diff.err"; then why="$why stderr"; fi
        [ "$(cat "$o.theirs.code")" = 0 ] && t=0 || t=1
        [ "$(cat "$o.ours.code")" = 0 ] && m=0 || m=1
        [ "$t" = "$m" ] || why="$why exit(theirs $(cat "$o.theirs.code"), ours $(cat "$o.ours.code"))"
        if [ -z "$why" ]; then
                same=$((same + 1))
        elif [ "$why" = " stderr" ] && reason=$(meant "$name"); then
                intended=$((intended + 1))
                printf 'meant     %s: %s\n' "$name" "$reason"
        else
                different=$((different + 1))
                printf 'DIFFERENT %s: %s\n' "$name" "$why"
                sed 's/^/    /' "$o.diff" "$o.diff.err" | head -n 12
        fi
done <"$work/names"

tree() {
        "$bdfs" --uri "$uri" ls -R "/parity/$1" | sed -E -e "s#/parity/$1#/parity/w#" -e "$times"
        "$bdfs" --uri "$uri" find "/parity/$1" | while IFS= read -r f; do
                "$bdfs" --uri "$uri" test -f "$f" && "$bdfs" --uri "$uri" checksum "$f" | sed "s#/parity/$1#/parity/w#"
        done
}
tree ours >"$work/tree.ours"
tree theirs >"$work/tree.theirs"
diff "$work/tree.theirs" "$work/tree.ours" >"$work/tree.diff"
trees=$?
[ "$trees" = 0 ] || { echo "DIFFERENT trees in the end"; sed 's/^/    /' "$work/tree.diff" | head -n 40; }
(cd "$work/local/ours" && find . -type f ! -name '.merged*.crc' | LC_ALL=C sort | xargs -d '\n' sha256sum) >"$work/l.ours"
(cd "$work/local/theirs" && find . -type f ! -name '.merged*.crc' | LC_ALL=C sort | xargs -d '\n' sha256sum) >"$work/l.theirs"
diff "$work/l.theirs" "$work/l.ours" >"$work/l.diff"
locals=$?
[ "$locals" = 0 ] || { echo "DIFFERENT local files in the end"; sed 's/^/    /' "$work/l.diff" | head -n 40; }
echo "$same commands print the same, $intended differ on purpose, $different differ; trees $([ $trees = 0 ] && echo alike || echo differ), local files $([ $locals = 0 ] && echo alike || echo differ)"
[ -z "${PARITY_KEEP:-}" ] || cp -r "$work" "$PARITY_KEEP"
[ "$different" = 0 ] && [ "$trees" = 0 ] && [ "$locals" = 0 ]
