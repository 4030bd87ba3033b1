#!/usr/bin/env bash
# Five datanodes, replication 3, one killed for good under load: copies begin within 12 s and end
# without an operator; every file reads back from what is left. A second one, too.
. "$(dirname "$0")/../lib/e2e.sh" || exit 1
need jq
files=${FILES:-40}
up --datanodes 5 --no-agents --block-size 1M
ask() { "$build/tests/ask" "$BDFS_CONF" "$@"; }
log=$cluster/namenode-0/log

all_there() { # every block has the copies that it should have
        local under
        under=$(ask stats) || return 1
        [[ $under == "under_replicated 0 missing 0 corrupt 0 "* ]]
}
read_back() {
        local i
        for i in $(seq "$files"); do
                "$bdfs" cat "/d/f$i" | cmp - "$work/src/f$i" || fail "f$i after $1"
        done
}
stamp_ms() { date -d "$1" +%s%3N; }

# lose ID: kill it for good; the first copy is ordered within 12 s, the last is made on its own
lose() {
        local lines killed first
        lines=$(wc -l <"$log")
        kill -9 "$(pid_of datanode "$1")"
        killed=$(date +%s%3N)
        mv "$cluster/datanode-$1/data" "$work/lost-$1"
        "$bdfs" put "$work/src/f1" "/d/during-$1" || fail "a write while datanode $1 is dying"
        within 30 ordered "$lines"
        first=$(($(stamp_ms "$(ordered "$lines")") - killed))
        echo "datanode $1: the first copy was ordered after $first ms"
        [ "$first" -le 12000 ] || fail "copies began only after $first ms"
        within 60 all_there
        echo "datanode $1: all copies were there after $(($(date +%s%3N) - killed)) ms"
        read_back "the loss of datanode $1"
        "$bdfs" cat "/d/during-$1" | cmp - "$work/src/f1" || fail "what was written meanwhile"
}
# ordered LINES: when the first copy was ordered, in what the log says behind LINES
ordered() {
        tail -n +$(($1 + 1)) "$log" | grep -m 1 'copy is to be made' | cut -d' ' -f1 | grep .
}

mkdir "$work/src"
for i in $(seq "$files"); do random_file "$work/src/f$i" $((i * 70000)); done
"$bdfs" mkdir /d || fail "mkdir"
"$bdfs" put "$work"/src/* /d || fail "put"
within 10 all_there
lose 2
lose 4
copies=$(grep -c 'copy is to be made' "$log")
echo "$copies copies were ordered; $files files read back each time"
