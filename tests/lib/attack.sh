# Sourced by the scripts that attack a cluster, after e2e.sh: two real users, one who attacks and one
# whose calls are timed meanwhile (printed, never asserted).
attacker=games
victim=man
tools=${BDFS_TOOLS:-$build/tests}

needs_two_users() {
        [ "$(id -u)" -eq 0 ] || skip "becoming other users needs root"
        getent passwd "$attacker" >/dev/null && getent passwd "$victim" >/dev/null ||
                skip "no users $attacker and $victim here"
        need setpriv
        need jq
        for_all_users
}
as() { # as USER COMMAND...
        setpriv --reuid "$1" --regid "$(id -g "$1")" --init-groups env HOME=/nonexistent "${@:2}"
}

# A directory for everybody with the victim's file in it.
prepare_victim() {
        random_file "$work/file" 262144
        chmod 644 "$work/file"
        "$bdfs" mkdir /attack && "$bdfs" chmod 777 /attack || fail "mkdir /attack"
        as "$victim" "$bdfs" put "$work/file" /attack/file || fail "put /attack/file"
}
# latency WORD SECONDS: one line with the victim's p50 and p99.
latency() {
        "$tools/victim" "$BDFS_CONF" "$victim" /attack/file "$2" "$1" ||
                fail "calls of the victim failed: $1"
}
# The victim's and the owner's own commands, each over new connections.
works_for() { # works_for USER WORD
        local got=$work/got-$1
        rm -f "$got"
        timeout 60 setpriv --reuid "$1" --regid "$(id -g "$1")" --init-groups env HOME=/nonexistent \
                "$bdfs" cat /attack/file >"$got" || fail "$2: cat by $1"
        same "$work/file" "$got"
        as "$1" timeout 60 "$bdfs" put -f "$work/file" "/attack/by-$1" || fail "$2: put by $1"
        as "$1" timeout 60 "$bdfs" ls /attack >/dev/null || fail "$2: ls by $1"
}
# resident ROLE ID: MiB that the process has in memory.
resident() { awk '/^VmRSS/ { print int($2 / 1024) }' "/proc/$(pid_of "$1" "$2")/status"; }
