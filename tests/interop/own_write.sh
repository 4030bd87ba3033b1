#!/usr/bin/env bash
# Users of the host that are not root, with the stock Java client: one reads her own file (0600) while she writes it, from the
# process that writes and from another; another user gets nothing of it, under his name or under hers.
#
#   own_write.sh URI OUTDIR        OUTDIR as of fetch.sh; whoever runs it must be superuser of URI, and root
#
# Exits 0 when all passed, 1 when something failed, 77 where the machine cannot run it.
set -u
here=$(cd "$(dirname "$0")" && pwd)
[ $# -eq 2 ] || { sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2; }
[ "$(id -u)" = 0 ] && command -v setpriv >/dev/null || { echo "own_write.sh: only root can act for two users, with setpriv" >&2; exit 77; }
"$here/fetch.sh" "$2" || exit $?
out=$(cd "$2" && pwd)
users=$("$here/users.sh") || exit $?
IFS=, read -r _ alice bob <<<"$users"
uri=$1 file=/user/$alice/own

work=$(mktemp -d "${TMPDIR:-/tmp}/own_write.XXXXXX")
chmod 755 "$work"
writer=
trap '[ -z "$writer" ] || kill "$writer" 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
fail() { echo "own_write.sh: FAIL: $*" >&2; exit 1; }

as() { local who=$1; shift; setpriv --reuid "$who" --regid "$(id -g "$who")" --init-groups env HOME=/nonexistent USER="$who" "$@"; }

# What the users run must be theirs to read, wherever OUTDIR is.
jars=$out
if ! as "$alice" test -r "$out/classes/OwnWrite.class"; then
        jars=$work/jars
        mkdir "$jars" && cp -rL "$out/lib" "$out/classes" "$jars" || fail "cannot copy the jars"
fi
java=(java -Djava.net.preferIPv4Stack=true -XX:TieredStopAtLevel=1 -cp "$jars/classes:$jars/lib/*" OwnWrite)
java_as() { local who=$1; shift; as "$who" "${java[@]}" "$@"; }

"${java[@]}" home "$uri" "/user/$alice" "$alice" || fail "no home for $alice"

mkfifo "$work/go"
java_as "$alice" write "$uri" "$file" <"$work/go" >"$work/writer" 2>&1 &
writer=$!
exec 3>"$work/go"
end=$((SECONDS + 60))
until grep -q '^flushed' "$work/writer"; do
        kill -0 "$writer" 2>/dev/null && [ "$SECONDS" -lt "$end" ] || fail "the writer: $(cat "$work/writer")"
        sleep 0.1
done
flushed=$(sed -n 's/^flushed //p' "$work/writer")
java_as "$alice" read "$uri" "$file" "$flushed" || fail "$alice cannot read what she flushed"
java_as "$bob" denied "$uri" "$file" || fail "$bob is not refused"
HADOOP_USER_NAME=$alice java_as "$bob" read "$uri" "$file" "$flushed" >"$work/forged" 2>&1 && fail "$bob reads as $alice"
grep -qE 'AccessControl|AuthorizationException|not allowed|may not' "$work/forged" || fail "$bob as $alice: $(tail -3 "$work/forged")"
echo go >&3
wait "$writer" || fail "the writer: $(cat "$work/writer")"
writer=
grep -q '^written' "$work/writer" || fail "the writer: $(cat "$work/writer")"
java_as "$bob" denied "$uri" "$file" || fail "$bob is not refused when it is closed"
"${java[@]}" gone "$uri" "/user/$alice" || fail "the home of $alice stays"
echo "own_write: $alice read $flushed bytes of her open file; $bob none"
