#!/usr/bin/env bash
# What goes through a job is bytes: only LF ends a record; CR, NUL, a byte-order mark and a missing
# last LF are kept. Parts hold exactly what the commands wrote, whatever it is.
. "$(dirname "$0")/../lib/e2e.sh" || exit 1
chmod 711 "$work"
export LC_ALL=C
up --min-block-size 512 --block-size 1M

# job NAME OPTIONS...: its parts, in order, are in $work/got.
job() {
        local name=$1
        shift
        "$bdfs" --quiet job run -o "/out/$name" "$@" || fail "job $name"
        "$bdfs" cat "/out/$name/part-*" >"$work/got" || fail "cat $name"
}
gives() { cmp "$work/got" "$1" || fail "$2"; }

# A picture: random bytes with PNG's head, which was made to show that line ends were altered.
{ printf '\x89PNG\r\n\x1a\n'; head -c 300000 /dev/urandom; printf '\r'; } >"$work/png"
printf '\xef\xbb\xbfone\r\ntwo\r\n\r\nthree\rfour\r\n\nlast\r' >"$work/crlf"
printf 'a\0b\r\0\n\0\n\n\0' >"$work/nul"
printf 'no end' >"$work/open"
printf '\r\n' >"$work/pair"
: >"$work/empty"
"$bdfs" mkdir /in /small
"$bdfs" put "$work/png" "$work/crlf" "$work/nul" "$work/open" "$work/pair" "$work/empty" /in || fail put
"$bdfs" put --block-size 512 "$work/png" "$work/crlf" /small || fail put

# Map only: whatever the command writes. With blocks that cut anywhere, parts joined are the file.
for f in png crlf nul open pair empty; do
        job "cat-$f" -i "/in/$f" -m cat
        gives "$work/$f" "$f through cat"
done
for f in png crlf; do
        job "cut-$f" -i "/small/$f" -m cat
        gives "$work/$f" "$f in blocks of 512 through cat"
done
python3 -c 'import pickle, sys
sys.stdout.buffer.write(pickle.dumps({"a\r\nb": b"\r\n\r", 13: [10, 13]}))' >"$work/pickle"
job write -i /in/open -m 'cat >/dev/null; cat pickle' --file "$work/pickle"
gives "$work/pickle" "a pickle that a mapper wrote"
job nothing -i /in/crlf -m 'cat >/dev/null'
gives "$work/empty" "a mapper without output"

# Reducers: exactly what they write too.
job reduce-png -i /in/crlf -m cat -r 'cat >/dev/null; cat png' --file "$work/png"
gives "$work/png" "a picture that a reducer wrote"
job reduce-nothing -i /in/crlf -m cat -r 'cat >/dev/null'
gives "$work/empty" "a reducer without output"
job reduce-open -i /in/open -m cat -r "head -c 3"
printf 'no ' >"$work/want"
gives "$work/want" "a reducer that wrote no line end"

# Between map and reduce: sorted lines. CR and NUL belong to their record; the last record of a
# map's output is ended when its command did not end it, or it would run into the next one.
for f in crlf nul open pair png; do
        job "sort-$f" -i "/in/$f" -m cat -r cat
        python3 - "$work/$f" >"$work/want" <<'PY'
import sys
data = open(sys.argv[1], "rb").read()
lines = data.split(b"\n")
if lines[-1] == b"":
    lines.pop()
lines.sort(key=lambda line: line.split(b"\t")[0])
sys.stdout.buffer.write(b"".join(line + b"\n" for line in lines))
PY
        gives "$work/want" "$f sorted"
done
job "sort-two" -i /in/open /in/open -m cat -r cat
printf 'no end\nno end\n' >"$work/want"
gives "$work/want" "two maps without a last line end"

# What a task says on stderr is kept as it is.
"$bdfs" --quiet job run -i /in/open -o /out/said -m 'cat crlf nul >&2; exit 3' --file "$work/crlf" \
        --file "$work/nul" 2>"$work/said" && fail "exit 3 is no success"
id=$(grep -o 'job_[0-9_]*' "$work/said" | head -n 1)
attempt=$(grep -o 'attempt_[0-9a-z_]*' "$work/said" | head -n 1)
"$bdfs" job logs "$id" "$attempt" >"$work/got" || fail logs
cat "$work/crlf" "$work/nul" >"$work/want"
gives "$work/want" "a log"
"$bdfs" job logs "$id" "$attempt" --json | jq -r '.[0].text' >"$work/got" || fail "logs --json"
grep -q 'last' "$work/got" || fail "a log as JSON: $(cat -v "$work/got")"
[ "$(tr -dc '\0' <"$work/got" | wc -c)" -eq 4 ] || fail "a log as JSON ends at its first NUL"
