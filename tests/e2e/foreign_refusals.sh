#!/usr/bin/env bash
# What Debian's `hdfs` (gohdfs) and rclone say, and with which exit code, of what is missing, is there
# already, is not empty, is of the other kind or is another's: command by command as they do it of an
# Apache HDFS 3.4.1. What was refused has changed nothing.
. "$(dirname "$0")/../lib/e2e.sh" || exit 1
need hdfs
need rclone
need jq
need setpriv
[ "$(id -u)" -eq 0 ] || skip "being another user needs root"
chmod 755 "$work"
up --no-agents --hadoop loopback --block-size 1M
export HADOOP_NAMENODE=127.0.0.1:$(port namenode 0 hadoop)
for user in root nobody; do
        printf '[r]\ntype = hdfs\nnamenode = %s\nusername = %s\n' "$HADOOP_NAMENODE" $user >"$work/$user.conf"
done
other=(setpriv --reuid=65534 --regid=65534 --clear-groups env HADOOP_USER_NAME=nobody
        RCLONE_CONFIG="$work/nobody.conf")
me=(env RCLONE_CONFIG="$work/root.conf")
mkdir -m 777 "$work/here" && cd "$work/here" || fail "a directory"
mkdir dir && printf x >one && printf y >dir/f || fail "files"

# as PROGRAM WHO...: reads lines CODE|COMMAND|TEXT; each command ends so and says
# the text: first with hdfs, last with rclone
as() {
        local program=$1 code command text got rc which=head
        shift
        [ "$program" = hdfs ] || which=tail
        while IFS='|' read -r code command text; do
                rm -rf zz
                # shellcheck disable=SC2086
                got=$("$@" $program $command </dev/null 2>&1)
                rc=$?
                got=$(sed -E -e 's#^[0-9/]+ [0-9:]+ ##' <<<"$got" |
                        grep -v '^$\|Transferred\|Elapsed\|Errors\|Checks' | $which -n 1)
                [ "$rc|$got" = "$code|${text/HERE/$PWD}" ] ||
                        fail "$program $command: '$rc|$got' instead of '$code|$text'"
                said=$((said + 1))
        done
}
said=0

hdfs mkdir -p /e/d/x /closed && hdfs put one /e/f && hdfs put one /e/g && hdfs put one /closed/f &&
        hdfs chmod 700 /closed || fail "preparing"
as hdfs "${me[@]}" <<'END'
1|ls /none|stat /none: file does not exist
1|cat /none|open /none: file does not exist
1|head /none|open /none: file does not exist
1|tail /none|open /none: file does not exist
1|get /none zz|open /none: file does not exist
1|getmerge /none zz|open /none: file does not exist
1|checksum /none|open /none: file does not exist
1|du /none|stat /none: file does not exist
1|rm /none|remove /none: file does not exist
1|rm -r /none|remove /none: file does not exist
0|rm -f /none|
1|mv /none /x|rename /none: file does not exist
1|mkdir /no/x|mkdir /no/x: file does not exist
1|touch /no/x|create /no/x: file does not exist
1|chmod 600 /none|stat /none: file does not exist
1|chown a:b /none|stat /none: file does not exist
1|truncate 1 /none|truncate /none: file does not exist
1|put one /no/x|create /no/x: file does not exist
1|put none /e|lstat HERE/none: no such file or directory
1|mkdir /e|mkdir /e: file already exists
1|put one /e/f|mkdir /e/f: file already exists
1|mkdir /e/f|mkdir /e/f: file already exists
0|mv /e/g /e/f|
1|put dir /e/f|mkdir /e/f: file already exists
0|get /e/f one|
1|rm /e|remove /e: file is a directory
1|rm /e/d|remove /e/d: file is a directory
1|rm /e/d/x|remove /e/d/x: file is a directory
1|mv /e/d /e/d/y|rename /e/d: rename2 call failed with ERROR_APPLICATION (java.io.IOException)
1|mv /e/d/x /e/f|rename /e/d/x: rename2 call failed with ERROR_APPLICATION (java.io.IOException)
0|mv /e/d /closed|
1|cat /e|cat /e: file is a directory
1|tail /e|open /e: file is a directory
1|head /e|open /e: file is a directory
1|checksum /e|checksum /e: is a directory
1|truncate 1 /e|truncate /e: file does not exist
1|mkdir /e/f/x|mkdir /e/f/x: mkdirs call failed with ERROR_APPLICATION (org.apache.hadoop.fs.ParentNotDirectoryException)
1|put one /e/f/x|create /e/f/x: create call failed with ERROR_APPLICATION (org.apache.hadoop.fs.ParentNotDirectoryException)
1|touch /e/f/x|create /e/f/x: create call failed with ERROR_APPLICATION (org.apache.hadoop.fs.ParentNotDirectoryException)
1|ls /e/f/x|stat /e/f/x: file does not exist
1|cat /e/f/x|open /e/f/x: file does not exist
1|truncate 9 /e/f|truncate /e/f: invalid argument
END
before=$("$bdfs" ls -R /)
as hdfs "${other[@]}" <<'END'
1|ls /closed|readdir /closed: permission denied
1|cat /closed/f|open /closed/f: permission denied
1|head /closed/f|open /closed/f: permission denied
1|tail /closed/f|open /closed/f: permission denied
1|get /closed/f zz|open /closed/f: permission denied
1|getmerge /closed zz|readdir /closed: permission denied
1|checksum /closed/f|open /closed/f: permission denied
0|du /closed|readdir /closed: permission denied
1|rm /closed/f|remove /closed/f: permission denied
1|rm -r /closed|remove /closed: permission denied
1|rm /e/f|remove /e/f: permission denied
1|mv /closed/f /x|rename /closed/f: permission denied
1|mv /e/f /e/h|rename /e/f: permission denied
1|mkdir /closed/x|mkdir /closed/x: permission denied
1|mkdir /x|mkdir /x: permission denied
1|touch /closed/f|stat /closed/f: permission denied
1|touch /x|create /x: permission denied
1|chmod 777 /closed/f|stat /closed/f: permission denied
1|chmod 777 /e/f|chmod /e/f: permission denied
1|chown nobody /e/f|chown /e/f: permission denied
1|truncate 0 /closed/f|truncate /closed/f: permission denied
1|truncate 0 /e/f|truncate /e/f: permission denied
1|put one /closed/g|stat /closed/g: permission denied
1|put one /e/new|create /e/new: permission denied
END
[ "$("$bdfs" ls -R /)" = "$before" ] || fail "what was refused has changed something"
hdfs df | grep -q '^127\.0\.0\.1' || fail df

