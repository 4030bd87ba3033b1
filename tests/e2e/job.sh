#!/usr/bin/env bash
# Jobs give what a shell pipeline gives over the same bytes: word count, grep, sort, map only; for
# blocks that cut records, CRLF, lone CR, empty lines, no final newline, a byte-order mark, tiny
# files and records larger than a block.
. "$(dirname "$0")/../lib/e2e.sh" || exit 1
chmod 711 "$work"
export LC_ALL=C

# parts DIR: all of a job's output.
parts() { "$bdfs" cat "$1/part-*"; }

make_inputs() {
        mkdir -p "$work/in"
        cd "$work/in" || fail "no directory"
        : >empty
        printf 'x' >one
        printf '\n' >newline
        printf '\r' >cr
        printf '\r\n' >crlf_only
        printf '\xef\xbb\xbfone two\nthree\n' >mark
        printf '\xef\xbb\xbf' >mark_only
        python3 - <<'PY'
import random
random.seed(7)
words = [b"alpha", b"beta", b"gamma", b"delta\tx", b"", b"e", b"\xc3\xa9t\xc3\xa9", b"the", b"\x00nul", b"\xff\xfe"]
def lines(n, end, last=True, most=12):
    out = b""
    for i in range(n):
        out += b" ".join(random.choice(words) for _ in range(random.randrange(most))) + end
    return out if last else out[:-len(end)]
open("lf", "wb").write(lines(3000, b"\n"))
open("lf_open", "wb").write(lines(3000, b"\n", False))
open("crlf", "wb").write(lines(3000, b"\r\n"))
open("crlf_open", "wb").write(lines(3000, b"\r\n", False))
open("crs", "wb").write(lines(3000, b"\r"))
open("mixed", "wb").write(b"".join(lines(1, random.choice([b"\n", b"\r", b"\r\n", b"\n\n", b"\r\r\n"])) for _ in range(3000)))
open("blank", "wb").write(b"\n" * 5000)
open("large", "wb").write(b"small\n" + b"y" * 20000 + b"\nnext\n" + b"z " * 9000)
# line ends exactly at, before and behind the boundaries of 4 KiB blocks
exact = b""
for k in range(1, 9):
    exact += b"q" * (4096 * k - len(exact) - (k % 3)) + b"\n" + (b"\n" if k % 2 else b"")
open("exact", "wb").write(exact)
crs = b""
for k in range(1, 9):
    crs += b"q" * (4096 * k - len(crs) - 1) + b"\r\n"
open("crlf_at_cut", "wb").write(crs)
PY
        cd "$root" || fail "no directory"
}

# check NAME FILE SHELL MAP [REDUCE]: the job over FILE gives what SHELL gives over it.
n=0
check() {
        local name=$1 file=$2 shell=$3 map=$4 reduce=${5:-}
        n=$((n + 1))
        "$bdfs" --quiet job run -i "/in$size/$file" -o "/out/$n" -m "$map" ${reduce:+-r "$reduce"} ||
                fail "job $name over $file in blocks of $size"
        parts "/out/$n" >"$work/got"
        sh -c "$shell" <"$work/in/$file" >"$work/want"
        cmp -s "$work/got" "$work/want" || {
                diff <(od -c "$work/want") <(od -c "$work/got") | head -20
                fail "job $name over $file in blocks of $size gives something else"
        }
        "$bdfs" test -z "/out/$n/_SUCCESS" || fail "no _SUCCESS"
}

