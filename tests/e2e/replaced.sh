#!/usr/bin/env bash
# A file that is replaced, deleted, renamed, cut or appended to while it is read: who opened it before
# gets the bytes of then, whole, or a clear error; old and new bytes are never mixed.
. "$(dirname "$0")/../lib/e2e.sh" || exit 1
need jq
need python3
MIB=1048576
up --block-size 1M --no-agents
"$bdfs" mkdir /d /away || fail "mkdir"

# Takes FIRST bytes of the fifo IN, makes the file HELD, waits for the file GO, takes the rest.
cat >"$work/slow.py" <<'PY'
import os, sys, time
into, first, held, go, out = sys.argv[1], int(sys.argv[2]), *sys.argv[3:]
with open(into, 'rb', buffering=0) as f, open(out, 'wb') as o:
    while first > 0:
        got = f.read(first)
        if not got:
            break
        o.write(got)
        first -= len(got)
    open(held, 'w').close()
    while not os.path.exists(go):
        time.sleep(0.02)
    while got := f.read(1 << 20):
        o.write(got)
PY

# reader NAME COMMAND...: runs with its standard output in a pipe that is read slowly, or with the
# word PIPE of the command as that pipe. It is in the middle of its file when this returns.
readers=()
reader() {
        local name=$1 words=() to=/dev/null w
        shift
        mkfifo "$work/$name.pipe"
        python3 "$work/slow.py" "$work/$name.pipe" $((5 * MIB / 2)) "$work/$name.held" "$work/go" \
                "$work/$name.got" &
        for w; do [ "$w" = PIPE ] && words+=("$work/$name.pipe") || words+=("$w"); done
        [[ " $* " == *" PIPE "* ]] || to=$work/$name.pipe
        ("${words[@]}" >"$to" 2>"$work/$name.said"; echo $? >"$work/$name.rc") &
        readers+=("$name")
        within 30 test -e "$work/$name.held"
}
# go_on: the slow pipes are emptied; what the readers said and how they ended is there.
go_on() {
        touch "$work/go"
        wait
        rm "$work/go" "$work"/*.held "$work"/*.pipe
}
# whole WANT NAME...: these readers got the file WANT and ended well.
whole() {
        local want=$1 name
        shift
        for name; do
                [ "$(cat "$work/$name.rc")" -eq 0 ] ||
                        fail "$name ended with $(cat "$work/$name.rc"): $(cat "$work/$name.said")"
                cmp "$want" "$work/$name.got" || fail "$name did not get the file that it opened"
        done
}
random_file "$work/old" $((12 * MIB + 12345))
random_file "$work/new" $((12 * MIB + 54321))

# readers_of FILE COPIES VERB...: of a file that holds "old", in so many copies.
readers_of() {
        local f=$1 copies=$2 verb
        shift 2
        "$bdfs" put -f --replication "$copies" "$work/old" "$f" || fail "put $f"
        for verb; do
                case $verb in
                get | getmerge) reader "${f##*/}_$verb" "$bdfs" $verb "$f" PIPE ;;
                glob) reader "${f##*/}_$verb" "$bdfs" cat "${f%?}[${f: -1}]" ;;
                get-) reader "${f##*/}_$verb" "$bdfs" get "$f" - ;;
                *) reader "${f##*/}_$verb" "$bdfs" $verb "$f" ;;
                esac
        done
}

# renamed away, and another file has its name; the copies that the readers know of are gone
readers_of /d/f 1 cat glob get get- text getmerge
"$bdfs" mv /d/f /away/f && "$bdfs" put "$work/new" /d/f || fail "rename away"
"$bdfs" setrep -w 3 /away/f >/dev/null || fail "setrep"
for i in 1 2; do kill -9 "$(pid_of datanode $i)"; done
go_on
whole "$work/old" f_{cat,glob,get,get-,text,getmerge}
"$bdfs" cluster up --dir "$cluster" >/dev/null || fail "cluster up again"
same "$work/new" <("$bdfs" cat /d/f)

# replaced: by put -f, which renames over it, by a create that overwrites, by delete and create;
# deleted; cut, and appended to; appended to; joined to another
readers_of /d/rename 3 cat glob get get- text getmerge
for f in create delete gone cut append concat; do readers_of /d/$f 3 cat get; done
"$bdfs" put -f "$work/new" /d/rename || fail "put -f"
"$bdfs" put -f -d "$work/new" /d/create || fail "put -f -d"
"$bdfs" rm -skipTrash /d/delete >/dev/null && "$bdfs" put "$work/new" /d/delete || fail "delete"
"$bdfs" rm -skipTrash /d/gone >/dev/null || fail "rm"
"$bdfs" truncate $((3 * MIB + 77)) /d/cut >/dev/null || fail "truncate"
same <(head -c $((3 * MIB + 77)) "$work/old") <("$bdfs" cat /d/cut)
"$bdfs" append "$work/new" /d/cut || fail "append to what was cut"
"$bdfs" append "$work/new" /d/append || fail "append"
"$bdfs" put "$work/new" /d/n && "$bdfs" put "$work/new" /d/m &&
        "$bdfs" concat /d/n /d/concat /d/m &&
        "$bdfs" put "$work/new" /d/concat || fail "concat"
