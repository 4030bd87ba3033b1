#!/usr/bin/env bash
# Verbs and operands of Hadoop's shell that are seldom used: file://, moves out of the cluster, old names,
# -help and -usage, times that do not exist.
source "$(dirname "$0")/../lib/e2e.sh"
need jq

up --datanodes 1 --no-agents --trash off
b() { "$bdfs" "$@"; }
mkdir -p "$work/l/d" && printf 'one\n' >"$work/l/one" && random_file "$work/l/d/large" 2000000 && : >"$work/l/d/[odd] name"
b put "$work/l" /l || fail put

# ---- file://
[ "$(b ls -C "file://$work/l")" = "$(printf '%s\n' "file://$work/l/d" "file://$work/l/one")" ] || fail "ls of file://: $(b ls -C "file://$work/l")"
b ls "file://$work/l" | grep -Eq "^-rw.* 4 .* file://$work/l/one\$" || fail "ls -l of file://: $(b ls "file://$work/l")"
[ "$(b ls -R -C "file:$work/l" | wc -l)" -eq 4 ] || fail "ls -R of file:"
[ "$(b ls -C "file://$work/l/{on*,none}")" = "file://$work/l/one" ] || fail "a local pattern"
[ "$(b ls --json "file://$work/l/one" | jq -r '.[0].length')" = 4 ] || fail "ls --json of file://"
expect 3 "^ls: .file://$work/none.: No such file or directory" "$bdfs" ls "file://$work/none"
expect 3 "No such file or directory" "$bdfs" ls "file://$work/none*"
b cp "file://$work/l/one" /copy && [ "$(b cat /copy)" = one ] || fail "cp file:// to the cluster"
b cp /l/d "file://$work/back" && same "$work/back/large" "$work/l/d/large" && [ -e "$work/back/[odd] name" ] || fail "cp to file://"
b cp "file://$work/l/d" "file://$work/local" && same "$work/local/large" "$work/l/d/large" || fail "cp from file:// to file://"
b cp "file://$work/l/d/[[]odd] name" /odd && b test -e /odd || fail "a pattern that names one"
expect 4 'File exists' "$bdfs" cp /copy "file://$work/l/one"
[ "$(cat "$work/l/one")" = one ] || fail "cp went over a local file"
b cp -f /l/d/large "file://$work/l/one" && same "$work/l/one" "$work/l/d/large" || fail "cp -f to file://"
ln -s "$work/l/d" "$work/link"
for inner in "$work/l/d/e" "$work/link/e"; do
        expect 2 'is a subdirectory of itself' "$bdfs" cp "file://$work/l" "file://$inner"
        [ ! -e "$work/l/d/e" ] || fail "cp into itself"
done
for line in "rm" "cat" "mkdir" "stat" "chmod 600" "du" "mv" "touch" "text" "count"; do
        read -ra words <<<"$line"
        expect 2 'only bdfs:// and hdfs:// are known' "$bdfs" "${words[@]}" "file://$work/l/d/large" "file://$work/l/d/x"
done
[ -e "$work/l/d/large" ] || fail "a verb that is not for local files removed one"

# ---- moveToLocal
b moveToLocal /l/d "$work/moved" && same "$work/moved/large" "$work/l/d/large" || fail moveToLocal
expect 1 '' "$bdfs" test -e /l/d
mkdir "$work/closed" && : >"$work/closed/copy"
expect 4 'File exists' "$bdfs" moveToLocal /copy "$work/closed/copy"
b test -e /copy || fail "moveToLocal removed what it did not copy"
expect 2 'needs a place' "$bdfs" moveToLocal /copy -
b moveToLocal /copy "$work/copy" && [ "$(cat "$work/copy")" = one ] || fail "moveToLocal of a file"
expect 1 '' "$bdfs" test -e /copy
expect 3 'No such file' "$bdfs" moveToLocal /copy "$work/copy2"

# ---- old names
b mkdir -p /o/p && b put "$work/copy" /o/p/f
[ "$(b lsr /o 2>"$work/said")" = "$(b ls -R /o)" ] && [ "$(cat "$work/said")" = "lsr: DEPRECATED: Please use 'ls -R' instead." ] || fail "lsr: $(cat "$work/said")"
[ "$(b dfs -dus /o 2>"$work/said")" = "$(b du -s /o)" ] && [ "$(cat "$work/said")" = "dus: DEPRECATED: Please use 'du -s' instead." ] || fail dus
expect 0 "^rmr: DEPRECATED: Please use '-rm -r' instead.
Deleted /o" "$bdfs" rmr -skipTrash /o

# ---- -help, -usage, version
for words in "dfs -help ls" "-help ls" "fs help ls" "help ls" "--conf x help ls"; do
        # shellcheck disable=SC2086
        [ "$(b $words)" = "$(b ls --help)" ] || fail "$words"
done
for words in "dfs -usage ls" "-usage ls" "usage -ls"; do
        # shellcheck disable=SC2086
        [ "$(b $words)" = "$(b ls --help | head -n 1)" ] || fail "$words"
done
[ "$(b dfs -usage | wc -l)" -gt 40 ] || fail "-usage of all"
[ "$(b dfs -help)" = "$(b help)" ] || fail "-help of all"
for words in "version" "--version" "-version" "dfs -version"; do
        # shellcheck disable=SC2086
        [[ $(b $words) =~ ^bdfs\ [0-9]+\. ]] || fail "$words: $(b $words)"
done
expect 2 'no such verb' "$bdfs" dfs -help bogus
expect 2 'no such verb' "$bdfs" -usage bogus

# ---- times
for t in 20240230:000000 20230229:120000 20241301:000000 20240100:000000 20240101:240000 20240101:006000 20240101:000060; do
        expect 2 "there is no time $t" "$bdfs" touch -t $t /t
done
for t in 19691231:000000 19000101:000000 00010101:000000; do
        expect 2 "$t is before 1970" "$bdfs" touch -t $t /t
done
for t in 2024-01-01 20240101 20240101:0000 '20240101:000000 ' ' 20240101:000000' 2024011:0000000 x; do
        expect 2 'expected format is yyyyMMdd:HHmmss' "$bdfs" touch -t "$t" /t
done
expect 1 '' "$bdfs" test -e /t
TZ=UTC b touch -t 20240229:235959 /t && [ "$(b stat '%Y' /t)" = 1709251199000 ] || fail "touch -t: $(b stat '%Y' /t)"
printf 'old\n' >"$work/old" && touch -d '1965-03-04 05:06:07' "$work/old"
expect 2 "old.: its times are from before 1970" "$bdfs" put -p "$work/old" /old
expect 1 '' "$bdfs" test -e /old
b put "$work/old" /old && [ "$(b stat '%Y' /old)" -gt 1700000000000 ] || fail "put of an old file"

# ---- -conf
cat >"$work/site.xml" <<END
<?xml version="1.0"?>
<!-- <property><name>dfs.replication</name><value>0</value></property> -->
<configuration>
  <property><name>dfs.namenode.name.dir</name><value>/x</value></property>
  <property><name>fs.permissions.umask-mode</name> <value> 077 </value><final>true</final></property>
  <property><name>fs.trash.interval</name><value>60</value></property>
  <property><name>dfs.hosts</name><value>\${x}&amp;y</value></property>
</configuration>
END
b -conf "$work/site.xml" touchz /conf && [ "$(b stat '%a' /conf)" = 600 ] || fail "-conf: the umask"
b mkdir -p "/user/$(id -un)"
expect 0 '^Moved: ' "$bdfs" dfs -conf "$work/site.xml" -rm /conf
b dfs -conf "$BDFS_CONF" -ls / >/dev/null || fail "-conf of bdfs's own"
sed -i 's/ 077 /77/' "$work/site.xml"
expect 2 "site.xml: fs.permissions.umask-mode=77: it takes" "$bdfs" -conf "$work/site.xml" ls /
expect 3 "^bdfs: -conf $work/none.xml: " "$bdfs" -conf "$work/none.xml" ls /
printf '<x/>' >"$work/x.xml"
expect 2 'it has no <configuration>' "$bdfs" -conf "$work/x.xml" ls /
printf '<configuration><property><name>a</name>' >"$work/x.xml"
expect 2 'without its end' "$bdfs" -conf "$work/x.xml" ls /

# ---- count -t, as Apache HDFS 3.4.1 prints it
says() { local want=$1 got; shift; got=$("$@" 2>/dev/null); [ "$got" = "$want" ] || fail "$* printed '$got'"; }
b mkdir /n
says "           1            0                  0 /n" b count -t /n
says "          none                inf           none                inf           none                inf           none                inf           none                inf /n" b count -q -t /n
says "     SSD_QUOTA      REM_SSD_QUOTA     DISK_QUOTA     REM_DISK_QUOTA PATHNAME
          none                inf           none                inf /n" b count -q -v -t SSD,disk /n
says " ARCHIVE_QUOTA  REM_ARCHIVE_QUOTA PATHNAME
          none                inf /n" b count -v -u -t ARCHIVE /n
says "   DIR_COUNT   FILE_COUNT       CONTENT_SIZE PATHNAME
           1            0                  0 /n" b count -v -t SSD /n
says "     SSD_QUOTA      REM_SSD_QUOTA ERASURECODING_POLICY    SNAPSHOT_LENGTH      SNAPSHOT_FILE_COUNT       SNAPSHOT_DIR_COUNT      SNAPSHOT_SPACE_CONSUMED PATHNAME
          none                inf                  EC:                  0                        0                        0                            0 /n" b count -q -h -v -t SSD -s -e /n
expect 2 'bogus: no type of storage' "$bdfs" count -q -t bogus /n
