#!/usr/bin/env python3
"""Rooms: which folder uses which, and the figures of the style's budget (make lint).

An edge from one folder to another is a symbol that an object file of the first needs and one of the
second defines, or an include. Folders form no circle; the seam (common with common/linux and
common/sim, one of which is linked) is meant to be one. A table of functions that one folder hands to
another is an edge that no linker sees: such are listed in REGISTERED, with the header that says so.
No two source files have one name.

    tests/rooms.py BUILD            check; say what is wrong and exit with 1
    tests/rooms.py BUILD --edges    every edge with a reason
"""
import collections
import os
import re
import statistics
import subprocess
import sys

SEAM = {"common", "common/linux", "common/sim"}
REGISTERED = {}  # (who calls, who was handed over): header
SOURCES = r"(common|proto|net|namenode|datanode|client|cluster|cli|fuse|exec)/.*\.[ch]$"

build = sys.argv[1]
listed = subprocess.check_output(["git", "ls-files"], text=True).split()
files = [f for f in listed if re.match(SOURCES, f)]
edges = collections.defaultdict(lambda: collections.defaultdict(set))
wrong = []


def room(f):
    d = os.path.dirname(f)
    return "common" if d in SEAM else d


def symbols():
    """{name: file that defines it}, {file: names that it needs}."""
    defines, needs = {}, {}
    for f in (f for f in files if f.endswith(".c")):
        o = f"{build}/{f[:-2]}.o"
        if not os.path.exists(o):
            wrong.append(f"{o} is not there: build first")
            continue
        for line in subprocess.check_output(["nm", o], text=True).splitlines():
            kind, name = line.split()[-2:]
            if kind in "TDBRV":
                if name in defines and name != "main" and room(f) != "common":
                    wrong.append(f"{name} is defined in {defines[name]} and in {f}")
                defines.setdefault(name, f)
            elif kind == "U":
                needs.setdefault(f, set()).add(name)
    return defines, needs


def find_edges():
    defines, needs = symbols()
    for f, names in needs.items():
        for name in names:
            d = defines.get(name)
            if d is not None and room(d) != room(f):
                edges[room(f)][room(d)].add(f"{f} needs {name} of {d}")
    for f in files:
        for inc in re.findall(r'^#include "([^"]+)"', open(f).read(), re.M):
            if inc in files and room(inc) != room(f):
                edges[room(f)][room(inc)].add(f"{f} includes {inc}")
    for (caller, handed), header in REGISTERED.items():
        edges[caller][handed].add(f"handed over, see {header}")


def circles():
    """Folders that use each other, by strongly connected components (Tarjan)."""
    index, low, stack, on, found = {}, {}, [], set(), []

    def visit(v):
        index[v] = low[v] = len(index)
        stack.append(v)
        on.add(v)
        for w in list(edges[v]):
            if w not in index:
                visit(w)
                low[v] = min(low[v], low[w])
            elif w in on:
                low[v] = min(low[v], index[w])
        if low[v] == index[v]:
            members = []
            while not members or members[-1] != v:
                members.append(stack.pop())
                on.discard(members[-1])
            if len(members) > 1:
                found.append(sorted(members))

    for r in sorted({room(f) for f in files}):
        if r not in index:
            visit(r)
    return found


