#!/usr/bin/env python3
"""How much is below a path, through libbdfs and ctypes: total.py [PATH]."""
import ctypes
import sys

lib = ctypes.CDLL("libbdfs.so.0")
lib.bdfs_uri.restype = ctypes.c_char_p


class Err(ctypes.Structure):
    _fields_ = [("status", ctypes.c_int), ("text", ctypes.c_char * 1024),
                ("java_class", ctypes.c_char_p)]


class Summary(ctypes.Structure):
    _fields_ = [(n, ctypes.c_uint64) for n in ("length", "files", "directories", "space")] + \
               [(n, ctypes.c_int64) for n in ("name_quota", "space_quota")]


def must(status, err):
    if status != 0:
        sys.exit(f"total.py: {err.text.decode(errors='replace')}")


path = (sys.argv[1] if len(sys.argv) > 1 else "/").encode()
fs, err, total = ctypes.c_void_p(), Err(), Summary()
must(lib.bdfs_connect(ctypes.byref(fs), None, ctypes.byref(err)), err)
must(lib.bdfs_summary(fs, path, ctypes.byref(total), ctypes.byref(err)), err)
print(f"{lib.bdfs_uri(fs).decode()}{path.decode()}: {total.files} files, "
      f"{total.directories} directories, {total.length} bytes")
lib.bdfs_disconnect(fs)
