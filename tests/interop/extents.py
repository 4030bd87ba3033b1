#!/usr/bin/env python3
"""Files of a file system against local ones through hdfs-native: whole, and from random positions.

    extents.py URI DIRECTORY LOCAL-DIRECTORY SEED
"""
import os
import random
import sys

from hdfs_native import Client

uri, directory, local, seed = sys.argv[1:]
dice = random.Random(int(seed))
client = Client(uri)
names = os.listdir(local)
for name in names:
    with open(f"{local}/{name}", "rb") as f:
        want = f.read()
    with client.read(f"{directory}/{name}") as f:
        if f.read() != want:
            sys.exit(f"{name}: other bytes")
        for i in range(60):
            at = dice.randrange(len(want))
            n = dice.randrange(min(len(want) - at, len(want) if i % 4 == 0 else 2000) + 1)
            got = f.read_range(at, n)
            if got != want[at:at + n]:
                sys.exit(f"{name}: {n} bytes from {at}: other ones")
print(f"hdfs-native: {len(names)} files")