up --min-block-size 512 --block-size 1M
make_inputs
for size in 512 4096 16384; do
        "$bdfs" mkdir "/in$size"
        "$bdfs" put --block-size "$size" "$work"/in/* "/in$size" || fail put
done

for size in 512 4096; do
        for file in empty one newline cr crlf_only mark mark_only exact crlf_at_cut large; do
                check cat "$file" cat cat
                check sort "$file" "sort -s -t '	' -k1,1" cat cat
        done
done
size=512
for file in empty one newline cr crlf_only mark mark_only exact crlf_at_cut large; do
        check words "$file" "tr ' ' '\n' | sort -s -t '	' -k1,1 | uniq -c" "tr ' ' '\n'" "uniq -c"
        check grep "$file" "grep -a z" "grep -a z || [ \$? -eq 1 ]"
done
check sort lf "sort -s -t '	' -k1,1" cat cat # more maps than are merged at once
for size in 4096 16384; do
        for file in lf lf_open crlf crlf_open crs mixed blank; do
                check cat "$file" cat cat
                check sort "$file" "sort -s -t '	' -k1,1" cat cat
                check words "$file" "tr ' ' '\n' | sort -s -t '	' -k1,1 | uniq -c" \
                        "tr ' ' '\n'" "uniq -c"
                check grep "$file" "grep -a the" "grep -a the || [ \$? -eq 1 ]"
        done
done

# Several parts: the same records, each key in one part, each part sorted.
"$bdfs" --quiet job run -i /in4096/lf -o /many -m "tr ' ' '\n'" -r cat -n 7 || fail "seven parts"
[ "$("$bdfs" ls /many | grep -c part-)" -eq 7 ] || fail "not seven parts"
for p in 0 1 2 3 4 5 6; do
        "$bdfs" cat "/many/part-0000$p" >"$work/part$p"
        cut -f1 "$work/part$p" | sort -c || fail "part $p is not sorted"
        cut -f1 "$work/part$p" | sort -u
done | sort | uniq -d | grep . && fail "a key is in two parts"
cat "$work"/part? | sort >"$work/got"
<"$work/in/lf" tr ' ' '\n' | sort >"$work/want"
same "$work/got" "$work/want"

# The same bytes again, and from files in a directory, which are read one level deep.
"$bdfs" --quiet job run -i /in4096/lf -o /many2 -m "tr ' ' '\n'" -r cat -n 7 || fail again
for p in 0 1 2 3 4 5 6; do
        "$bdfs" cat "/many2/part-0000$p" | cmp - "$work/part$p" || fail "part $p differs"
done
"$bdfs" mkdir /dir /none
"$bdfs" cp /in512/one /in4096/lf /in512/empty /dir
"$bdfs" cp /in512/one /dir/_hidden
"$bdfs" --quiet job run -i /dir -o /from_dir -m cat -r "wc -l" || fail directory
[ "$(parts /from_dir | tr -d ' ')" = 3001 ] || fail "a directory's files: $(parts /from_dir)"
"$bdfs" --quiet job run -i /none -o /from_none -m cat -r cat -n 2 || fail "empty directory"
[ "$("$bdfs" ls /from_none | grep -c 'part-\|_SUCCESS')" -eq 3 ] || fail "empty directory's parts"

# Several inputs and patterns; shipped files; environment; a mapper that stops reading early.
printf '#!/bin/sh\nexec sed "s/^/$1/"\n' >"$work/mark.sh"
printf 'data' >"$work/side"
"$bdfs" --quiet job run -i '/in512/o*' /in512/newline -o /shipped -m './mark.sh "$(cat side)-"' \
        --file "$work/mark.sh" --file "$work/side" || fail shipped
[ "$(parts /shipped | tr '\n' ,)" = "data-xdata-," ] || fail "shipped: $(parts /shipped)"
"$bdfs" --quiet job run -i /in4096/lf -o /env -m 'head -n 1 >/dev/null; echo "$mapreduce_task_ismap $map_input_file $mapreduce_map_input_start $user_name"' ||
        fail environment
parts /env >"$work/got"
[ "$(sed -n 2p "$work/got")" = "true bdfs://bdfs/in4096/lf 4096 $(id -un)" ] ||
        fail "environment: $(sed -n 2p "$work/got")"

# The dictionary: known figures.
if [ -r /usr/share/dictd/gcide.dict.dz ]; then
        zcat /usr/share/dictd/gcide.dict.dz >"$work/gcide"
        "$bdfs" put --block-size 4M "$work/gcide" /gcide
        "$bdfs" job run -i /gcide -o /counts -m "tr -s ' \t' '\n\n' | grep ." \
                -r "uniq -c | sed 's/^ *\([0-9]*\) \(.*\)/\2\t\1/'" 2>"$work/summary" || fail gcide
        parts /counts >"$work/counts"
        [ "$(wc -l <"$work/counts")" -eq 668163 ] || fail "gcide: $(wc -l <"$work/counts") words"
        [ "$(awk -F'\t' '{s += $2} END {print s}' "$work/counts")" -eq 5399736 ] || fail "gcide: sum"
        sha256sum "$work/counts" |
                grep -q ^3dc0f23159a2d10a4dae6993c39dd69bee3d00afc5a0ae755e0de13335cb41f1 ||
                fail "gcide: other counts"
        "$bdfs" --quiet job run -i /gcide -o /the -m 'grep the' || fail grep
        [ "$(parts /the | wc -l)" -eq 176730 ] || fail "gcide: lines with the"
        cat "$work/summary"
fi
echo "$n pipelines compared"
