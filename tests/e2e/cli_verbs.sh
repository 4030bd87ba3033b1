#!/usr/bin/env bash
# Every verb of `bdfs` on a cluster of bdfs: what it prints, what it leaves behind, and what it must
# not leave behind.
. "$(dirname "$0")/../lib/e2e.sh" || exit 1
need jq
up --no-agents --block-size 1M
b() { "$bdfs" "$@"; }
says() { # TEXT COMMAND...: exactly this on standard output, exit 0
        local text=$1 got
        shift
        got=$("$@") || fail "exit $? from: $*"
        [ "$got" = "$text" ] || fail "'$got' instead of '$text' from: $*"
}
me=$(id -un)
l=$work/local
mkdir -p "$l/tree/sub/deep" "$l/tree/hollow" "$l/out"
printf 'hello\n' >"$l/small"
: >"$l/empty"
random_file "$l/large" 3500000
for i in $(seq 30); do echo "$i" >"$l/tree/f$i"; done
echo deep >"$l/tree/sub/deep/d"
echo space >"$l/tree/a b"
echo 'star*' >"$l/tree/s*"

# mkdir, ls, rmdir
b mkdir -p /user/"$me" /v/d || fail "mkdir -p"
b mkdir /v/e '/v/with space' || fail "mkdir"
b rmdir '/v/with space' || fail rmdir
says "/v/d
/v/e" b ls -C /v
says "" b ls /v/d
[ "$(b ls -d /v/d | wc -l)" -eq 1 ] || fail "ls -d"
b ls -d /v | grep -Eq "^drwxr-xr-x   - $me supergroup          0 [0-9-]{10} [0-9:]{5} /v\$" || fail "the columns of ls"

# put, get, cat, and their streams
b put "$l/small" "$l/empty" "$l/large" /v/d || fail put
b get /v/d/large "$l/out/large" && same "$l/large" "$l/out/large"
b cat /v/d/small /v/d/large | cmp - <(cat "$l/small" "$l/large") || fail cat
b put - /v/d/stdin <"$l/large" || fail "put -"
b get /v/d/stdin - | cmp - "$l/large" || fail "get -"
b put "$l/small" || fail "put to the home directory"
says hello b cat small
b get small "$l/out/relative" && same "$l/small" "$l/out/relative"
b put -f "$l/large" /v/d/small && b cat /v/d/small | cmp - "$l/large" || fail "put -f"
b put -f "$l/small" /v/d/small || fail "put -f"
b put <(echo from a pipe) /v/d/pipe && says "from a pipe" b cat /v/d/pipe
[ "$(stat -c %a "$l/out/large")" = "$(printf '%o' $((0666 & ~$(umask))))" ] || fail "mode of what get makes"

# directories and many files
b put "$l/tree" /v/t || fail "put a directory"
b get /v/t "$l/out/t" && diff -r "$l/tree" "$l/out/t" || fail "a directory there and back"
b put -f -t 8 "$l/tree" /v || fail "put -t into a directory"
b get -t 8 '/v/tree/f*' "$l/out" && diff <(ls "$l/tree" | grep ^f) <(ls "$l/out" | grep ^f) || fail "get a pattern"
says 's*' b stat %n '/v/tree/s\*'
b rm -r /v/tree >/dev/null || fail "rm -r"
ln -s "$l/tree" "$l/tree/sub/loop"
expect 9 'leads back' "$bdfs" put "$l/tree" /v/loop
rm "$l/tree/sub/loop"
b rm -r /v/loop >/dev/null

# -p keeps times, owner and mode
touch -d '2020-02-03 04:05:06 UTC' "$l/small"
chmod 640 "$l/small"
if b chown "$me:$(id -gn)" /v/d/small 2>/dev/null; then
        b put -p "$l/small" /v/d/kept || fail "put -p"
        says "640 $me $(id -gn) 2020-02-03 04:05:06" b stat '%a %u %g %y' /v/d/kept
        b get -p /v/d/kept "$l/out/kept" || fail "get -p"
        [ "$(stat -c '%a %Y' "$l/out/kept")" = "640 1580702706" ] || fail "get -p: $(stat -c '%a %Y' "$l/out/kept")"
        b cp -p /v/d/kept /v/d/kept2 && says "640 2020-02-03 04:05:06" b stat '%a %y' /v/d/kept2
fi
chmod 644 "$l/small"

# -d writes to the name itself, -l and --replication ask for replicas
b put -d "$l/small" /v/d/direct && b put --replication 2 "$l/small" /v/d/two || fail "put -d, --replication"
says 2 b stat %r /v/d/two
says 1 sh -c "'$bdfs' put -l '$l/small' /v/d/lazy && '$bdfs' stat %r /v/d/lazy"
b -D dfs.replication=1 -D dfs.blocksize=1048576 put "$l/small" /v/d/one || fail "put with -D"
says "1 1048576" b stat '%r %o' /v/d/one
b get -crc /v/d/small "$l/out/crc" && [ "$(head -c 3 "$l/out/.crc.crc")" = crc ] || fail "get -crc"

