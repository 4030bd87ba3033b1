#!/usr/bin/env bash
# Compressed input of jobs, and `text`: what the usual tools and Hadoop's codecs write is read as
# what it stands for, by one task a file; what is damaged, cut short or something else is an error
# that names the file.
. "$(dirname "$0")/../lib/e2e.sh" || exit 1
for tool in gzip bzip2 zstd lz4 xz; do need "$tool"; done
chmod 711 "$work"
export LC_ALL=C
up --min-block-size 512 --block-size 1M

seq 1 60000 | sed 's/$/ some words of a line/' >"$work/plain"
head -n 30000 "$work/plain" >"$work/first"
tail -n +30001 "$work/plain" >"$work/second"
mkdir "$work/c"
twice() { # COMMAND FILE: two streams, one behind the other
        { "$1" -c <"$work/first" && "$1" -c <"$work/second"; } >"$work/c/$2"
}
gzip -c <"$work/plain" >"$work/c/a.gz"
bzip2 -c <"$work/plain" >"$work/c/a.bz2"
zstd -qc <"$work/plain" >"$work/c/a.zst"
lz4 -qc <"$work/plain" >"$work/c/a.lz4"
xz -c <"$work/plain" >"$work/c/a.xz"
twice gzip two.gz
twice bzip2 two.bz2
twice zstd two.zst 2>/dev/null
twice lz4 two.lz4
python3 - "$work" <<'PY'
import ctypes, ctypes.util, struct, sys, zlib
work = sys.argv[1]
data = open(work + "/plain", "rb").read()
open(work + "/c/a.deflate", "wb").write(zlib.compress(data))
# Hadoop's Lz4Codec: blocks of "bytes, then pieces with their compressed length", all big-endian.
lz4 = ctypes.CDLL(ctypes.util.find_library("lz4") or "liblz4.so.1")
with open(work + "/c/hadoop.lz4", "wb") as out:
    for at in range(0, len(data), 200000):
        block = data[at:at + 200000]
        out.write(struct.pack(">I", len(block)))
        for k in range(0, len(block), 65536):
            piece = block[k:k + 65536]
            room = ctypes.create_string_buffer(2 * len(piece) + 64)
            n = lz4.LZ4_compress_default(piece, room, len(piece), len(room))
            assert n > 0
            out.write(struct.pack(">I", n) + room.raw[:n])
PY
"$bdfs" mkdir /c /bad
"$bdfs" put --block-size 4096 "$work"/c/* /c || fail put
"$bdfs" put "$work/plain" /c/plain

# A job over each gives the plain bytes, in one part though the file has many blocks.
for f in "$work"/c/*; do
        f=${f##*/}
        "$bdfs" text "/c/$f" >"$work/got" || fail "text $f"
        cmp "$work/got" "$work/plain" || fail "text of $f is something else"
        "$bdfs" --quiet job run -i "/c/$f" -o "/out-$f" -m cat || fail "job over $f"
        "$bdfs" cat "/out-$f/part-00000" >"$work/got" || fail cat
        cmp "$work/got" "$work/plain" || fail "a job over $f gives something else"
        "$bdfs" test -e "/out-$f/part-00001" && fail "$f was read by two tasks"
done
# With reducers, over all at once and the plain file, and empty ones.
: >"$work/none.gz"
gzip -c </dev/null >"$work/empty.gz"
"$bdfs" put "$work/none.gz" "$work/empty.gz" /c
files=$(ls "$work/c" | wc -l)
"$bdfs" --quiet job run -i /c -o /all -m "grep -c '' || [ \$? -eq 1 ]" -r "awk '{s += \$1} END {print s}'" || fail all
[ "$("$bdfs" cat '/all/part-*')" = $((60000 * (files + 1))) ] || fail "all: $("$bdfs" cat '/all/part-*')"
[ -z "$("$bdfs" text /c/none.gz /c/empty.gz)" ] || fail "text of nothing"

# Damaged, cut short, something else: exit 8 of text, a failed job; both name the file.
bad() { # FILE TEXT
        "$bdfs" put "$work/bad/$1" "/bad/$1" || fail put
        expect 8 "/bad/$1.*$2" "$bdfs" text "/bad/$1"
        expect 1 "/bad/$1: its [a-z0-9]* data $2" "$bdfs" job run -i "/bad/$1" -o /bad/out -m cat
        "$bdfs" test -e /bad/out && fail "a job over $1 left output"
}
mkdir "$work/bad"
for s in gz bz2 zst lz4 deflate xz; do
        n=$(stat -c %s "$work/c/a.$s")
        head -c $((n - 1)) "$work/c/a.$s" >"$work/bad/short.$s"
        bad short.$s 'ends at byte [0-9]+ before it is complete'
        echo 'this is only text, and not what its name says' >"$work/bad/other.$s"
        bad other.$s 'is damaged at byte [0-9]+|ends at byte'
done
python3 - "$work" <<'PY'
import sys
work = sys.argv[1]
data = bytearray(open(work + "/c/a.gz", "rb").read())
data[len(data) // 2] ^= 0x55
open(work + "/bad/spoilt.gz", "wb").write(data)
PY
bad spoilt.gz 'is damaged at byte [0-9]+'
# text goes by the first bytes where they say something, whatever the name.
cp "$work/c/a.bz2" "$work/bad/named.txt"
"$bdfs" put "$work/bad/named.txt" /bad
"$bdfs" text /bad/named.txt | cmp - "$work/plain" || fail "text by magic"
# And a command that stops reading early is fine.
[ "$("$bdfs" --quiet job run -i /c/a.gz -o /early -m 'head -n 1' && "$bdfs" cat '/early/part-*')" = \
        "$(head -n 1 "$work/plain")" ] || fail "a mapper that stops early"