def nesting(body):
    """How deep statements stand; lines that go on with another are none."""
    deepest, before = 1, ";"
    for line in body:
        text = re.sub(r"/\*.*?\*/", "", line).rstrip()
        if text.strip() and before[-1] in ";{}:" and not text.lstrip().startswith(("*", "/*", "#")):
            deepest = max(deepest, (len(text) - len(text.lstrip())) // 8)
        before = text.strip() or before
    return deepest


def functions(text):
    """(name, lines, parameters, nesting, branches): a body is between { and } in column 0."""
    lines = text.split("\n")
    for i, line in enumerate(lines):
        if line != "{":
            continue
        head, k = "", i - 1
        while k >= 0 and lines[k] and not lines[k].startswith(("}", "#", "/*", " *")):
            head = lines[k].strip() + " " + head
            k -= 1
        m = re.search(r"\b(\w+)\(((?:[^;()]|\([^()]*\))*)\)\s*$", head)
        if not m:
            continue
        end = i + 1
        while end < len(lines) and lines[end] != "}":
            end += 1
        body = lines[i + 1:end]
        given = re.sub(r"\([^()]*\)", "", m.group(2)).strip()
        code = re.sub(r'/\*.*?\*/|"(\\.|[^"\\])*"', "", "\n".join(body), flags=re.S)
        yield (m.group(1), len(body), 0 if given in ("void", "") else given.count(",") + 1,
               nesting(body), len(re.findall(r"\b(?:if|for|while|case)\b|&&|\|\||\?", code)))


def percentile(values, p):
    values = sorted(values)
    return values[min(len(values) - 1, int(p * len(values)))]


def figures():
    found, asserted, variables, total, comment, code = [], 0, 0, 0, 0, 0
    c_lines, h_lines = [], []
    for f in files:
        text = open(f).read()
        bare = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
        total += text.count("\n")
        (c_lines if f.endswith(".c") else h_lines).append(text.count("\n"))
        comment += sum(m.group(0).count("\n") + 1 for m in re.finditer(r"/\*.*?\*/", text, re.S))
        code += sum(1 for line in bare.split("\n") if line.strip())
        if f.endswith(".c"):
            found += [(f,) + x for x in functions(text)]
            asserted += len(re.findall(r"\bBDFS_ASSERT\(|\bstatic_assert\(", bare))
            variables += len(re.findall(r"^(?:static )?(?!const|typedef|extern|return)(?!.*\bconst\b)"
                                        r"(?:volatile )?[a-z][\w ]* \*?\w+(?:\[\w*\])*(?: = [^;]*)?;$",
                                        bare, re.M))
    tests = sum(open(f).read().count("\n") for f in listed
                if f.startswith("tests/") and re.search(r"\.(c|h|sh|py|java)$", f))
    rows = [
        ("function lines, median / 95th", "%d / %d" % (statistics.median(x[2] for x in found),
                                                       percentile([x[2] for x in found], .95)), "20 / 60"),
        (".c lines, median", "%d" % statistics.median(c_lines), "300"),
        (".h lines, median", "%d" % statistics.median(h_lines), "60"),
        ("parameters, 95th", "%d" % percentile([x[3] for x in found], .95), "5"),
        ("nesting, 95th", "%d" % percentile([x[4] for x in found], .95), "3"),
        ("branches a function, 95th", "%d" % percentile([x[5] for x in found], .95), "12"),
        ("comment share", "%.0f %%" % (100 * comment / (comment + code)), "12-20 %"),
        ("assertions a function", "%.2f" % (asserted / len(found)), "1"),
        ("mutable file-scope variables, 1,000 lines", "%.2f" % (1000 * variables / total), "0.5"),
        ("test lines a code line", "%.2f" % (tests / total), "1"),
    ]
    print("%-44s %10s %10s" % ("%d functions in %d files" % (len(found), len(files)), "here", "aim"))
    for row in rows:
        print("%-44s %10s %10s" % row)
    many = sorted((f"{name} of {f}" for f, name, _, n, _, _ in found if n > 6))
    print(f"{len(many)} functions have more than 6 parameters")
    return many


find_edges()
names = collections.defaultdict(list)
for f in files:
    names[os.path.basename(f)].append(f)
wrong += ["two files of one name: " + " ".join(same) for same in names.values() if len(same) > 1]
for members in circles():
    wrong.append("a circle: " + " ".join(members))
    for a in members:
        for b in members:
            wrong += [f"  {a} -> {b}: {why}" for why in sorted(edges[a].get(b, ()))[:3]]
if "--edges" in sys.argv:
    for a in sorted(edges):
        for b in sorted(edges[a]):
            print(f"{a} -> {b}: {len(edges[a][b])}, such as: {sorted(edges[a][b])[0]}")
else:
    many = figures()
    if "-v" in sys.argv:
        print("\n".join(many))
print("\n".join(wrong), end="\n" if wrong else "")
sys.exit(1 if wrong else 0)