# moveFromLocal, getmerge
cp -r "$l/tree" "$l/moved"
b moveFromLocal "$l/moved" /v/moved && [ ! -e "$l/moved" ] || fail moveFromLocal
b getmerge -nl /v/moved "$l/merged" && [ "$(grep -c . "$l/merged")" -eq 32 ] || fail "getmerge: $(wc -l "$l/merged")"
b getmerge /v/moved/f1 /v/moved/f2 - | cmp - <(printf '1\n2\n') || fail "getmerge -"

# cp, mv, rm
b cp /v/d/large /v/e/copy && b cat /v/e/copy | cmp - "$l/large" || fail cp
b cp /v/moved /v/e && says "$(cd "$l/tree" && find . -type f | wc -l)" sh -c "'$bdfs' count /v/e/moved | awk '{print \$2}'"
b mv /v/e/copy /v/e/moved/copy2 && b test -f /v/e/moved/copy2 || fail mv
b mv /v/e/moved /v/moved2 && b test -d /v/moved2 || fail "mv a directory"
b mv /v/moved2/f1 /v/moved2/f2 /v/e || fail "mv into a directory"
says "Deleted /v/e/f1" b rm -skipTrash /v/e/f1
b rm -f /v/nothing '/v/nothing*' || fail "rm -f"
b rm -r -skipTrash /v/moved2 /v/moved >/dev/null || fail "rm -r"
b mkdir /v/many && b touchz $(seq -f /v/many/%g 101) || fail "touchz of many"
printf 'n\n' | b rm -r -skipTrash -safely /v/many 2>&1 | grep -q 'Proceed deleting 101 files' || fail "rm -safely asks"
b test -d /v/many && printf 'y\n' | b rm -r -skipTrash -safely /v/many >/dev/null 2>&1 || fail "rm -safely"
expect 1 '' "$bdfs" test -e /v/many

# append, truncate, concat
b append "$l/small" /v/d/log && b append "$l/small" "$l/large" /v/d/log || fail append
printf 'tail\n' | b appendToFile - /v/d/log || fail "append -"
b cat /v/d/log | cmp - <(cat "$l/small" "$l/small" "$l/large" <(printf 'tail\n')) || fail "what was appended"
says "Truncated /v/d/log to length: 8" b truncate -w 8 /v/d/log
says "hello
he" b cat /v/d/log
for i in 1 2 3; do b put --block-size 1M "$l/large" /v/d/c$i; done
b concat /v/d/c1 /v/d/c2 /v/d/c3 && b cat /v/d/c1 | cmp - <(cat "$l/large" "$l/large" "$l/large") || fail concat
expect 1 '' "$bdfs" test -e /v/d/c2

# head, tail, text, touch
says "$(head -c 1024 "$l/large" | sha256sum)" sh -c "'$bdfs' head /v/d/large | sha256sum"
says "$(tail -c 1024 "$l/large" | sha256sum)" sh -c "'$bdfs' tail /v/d/large | sha256sum"
"$bdfs" tail -f -s 100 /v/d/log >"$l/followed" &
follower=$!
at_exit "kill $follower 2>/dev/null"
b append "$l/small" /v/d/log
within 10 grep -q 'hehello' "$l/followed"
kill $follower
gzip -kc "$l/merged" >"$l/merged.gz"
b put "$l/merged.gz" /v/d && b text /v/d/merged.gz | cmp - "$l/merged" || fail "text of gzip"
b text /v/d/log | cmp - <(b cat /v/d/log) || fail "text of text"
printf 'SEQ\6xyz' | b put - /v/d/seq
expect 1 'a sequence file' "$bdfs" text /v/d/seq
head -c 60 "$l/merged.gz" | b put - /v/d/cut.gz
expect 8 'ends at byte 60 before it is complete' "$bdfs" text /v/d/cut.gz
b touchz /v/d/new && b touch -t 20200102:030405 /v/d/new || fail touch
says "$(date -u -d '2020-01-02 03:04:05' '+%Y')" sh -c "'$bdfs' stat %y /v/d/new | cut -c1-4"
b touch -a -t 20210102:030405 /v/d/new && b touch -c /v/d/none || fail "touch -a -c"
expect 1 '' "$bdfs" test -e /v/d/none

