#!/usr/bin/env python3
"""hdfs-native (the Rust client), and pyarrow over it, against a file system that speaks HDFS's protocol.

    native.py URI DIRECTORY

DIRECTORY is made anew.  One line for each check, "ok NAME" or "FAIL NAME: why"; exits 1 when one failed.
"""
import os
import random
import sys
import traceback

import pyarrow
import pyarrow.dataset
import pyarrow.parquet
from hdfs_native import Client, WriteOptions
from hdfs_native.fsspec import HdfsFileSystem

BLOCK = 1 << 20
URI = None
CHECKS = []


def check(f):
    CHECKS.append(f)
    return f


def same(want, got, what):
    if want != got:
        raise AssertionError(f"{what}: {got!r} instead of {want!r}")


def noise(seed, n):
    return random.Random(seed).randbytes(n)


def put(c, path, data, **options):
    with c.create(path, WriteOptions(block_size=BLOCK, replication=2, **options)) as f:
        f.write(data)


def get(c, path):
    with c.read(path) as f:
        return f.read()


def refused(what, f):
    try:
        f()
    except Exception:
        return
    raise AssertionError(f"{what}: not refused")


@check
def write_and_read(c, d):
    for n in (0, 1, 511, 512, 513, 65536, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 7):
        put(c, f"{d}/f{n}", noise(n, n))
        same(n, c.get_file_info(f"{d}/f{n}").length, "length")
        if get(c, f"{d}/f{n}") != noise(n, n):
            raise AssertionError(f"bytes of {n}")


@check
def read_range(c, d):
    data = noise(1, 3 * BLOCK + 99)
    put(c, f"{d}/f", data)
    r = random.Random(2)
    with c.read(f"{d}/f") as f:
        same(len(data), len(f), "length")
        for _ in range(100):
            at = r.randrange(len(data))
            n = min(r.randrange(1, 100000), len(data) - at)
            if f.read_range(at, n) != data[at:at + n]:
                raise AssertionError(f"bytes {at}+{n}")
        f.seek(BLOCK - 5)
        same(data[BLOCK - 5:BLOCK + 5], f.read(10), "bytes over a block's edge")


@check
def overwrite(c, d):
    put(c, f"{d}/f", b"old" * 1000)
    refused("create over a file", lambda: put(c, f"{d}/f", b"new"))
    put(c, f"{d}/f", b"new", overwrite=True)
    same(b"new", get(c, f"{d}/f"), "bytes")


@check
def append(c, d):
    data = b""
    put(c, f"{d}/f", data)
    for k, n in enumerate((10, 502, 513, BLOCK, 70000, 1, 2 * BLOCK)):
        with c.append(f"{d}/f") as f:
            f.write(noise(k, n))
        data += noise(k, n)
        same(len(data), c.get_file_info(f"{d}/f").length, "length")
        if get(c, f"{d}/f") != data:
            raise AssertionError(f"bytes after append {k}")


@check
def status(c, d):
    put(c, f"{d}/f", b"x" * 100, permission=0o640)
    s = c.get_file_info(f"{d}/f")
    same((100, False, 0o640, 2, BLOCK), (s.length, s.isdir, s.permission, s.replication, s.blocksize), "status")
    refused("status of what is missing", lambda: c.get_file_info(f"{d}/none"))
    c.set_permission(f"{d}/f", 0o600)
    c.set_times(f"{d}/f", 1234567890123, 1234567890456)
    c.set_owner(f"{d}/f", "somebody", "somegroup")
    c.set_replication(f"{d}/f", 1)
    s = c.get_file_info(f"{d}/f")
    same((0o600, 1234567890123, 1234567890456, "somebody", "somegroup", 1),
         (s.permission, s.modification_time, s.access_time, s.owner, s.group, s.replication), "status")