rclone=(--retries 1 --low-level-retries 1)
hdfs mkdir -p /rc/d/x /rclosed && hdfs put one /rc/f && hdfs put one /rc/d/x/f &&
        hdfs put one /rclosed/f && hdfs chmod 700 /rclosed || fail "preparing"
before=$("$bdfs" ls -R /)
as "rclone ${rclone[*]}" "${me[@]}" <<'END'
1|mkdir r:rc/f|Failed to create file system for "r:rc/f": is a file not a directory
1|mkdir r:rc/f/x|Failed to mkdir: mkdir /rc/f/x: mkdirs call failed with ERROR_APPLICATION (org.apache.hadoop.fs.ParentNotDirectoryException)
3|copy none r:rc|Failed to copy: directory not found
3|copy r:none src2|Failed to copy: directory not found
1|copy dir r:rc/f|Failed to create file system for "r:rc/f": is a file not a directory
0|copy r:rc/f src2|
3|sync none r:rc|Failed to sync: directory not found
3|sync r:none src2|Failed to sync: directory not found
3|check --download none r:rc|Failed to check: directory not found
1|check --download dir r:none|Failed to check: 1 differences found
1|check --download dir r:rc|Failed to check with 2 errors: last error was: 2 differences found
3|ls r:none|Failed to ls with 2 errors: last error was: directory not found
3|lsl r:none|Failed to lsl with 2 errors: last error was: directory not found
3|cat r:none|Failed to cat with 2 errors: last error was: directory not found
3|cat r:rc/none --offset 1|Failed to cat with 2 errors: last error was: directory not found
1|moveto r:none r:x|Failed to moveto: rename /none: file does not exist
1|moveto r:rc/none r:rc/x|Failed to moveto: rename /rc/none: file does not exist
1|moveto r:rc/f r:rc/d|Failed to moveto: rename /rc/f: rename2 call failed with ERROR_APPLICATION (java.io.IOException)
1|moveto r:rc/d r:rc/f|Source doesn't exist or is a directory and destination is a file
3|size r:none|Failed to size with 2 errors: last error was: directory not found
1|deletefile r:none|Failed to deletefile: r:none is a directory or doesn't exist
1|deletefile r:rc/d|Failed to deletefile: r:rc/d is a directory or doesn't exist
3|purge r:none|Failed to purge: directory not found
1|purge r:rc/f|Failed to create file system for "r:rc/f": is a file not a directory
1|rmdir r:rc/d|Failed to rmdir: directory not empty
3|rmdir r:none|Failed to rmdir: directory not found
END
as "rclone ${rclone[*]}" "${other[@]}" <<'END'
1|mkdir r:new|Failed to mkdir: mkdir /new: permission denied
1|mkdir r:rclosed/new|Failed to mkdir: mkdir /rclosed/new: permission denied
1|copy dir r:new|Failed to copy: mkdir /new: permission denied
1|copy r:rclosed zz|Failed to copy: readdir /rclosed: permission denied
1|sync dir r:rclosed|Failed to sync: readdir /rclosed: permission denied
1|check --download dir r:rclosed|Failed to check: readdir /rclosed: permission denied
1|ls r:rclosed|Failed to ls with 2 errors: last error was: readdir /rclosed: permission denied
1|lsl r:rclosed|Failed to lsl with 2 errors: last error was: readdir /rclosed: permission denied
1|cat r:rclosed/f|Failed to cat with 2 errors: last error was: stat /rclosed/f: permission denied
1|cat r:rclosed/f --offset 1|Failed to cat with 2 errors: last error was: stat /rclosed/f: permission denied
1|moveto r:rc/f r:rc/g|Failed to moveto: rename /rc/f: permission denied
1|moveto r:rclosed/f r:g|Failed to moveto: rename /rclosed/f: permission denied
1|size r:rclosed|Failed to size with 2 errors: last error was: readdir /rclosed: permission denied
1|deletefile r:rc/f|Failed to deletefile: remove /rc/f: permission denied
1|deletefile r:rclosed/f|Failed to deletefile: r:rclosed/f is a directory or doesn't exist
1|purge r:rc|Failed to purge: remove /rc: permission denied
1|purge r:rclosed|Failed to purge: remove /rclosed: permission denied
END
[ "$("$bdfs" ls -R /)" = "$before" ] || fail "what was refused has changed something"
echo "$said commands said what they say of Apache HDFS"
