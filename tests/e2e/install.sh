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
