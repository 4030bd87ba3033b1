#!/usr/bin/env python3
"""Runs each fuzz target on INPUTS inputs and says which part of its decoder's lines they reached.

   coverage.py BUILD INPUTS [TARGET...]     BUILD: targets built with coverage

tests/fuzz/decoders says which functions are the decoder of a target. Fails when a target does not
end well, when a target or a function is missing there or here, or under 90 %.
"""
import fnmatch, json, os, pathlib, re, subprocess, sys

HERE = pathlib.Path(__file__).parent
LEAST = 90.0


def table():
    """target -> [(file, wanted by pattern?, patterns)]"""
    rows = {}
    for line in (HERE / 'decoders').read_text().splitlines():
        words = line.split('#')[0].split()
        if not words:
            continue
        target, file, marks = words[0], words[1], words[2:]
        signs = {m[0] for m in marks}
        if len(signs) > 1 or not signs <= {'+', '-'}:
            sys.exit(f'tests/fuzz/decoders: {line}')
        rows.setdefault(target, []).append((file, signs == {'+'}, [m[1:] for m in marks]))
    return rows


def run(build, target, inputs):
    corpus = build / 'corpus' / target
    corpus.mkdir(parents=True, exist_ok=True)
    seeds = HERE / 'corpus' / target
    profile = build / f'{target}.profraw'
    log = build / f'{target}.log'
    args = [build / target, f'-runs={inputs}', '-rss_limit_mb=2048', '-timeout=10',
            '-print_final_stats=1', f'-artifact_prefix={build}/{target}-', corpus] + ([seeds] if seeds.is_dir() else [])
    with open(log, 'w') as to:
        rc = subprocess.run(args, stdout=to, stderr=to, stdin=subprocess.DEVNULL,
                            env={**os.environ, 'LLVM_PROFILE_FILE': str(profile)}).returncode
    text = log.read_text(errors='replace')
    if rc != 0:
        sys.exit('\n'.join(text.splitlines()[-40:]) + f'\nFAILED  {target}')
    return int(re.search(r'number_of_executed_units: (\d+)', text).group(1)), profile


def measured(build, target, profile, files):
    """(file -> {line: count}, file -> {function: (first, last)})"""
    data = profile.with_suffix('.profdata')
    subprocess.run(['llvm-profdata', 'merge', '-sparse', profile, '-o', data], check=True)

    def export(*more):
        return subprocess.run(['llvm-cov', 'export', f'-instr-profile={data}', build / target,
                               *more, *files], check=True, capture_output=True, text=True).stdout
    lines, at = {}, None
    for row in export('-format=lcov').splitlines():
        if row.startswith('SF:'):
            at = lines.setdefault(os.path.relpath(row[3:]), {})
        elif row.startswith('DA:'):
            line, count = row[3:].split(',')[:2]
            at[int(line)] = int(count)
    functions = {}
    for f in json.loads(export())['data'][0]['functions']:
        name, file = f['name'].split(':')[-1], os.path.relpath(f['filenames'][0])
        body = [r for r in f['regions'] if r[5] == 0][0]
        functions.setdefault(file, {})[name] = (body[0], body[2])
    return lines, functions


def matches(name, patterns):
    return any(fnmatch.fnmatchcase(name, p) for p in patterns)


def main():
    build, inputs = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    failed = False
    without = {f.stem for f in HERE.glob('fuzz_*.c')} ^ set(table())
    if without:
        sys.exit(f'tests/fuzz/decoders and tests/fuzz/fuzz_*.c differ: {sorted(without)}')
    for target, rows in table().items():
        if sys.argv[3:] and target not in sys.argv[3:]:
            continue
        ran, profile = run(build, target, inputs)
        lines, functions = measured(build, target, profile, [r[0] for r in rows])
        total = reached = 0
        missed = []
        for file, named, patterns in rows:
            there = functions.get(file, {})
            for p in patterns:
                if not any(matches(name, [p]) for name in there):
                    sys.exit(f'tests/fuzz/decoders: {file} has no function {p}')
            for name, (first, last) in sorted(there.items(), key=lambda x: x[1]):
                if matches(name, patterns) != named:
                    continue
                own = {n: c for n, c in lines[file].items() if first <= n <= last}
                total += len(own)
                reached += sum(c > 0 for c in own.values())
                missed += [f'{file}:{n} {name}' for n, c in own.items() if c == 0]
        share = 100.0 * reached / total if total else 0.0
        bad = share < LEAST or ran < inputs
        failed |= bad
        print(f'{"FAILED" if bad else "ok":6}  {target:20}  {ran} inputs  '
              f'{reached} of {total} lines  {share:.1f} %', flush=True)
        (build / f'{target}.missed').write_text(''.join(m + '\n' for m in missed))
        if bad:
            print('\n'.join('        ' + m for m in missed))
    sys.exit(failed)


main()