@check
def listing(c, d):
    for n in ("b", "a", "c"):
        put(c, f"{d}/x/{n}", n.encode(), create_parent=True)
    c.mkdirs(f"{d}/x/sub/deep", 0o755, True)
    same(["a", "b", "c", "sub"], [s.path.rsplit("/", 1)[-1] for s in c.list_status(f"{d}/x")], "names")
    same(5, len(list(c.list_status(f"{d}/x", True))), "names, recursively")
    refused("listing of what is missing", lambda: list(c.list_status(f"{d}/none")))
    for i in range(1100):
        c.mkdirs(f"{d}/many/d{i:05d}", 0o755, True)
    same([f"d{i:05d}" for i in range(1100)], [s.path.rsplit("/", 1)[-1] for s in c.list_status(f"{d}/many")], "names over two pages")
    same(4, len(c.glob_status(f"{d}/x/*")), "glob")


@check
def rename_and_delete(c, d):
    put(c, f"{d}/f", b"1")
    put(c, f"{d}/g", b"2")
    refused("rename onto a file", lambda: c.rename(f"{d}/f", f"{d}/g"))
    c.rename(f"{d}/f", f"{d}/g", True)
    same(b"1", get(c, f"{d}/g"), "bytes")
    refused("rename of what is missing", lambda: c.rename(f"{d}/f", f"{d}/h"))
    c.mkdirs(f"{d}/t/u", 0o755, True)
    refused("delete of a directory that is not empty", lambda: c.delete(f"{d}/t", False))
    same(True, c.delete(f"{d}/t", True), "delete")
    same(False, c.delete(f"{d}/t", True), "delete of what is missing")


@check
def summary(c, d):
    put(c, f"{d}/a/f", noise(1, 1000), create_parent=True)
    put(c, f"{d}/a/g", noise(1, 500))
    s = c.get_content_summary(d)
    same((1500, 2, 2, 3000), (s.length, s.file_count, s.directory_count, s.space_consumed), "summary")


@check
def hsync(c, d):
    with c.create(f"{d}/f", WriteOptions(block_size=BLOCK, replication=2)) as f:
        f.write(b"a" * 1000)
        f.hsync()
        f.write(b"b" * (BLOCK + 10))
        f.hsync()
    same(b"a" * 1000 + b"b" * (BLOCK + 10), get(c, f"{d}/f"), "bytes")


@check
def parquet(c, d):
    """pyarrow writes a partitioned Parquet data set through fsspec and reads it back."""
    host, port = URI.split("//")[1].split(":")
    fs = HdfsFileSystem(host=host, port=int(port))
    n = 20000
    t = pyarrow.table({"k": [i % 7 for i in range(n)], "v": list(range(n)), "s": [f"row {i}" for i in range(n)]})
    pyarrow.dataset.write_dataset(t, f"{d}/set", filesystem=fs, format="parquet", partitioning=["k"], partitioning_flavor="hive")
    back = pyarrow.dataset.dataset(f"{d}/set", filesystem=fs, format="parquet", partitioning="hive").to_table()
    same(n, back.num_rows, "rows")
    same(sum(range(n)), sum(back["v"].to_pylist()), "sum")
    three = pyarrow.dataset.dataset(f"{d}/set", filesystem=fs, format="parquet", partitioning="hive").to_table(filter=pyarrow.dataset.field("k") == 3)
    same({3}, set(three["k"].to_pylist()), "one partition")
    pyarrow.parquet.write_table(t, f"{d}/one.parquet", filesystem=fs, row_group_size=1000)
    same(t["s"].to_pylist(), pyarrow.parquet.read_table(f"{d}/one.parquet", filesystem=fs, columns=["s"])["s"].to_pylist(), "a column")


def main():
    global URI
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    URI, base = sys.argv[1], sys.argv[2]
    c = Client(URI)
    c.delete(base, True)
    bad = 0
    for f in CHECKS:
        d = f"{base}/{f.__name__}"
        c.mkdirs(d, 0o755, True)
        try:
            f(c, d)
            print("ok", f.__name__)
        except BaseException as e:
            at = traceback.extract_tb(e.__traceback__)[-1].lineno
            print(f"FAIL {f.__name__}: {type(e).__name__}: {str(e).splitlines()[0] if str(e) else ''} (line {at})")
            bad += 1
        sys.stdout.flush()
    print(f"{len(CHECKS) - bad} ok, {bad} failed", flush=True)
    # The client's own threads do not survive an ordinary exit of the interpreter.
    os._exit(1 if bad else 0)


if __name__ == "__main__":
    main()