for i in 1 2 3; do kill -9 "$(pid_of datanode $i)"; done # readers must look for their bytes again
"$bdfs" cluster up --dir "$cluster" >/dev/null || fail "cluster up again"
go_on
whole "$work/old" rename_{cat,glob,get,get-,text,getmerge} {create,delete,gone,cut}_{cat,get}
whole "$work/old" {append,concat}_{cat,get}
for f in rename create delete concat; do same "$work/new" <("$bdfs" cat /d/$f); done
same <(head -c $((3 * MIB + 77)) "$work/old"; cat "$work/new") <("$bdfs" cat /d/cut)
same <(cat "$work/old" "$work/new") <("$bdfs" cat /d/append)
same <(cat "$work/new" "$work/old" "$work/new") <("$bdfs" cat /d/n)
expect 3 '' "$bdfs" cat /d/gone

# a checksum of a file that lost its name, and two of its three datanodes, in the middle of it
"$bdfs" rm -r -skipTrash /d /away >/dev/null && "$bdfs" mkdir /d /away || fail "afresh"
"$bdfs" put -f --replication 2 "$work/old" /d/f && "$bdfs" put "$work/new" /away/f || fail "put"
"$bdfs" checksum /d/f >"$work/sum" || fail "checksum"
stopped=$(pid_of datanode 1)
at_exit "kill -CONT $stopped 2>/dev/null"
third=$(port datanode 3 tls)
kill -STOP "$stopped"
"$bdfs" checksum /d/f >"$work/sum.got" 2>"$work/sum.said" &
summing=$!
connected() { [ "$(find "/proc/$summing/fd" -lname 'socket:*' | wc -l)" -ge 2 ]; }
within 20 connected
"$bdfs" mv /d/f /away/g && "$bdfs" mv /away/f /d/f && "$bdfs" setrep 3 /away/g >/dev/null ||
        fail "rename"
on_third() {
        "$bdfs" info --json /away/g | jq -e ".[0].blocks | all(any(.replicas[]; .name | endswith(\":$third\")))"
}
within 60 on_third
kill -9 "$stopped" "$(pid_of datanode 2)"
wait $summing || fail "checksum: $(cat "$work/sum.said")"
same "$work/sum" "$work/sum.got"
"$bdfs" cluster up --dir "$cluster" >/dev/null || fail "cluster up again"

# a copy, and a directory of files that change while they are fetched: each whole, old or new
random_file "$work/large" $((64 * MIB))
"$bdfs" put "$work/large" /large && "$bdfs" mkdir /many || fail "put"
for try in 1 2 3 4 5 6; do
        "$bdfs" cp -f /large /copy 2>"$work/cp.said" &
        copying=$!
        within 20 "$bdfs" test -e /copy._COPYING_
        kill -STOP $copying 2>/dev/null
        "$bdfs" test -e /copy._COPYING_ && break
        kill -CONT $copying
        wait $copying
done
"$bdfs" test -e /copy._COPYING_ || fail "cp was too fast to be stopped in the middle"
"$bdfs" mv /large /away/large && "$bdfs" put "$work/new" /large || fail "replace"
kill -CONT $copying
wait $copying || fail "cp: $(cat "$work/cp.said")"
"$bdfs" get /copy "$work/copied" && same "$work/large" "$work/copied"

for i in 1 2 3 4 5 6; do "$bdfs" put "$work/old" /many/$i || fail "put"; done
(
        for want in new old new old; do
                for i in 1 2 3 4 5 6; do "$bdfs" put -f "$work/$want" /many/$i; done
        done
        touch "$work/changed"
) >/dev/null 2>&1 &
changing=$!
mkdir "$work/many"
while [ ! -e "$work/changed" ]; do
        "$bdfs" get -f -t 4 '/many/[1-6]' "$work/many" 2>"$work/get.said" || [ $? -eq 9 ] || [ $? -eq 6 ] ||
                fail "get: $(cat "$work/get.said")"
        grep -v 'was deleted or replaced while it was read\|a second try' "$work/get.said" &&
                fail "get of a directory that changes"
        for f in "$work"/many/*; do
                cmp -s "$f" "$work/old" || cmp -s "$f" "$work/new" || fail "$f is neither old nor new"
        done
done
wait $changing

# tail -f says that its file is another one, or was cut
printf 'one\n' | "$bdfs" put - /log || fail "put"
"$bdfs" tail -f -s 50 /log >"$work/tail" 2>"$work/tail.said" &
tailing=$!
at_exit "kill $tailing 2>/dev/null"
within 20 grep -qx one "$work/tail"
printf 'two\n' | "$bdfs" append - /log && within 20 grep -qx two "$work/tail"
printf 'three\n' | "$bdfs" put -f - /log && within 20 grep -qx three "$work/tail"
grep -q "/log' was replaced" "$work/tail.said" || fail "tail -f: $(cat "$work/tail.said")"
"$bdfs" truncate 2 /log >/dev/null && within 20 grep -q "/log' was cut to 2 bytes" "$work/tail.said"
kill $tailing
echo "replaced while read: never mixed"