# chmod, chown, chgrp, setrep
b chmod 1750 /v/e && says "rwxr-x--T" b stat %A /v/e
b chmod -R u=rwX,go-rwx /v/t && says "700 600" sh -c "'$bdfs' stat %a /v/t /v/t/f1 | paste -sd' '"
b chmod -x /v/e && says 1640 b stat %a /v/e
b chown -R "$me:nogroup" /v/t && says nogroup b stat %g /v/t/sub/deep/d
b chgrp supergroup /v/t && says supergroup b stat %g /v/t
says "Replication 2 set: /v/d/large" b setrep 2 /v/d/large
b setrep -w 2 /v/d/large | grep -q 'done$' || fail "setrep -w"
b setrep -R 1 /v/t >/dev/null && says 1 b stat %r /v/t/f1

# du, df, count, find, stat, checksum, info, fsck, admin, doctor
says "3500000  7000000  /v/d/large" b du /v/d/large
says "6  12  /v/d/two" b du -s /v/d/two
b du -s -h -v /v | head -1 | grep -q '^SIZE ' || fail "du -v"
b df -h | grep -q "^bdfs://" || fail df
b count -q -h -v /v | head -1 | grep -q 'QUOTA *REM_QUOTA' || fail "count -v"
says "/v/t/sub/deep/d" b find /v/t -name d
says "2" sh -c "'$bdfs' find /v/t -iname 'F1?' -print0 | tr '\0' '\n' | grep -c 'f1[12]'"
says "large 3500000 1048576 regular file" b stat '%n %b %o %F' /v/d/large
b checksum -v /v/d/large | grep -Eq $'^/v/d/large\tMD5-of-2048MD5-of-512CRC32C\t[0-9a-f]{56}\tBlockSize=1048576$' ||
        fail "checksum: $(b checksum -v /v/d/large)"
[ "$(b checksum --composite /v/d/large | cut -f3)" = "$(b checksum --composite /v/e/../d/stdin | cut -f3)" ] || fail "composite checksums"
b info /v/d/large | grep -q 'finalized' || fail info
b fsck /v | grep -q 'status: HEALTHY' || fail fsck
b admin report | grep -q 'Live datanodes (3)' || fail "admin report"
says "Safe mode is OFF" b admin safemode
b admin safemode enter >/dev/null && expect 6 'safe mode' "$bdfs" mkdir /v/x
b admin safemode leave >/dev/null && says "Safe mode is OFF" b admin safemode wait
b admin checkpoint | grep -q '^checkpoint at' && b admin digest | grep -Eq '^[0-9a-f]{32,} at' || fail "checkpoint, digest"
b doctor --write >"$l/doctor" || fail "doctor: $(cat "$l/doctor")"
grep -q '^ok *write and read' "$l/doctor" || fail "doctor: $(cat "$l/doctor")"
says yes sh -c "'$bdfs' test -d /v && '$bdfs' test -s /v/d/log && ! '$bdfs' test -z /v/d/log && '$bdfs' test -r /v/d && echo yes"

# the words and dashes of hdfs; full names; patterns
says "hello" b dfs -cat /v/d/two
says "hello" b -cat "$(b df --json | jq -r '.[0].filesystem')/v/d/two"
says "/v/d/c1
/v/d/cut.gz" b ls -C '/v/{d/c*,none}'
says "hello" b cat '/v/[d]/t?o'

# an interruption leaves nothing: neither there nor here
mkfifo "$l/fifo"
sleep 60 >"$l/fifo" &
sleeper=$!
at_exit "kill $sleeper 2>/dev/null"
interruptible "$bdfs" put "$l/fifo" /v/e/half &
putter=$!
within 10 "$bdfs" test -e /v/e/half._COPYING_
kill -INT $putter
wait $putter
[ $? -eq 130 ] || fail "exit code of an interrupted put"
kill $sleeper # or it would hold the pipe open for the next put
expect 3 'No such file' "$bdfs" ls '/v/e/half*'
expect 1 '' "$bdfs" test -e /v/e/half
expect 1 '' "$bdfs" test -e /v/e/half._COPYING_
mkdir "$l/half"
expect 4 'File exists' "$bdfs" get /v/d/large "$l/small"
(ulimit -f 1000 && trap '' XFSZ && "$bdfs" get /v/d/large "$l/half/large" 2>/dev/null) && fail "get with a limit on files"
[ -z "$(ls -A "$l/half")" ] || fail "a failed get left $(ls -A "$l/half")"

# progress appears on a terminal when it takes more than a second, and not otherwise
if command -v script >/dev/null; then
        (for i in $(seq 30); do head -c 100000 "$l/large"; sleep 0.1; done) >"$l/fifo" &
        script -qec "'$bdfs' put '$l/fifo' /v/e/slow" /dev/null >"$l/progress" </dev/null
        grep -q 'B/s' "$l/progress" || fail "no progress was shown"
        script -qec "'$bdfs' put '$l/small' /v/e/fast" /dev/null >"$l/progress" </dev/null
        [ ! -s "$l/progress" ] || fail "progress of a short put"
fi
"$bdfs" help | grep -q checksum && "$bdfs" ls --help | grep -q 'usage: bdfs ls' || fail help
