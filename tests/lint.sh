#!/usr/bin/env bash
# The habits that can be checked by a machine (make lint). Prints what is wrong and fails.
set -u
cd "$(dirname "$0")/.." || exit 2
fail=0
bad() { printf '%s\n' "$1"; fail=1; }

mapfile -t sources < <(git ls-files | grep -E '^(common|proto|net|namenode|datanode|client|cluster|cli|fuse|exec)/.*\.[ch]$')

# 1. Which part may include which (docs/architecture.md); that folders form no circle is tests/rooms.py's.
rules='common: |proto: common|net: common proto|client: common proto net|fuse: common client
namenode: common proto net|datanode: common proto net|exec: common proto net client
cluster: common proto net client|cli: common proto net client cluster fuse exec'
while IFS=: read -r dir may; do
        for f in $(printf '%s\n' "${sources[@]}" | grep "^$dir/"); do
                for inc in $(sed -n 's|^#include "\([a-z]*\)/.*|\1|p' "$f" | sort -u); do
                        case " $dir $may " in
                        *" $inc "*) ;;
                        *) bad "$f includes $inc/, which $dir/ may not" ;;
                        esac
                done
        done
done < <(printf '%s\n' "$rules" | tr '|' '\n')

# 2. One file knows LMDB, one directory reads the clock and opens sockets and files.
for f in $(grep -l 'lmdb\.h' "${sources[@]}"); do
        [ "$f" = namenode/store/store_internal.h ] || bad "$f includes lmdb.h; only the store may know it"
done
seam='\b(clock_gettime|gettimeofday|nanosleep|usleep|sleep|pthread_create|pthread_mutex_lock|accept4?|getrandom)\('
grep -nE "$seam" $(printf '%s\n' "${sources[@]}" | grep -E '^(namenode|datanode|net|proto)/') |
        sed 's/$/   <- use the os seam/' | grep . && fail=1

# 3. Functions that should not be used.
grep -nE '\b(strcpy|strcat|sprintf|strtok|atoi|rand|alloca|gets)\(' "${sources[@]}" && fail=1

# 4. Lines of at most 100 columns; headers that stand alone.
for f in "${sources[@]}" $(git ls-files 'tests/*.[ch]' | grep -v '^tests/vectors/'); do
        awk -v f="$f" 'length($0) > 100 {print f ":" NR ": over 100 columns"; e=1} END {exit e}' "$f" || fail=1
done
awk '/^```/ {c = !c} length($0) > 100 && !c && !/^\|/ && !/^    / {print FILENAME ":" FNR ": over 100 columns"; e=1} END {exit e}' \
        $(git ls-files '*.md') || fail=1
flags=$(pkg-config --cflags fuse3 2>/dev/null)
for h in $(printf '%s\n' "${sources[@]}" | grep '\.h$'); do
        printf '#include "%s"\n' "$h" |
                gcc -std=gnu17 -D_GNU_SOURCE -I. -Ibuild/gen $flags -Wall -fsyntax-only -x c - 2>/dev/null ||
                bad "$h does not compile alone"
done

# 5. Shell scripts parse.
for s in $(git ls-files '*.sh' .ci/run); do bash -n "$s" || bad "$s does not parse"; done

# 6. Codes of rules that are named stand in docs/decisions.md.
named=$(
        { cat $(git ls-files '*.md' | grep -v '^docs/decisions.md$')
          git ls-files '*.c' '*.h' | xargs awk '/\/\*/ {c = 1} c {print} /\*\// {c = 0}'
          git ls-files '*.proto' | xargs sed -n 's|.*//||p'
          git ls-files '*.sh' | xargs sed -n 's/^ *# //p'
        } | grep -oE '\b(D|N|B|C|X|P|E|F|S|Q|K)[1-9][0-9]?\b' | grep -vx 'C17' | sort -u)
for code in $named; do
        grep -q "^| $code |" docs/decisions.md || bad "the code $code is not explained in docs/decisions.md"
done
[ "$(printf '%s\n' "$named" | wc -l)" -gt 20 ] || bad "codes of rules are not found any more"

# 7. A file that documents or comments name is there.
for name in $(
        { cat $(git ls-files '*.md')
          git ls-files '*.c' '*.h' | xargs awk '/\/\*/ {c = 1} c {print} /\*\// {c = 0}'
        } | grep -oE '\b(common|proto|net|namenode|datanode|client|cluster|cli|fuse|exec|tests|docs|examples|packaging)/[A-Za-z0-9_/.-]*[A-Za-z0-9_]\.(c|h|md|sh|py|proto|map|bash)\b' | sort -u); do
        [ -e "$name" ] || bad "$name is named and does not exist"
done

exit $fail
