#!/usr/bin/env bash
# `make install` into an empty prefix, and what others do with it: a C program by pkg-config, shared and
# static, the header alone in C and C++, the library from Python. Exported is what bdfs.h declares.
. "$(dirname "$0")/../lib/e2e.sh" || exit 1
need pkg-config
need gcc
need clang
need python3
prefix=$work/prefix
make -C "$root" --no-print-directory O="${build#"$root"/}" install DESTDIR="$prefix" PREFIX=/usr >"$work/install.out" 2>&1 ||
        fail "make install: $(tail -n 20 "$work/install.out")"
export PKG_CONFIG_PATH=$prefix/usr/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$prefix
export LD_LIBRARY_PATH=$prefix/usr/lib
for f in bin/bdfs bin/bdfs-namenode bin/bdfs-datanode bin/bdfs-mount bin/bdfs-agent include/bdfs.h \
        lib/libbdfs.a lib/libbdfs.so lib/libbdfs.so.0 lib/pkgconfig/bdfs.pc; do
        [ -e "$prefix/usr/$f" ] || fail "$f was not installed"
done

# The header needs nothing else of ours, in C and in C++.
for lang in c c++; do
        printf '#include <bdfs.h>\nint main(void) { return bdfs_status_exit(BDFS_OK); }\n' >"$work/alone.$lang"
        clang -x "$lang" -Wall -Wextra -Wpedantic -Werror -c "$work/alone.$lang" -I "$prefix/usr/include" -o "$work/alone.o" ||
                fail "bdfs.h does not compile alone in $lang"
done

# What is exported is what the header declares, and nothing else; the archive has no other name either.
sed 's|/\*.*\*/||' "$prefix/usr/include/bdfs.h" | grep -v '^ \*' | grep -oE '\bbdfs_[a-z_]+\(' | tr -d '(' | sort -u >"$work/declared"
nm -D --defined-only "$prefix/usr/lib/libbdfs.so.0" | awk '$2 == "T" {sub(/@.*/, "", $3); print $3}' | sort >"$work/exported"
nm -g --defined-only "$prefix/usr/lib/libbdfs.a" | awk 'NF == 3 {print $3}' | sort >"$work/archived"
[ "$(wc -l <"$work/declared")" -gt 40 ] || fail "bdfs.h declares too little: $(cat "$work/declared")"
diff "$work/declared" "$work/exported" || fail "libbdfs.so exports something else than bdfs.h declares"
diff "$work/declared" "$work/archived" || fail "libbdfs.a has other names than bdfs.h declares"
readelf -d "$prefix/usr/lib/libbdfs.so.0" | grep -q 'SONAME.*\[libbdfs.so.0\]' || fail "no soname"

bdfs=$prefix/usr/bin/bdfs
up --datanodes 1 --no-agents
random_file "$work/in" 3000001
read -r -a flags <<<"$(pkg-config --cflags --libs bdfs)"
gcc -Wall -Wextra -Werror "$root/examples/put_get.c" "${flags[@]}" -o "$work/shared" || fail "link with libbdfs.so"
"$work/shared" "$work/in" /by/shared "$work/out" || fail "put_get"
same "$work/in" "$work/out"
# Of the static link, libbdfs alone: Debian has no static libisal in every release.
read -r -a flags <<<"$(pkg-config --static --cflags --libs bdfs)"
gcc "$root/examples/put_get.c" -Wl,-Bstatic -L"$prefix/usr/lib" -lbdfs -Wl,-Bdynamic "${flags[@]}" -o "$work/static" || fail "link with libbdfs.a"
! readelf -d "$work/static" | grep -q 'NEEDED.*libbdfs' || fail "the static program wants libbdfs.so"
"$work/static" "$work/in" /by/static "$work/out" || fail "put_get, static"
same "$work/in" "$work/out"
python3 "$root/examples/total.py" /by >"$work/py" || fail "ctypes"
grep -q '/by: 2 files, 1 directories, 6000002 bytes$' "$work/py" || fail "ctypes: $(cat "$work/py")"
expect 1 'is not a directory' "$work/shared" "$work/in" "/by/shared/below/a/file" "$work/out"

# Help: every verb has one, with exit 0, and every option of its usage line is explained; the pages are well formed.
for v in $("$bdfs" --verbs); do
        "$bdfs" "$v" --help >"$work/help" 2>"$work/help.err" </dev/null || fail "$v --help: exit $?"
        [ -s "$work/help.err" ] && fail "$v --help writes to standard error: $(cat "$work/help.err")"
        head -n 1 "$work/help" | grep -q "^usage: bdfs $v" || fail "$v --help: $(head -n 1 "$work/help")"
        for o in $(head -n 1 "$work/help" | sed 's/^usage: bdfs [^ ]*//' | grep -oE '(^|[][ |])--?[A-Za-z][A-Za-z-]*' | tr -d '][ |' | sort -u); do
                [ "$v" = test ] && break # its options are written together, -[defswrz]
                sed 1d "$work/help" | grep -qE -- "^  $o( |\$|\\[)" || fail "$v --help says nothing of $o"
        done
        [ -s "$prefix/usr/share/man/man1/bdfs-$v.1" ] || fail "no manual page of $v"
done
for p in bdfs bdfs-namenode bdfs-datanode bdfs-agent bdfs-mount; do
        "$prefix/usr/bin/$p" --help >/dev/null </dev/null || fail "$p --help: exit $?"
done
need mandoc
mandoc -T lint -W warning "$prefix"/usr/share/man/man*/* || fail "manual pages"

# Completion in an interactive bash: verbs, options, names of the cluster.
cat >"$work/complete.py" <<'P'
import os, pty, re, select, sys, time
typed, wanted = sys.argv[1].encode(), sys.argv[2]
pid, fd = pty.fork()
if pid == 0:
    os.environ.update(PS1="READY> ", TERM="dumb")
    os.execvp("bash", ["bash", "--norc", "--noprofile", "-i"])
seen, step, end = b"", 0, time.time() + 30
while time.time() < end:
    if select.select([fd], [], [], 0.1)[0]:
        seen += os.read(fd, 4096)
    if step == 0 and b"READY> " in seen:
        os.write(fd, b"source " + os.environ["COMPLETION"].encode() + b" && echo LOADED$((1+1))\r")
        step = 1
    elif step == 1 and b"LOADED2" in seen and seen.endswith(b"READY> "):
        seen = b""
        os.write(fd, typed + b"\t\t")
        step = 2
    elif step == 2 and re.search(wanted, seen.decode(errors="replace")):
        sys.exit(0)
sys.exit(f"completing {typed!r} never showed {wanted!r}: {seen!r}")
P
export COMPLETION=$prefix/usr/share/bash-completion/completions/bdfs PATH=$prefix/usr/bin:$PATH
printf x | "$bdfs" put - "/by/with blank" || fail put
completes() { python3 "$work/complete.py" "$1" "$2" || fail "completion of: $1"; }
completes 'bdfs trunc' 'bdfs truncate '
completes 'bdfs rm -skip' 'bdfs rm -skipTrash '
completes 'bdfs cluster ' 'down +status +up'
completes 'bdfs cat /b' 'bdfs cat /by/'
completes 'bdfs cat /by/' 'shared .*static'
completes 'bdfs cat /by/wi' 'bdfs cat /by/with\\ blank'
