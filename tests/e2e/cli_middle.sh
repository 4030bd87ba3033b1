#!/usr/bin/env bash
# Commands that are ended in the middle, two that write the same name, datanodes that die under a
# transfer: what is left, what is said, and with which exit code.
. "$(dirname "$0")/../lib/e2e.sh" || exit 1
need jq
need script
up --no-agents --block-size 1M
random_file "$work/large" 60000000
random_file "$work/small" 300000

# begun NAME PATH BYTES COMMAND...: it reads the pipe $work/NAME, in which BYTES of the large file are,
# and as much again once go() was called; it has made PATH.
begun() {
        local pipe=$work/$1 path=$2 bytes=$3
        shift 3
        rm -f "$pipe" && mkfifo "$pipe" && touch "$pipe.hold" || fail mkfifo
        { head -c "$bytes" "$work/large"
          while [ -e "$pipe.hold" ]; do sleep 0.05; done
          head -c "$bytes" "$work/large"; } >"$pipe" 2>/dev/null &
        at_exit "rm -f '$pipe.hold'; kill $! 2>/dev/null"
        interruptible "$@" 2>"$pipe.said" &
        last=$!
        within 10 "$bdfs" test -e "$path"
}
go() { rm "$work/$1.hold"; }
ended() { # NAME PID CODE TEXT: what it said
        local rc
        wait "$2"
        rc=$?
        [ "$rc" -eq "$3" ] || fail "exit $rc instead of $3: $(cat "$work/$1.said")"
        grep -Eq -- "$4" "$work/$1.said" || [ -z "$4" ] || fail "no '$4' in: $(cat "$work/$1.said")"
}
longer() { [ "$("$bdfs" stat %b "$1")" -gt "$2" ]; }
inode() { "$bdfs" info --json "$1" | jq -r '.[0].inode'; }

# two that put the same name: the second one's is there, and the first says that it lost
begun a /same._COPYING_ 2000000 "$bdfs" put -f "$work/a" /same
first=$last was=$(inode /same._COPYING_)
begun b /same._COPYING_ 1500000 "$bdfs" put -f "$work/b" /same
second=$last
other() { [ "$(inode /same._COPYING_)" != "$was" ]; }
within 10 other
go a
ended a "$first" 3 "^put: .*/same': replaced or removed while it was written: "
go b
ended b "$second" 0 ''
"$bdfs" cat /same | cmp - <(head -c 1500000 "$work/large"; head -c 1500000 "$work/large") ||
        fail "the bytes of the second put"

# of six at once one wins, and each of the others is told which name it lost
for round in 1 2 3 4 5; do
        racing=()
        for i in 1 2 3 4 5 6; do
                "$bdfs" put -f "$work/large" /six 2>"$work/six.$i" &
                racing+=($!)
        done
        won=0
        for i in 1 2 3 4 5 6; do
                wait "${racing[i - 1]}" && won=$((won + 1)) && continue
                grep -q "^put: .*/six': replaced or removed while it was written: " "$work/six.$i" ||
                        fail "a loser was told: $(cat "$work/six.$i")"
        done
        [ $won -gt 0 ] || fail "nobody won: $(cat "$work"/six.*)"
        "$bdfs" cat /six | cmp - "$work/large" || fail "the bytes of the winner"
        expect 1 '' "$bdfs" test -e /six._COPYING_
done

# a directory that is removed under a put
"$bdfs" mkdir /gone || fail mkdir
begun a /gone/f._COPYING_ 2000000 "$bdfs" put "$work/a" /gone/f
"$bdfs" rm -r -skipTrash /gone >/dev/null || fail "rm -r"
go a
ended a "$last" 3 'replaced or removed while it was written'
expect 1 '' "$bdfs" test -e /gone

# append and put -d keep what was read, and nobody has to wait before writing on
"$bdfs" put "$work/small" /grown || fail put
begun a /grown 3000000 "$bdfs" append "$work/a" /grown
within 10 longer /grown 1000000
kill -INT "$last"
ended a "$last" 130 ''
within 10 "$bdfs" append "$work/small" /grown
"$bdfs" get /grown "$work/grown" || fail get
cmp <(head -c 300000 "$work/grown") "$work/small" || fail "what was there before an append"
cmp <(tail -c 300000 "$work/grown") "$work/small" || fail "what came after an append"
begun a /direct 3000000 "$bdfs" put -d "$work/a" /direct
within 10 longer /direct 1000000
kill -INT "$last"
ended a "$last" 130 ''
within 10 "$bdfs" append "$work/small" /direct

# Ctrl-C at a terminal takes the line of progress away, and leaves nothing
mkfifo "$work/slow"
(for i in $(seq 250); do head -c 100000 "$work/large"; sleep 0.1; done) >"$work/slow" 2>/dev/null &
at_exit "kill $! 2>/dev/null"
: >"$work/screen"
{ for i in $(seq 200); do grep -q 'B/s' "$work/screen" && break; sleep 0.1; done
  printf '\003'
  for i in $(seq 50); do [ -e "$work/over" ] && break; sleep 0.1; done; } |
        { script -qfec "'$bdfs' put '$work/slow' /slow" "$work/screen" >/dev/null; : >"$work/over"; }
tr -d '\r\n' <"$work/screen" | grep -a -o 'B/s.*' >"$work/shown" || fail "no progress was shown"
grep -a -q $'\033\\[K\\(Script done.*\\)\\?$' "$work/shown" || fail "it stays: $(od -c "$work/shown" | tail)"
expect 3 '' "$bdfs" ls '/slow*'

# a datanode that dies under a get, and under a put
"$bdfs" put "$work/large" /large || fail put
(sleep 0.1; kill -9 "$(pid_of datanode 1)") &
"$bdfs" get /large "$work/back" || fail "get while a datanode dies"
wait $!
same "$work/large" "$work/back"
"$bdfs" cluster up --dir "$cluster" || fail "the datanode again"
for i in 1 2 3; do
        within 20 sh -c "'$bdfs' admin report | grep 'Live datanodes (3)'"
        begun a "/broken$i._COPYING_" 5500000 "$bdfs" put "$work/a" "/broken$i"
        within 10 longer "/broken$i._COPYING_" 5000000
        kill -9 "$(pid_of datanode $i)"
        go a
        ended a "$last" 6 'the pipeline broke.*127\.0\.0\.1(:| port )[0-9]+'
        grep -q '^  .*bdfs doctor' "$work/a.said" || fail "no advice: $(cat "$work/a.said")"
        expect 3 '' "$bdfs" ls "/broken$i*"
        "$bdfs" cluster up --dir "$cluster" || fail "the datanode again"
done
