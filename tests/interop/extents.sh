#!/bin/bash
# tests/e2e/extents.sh with more readers: the stock Java client and, with --python, hdfs-native.
#
#   extents.sh [--python] OUTDIR        OUTDIR as of fetch.sh
#
# Exits 0 when all passed, 1 when something failed, 77 where the machine cannot run it.
set -u
here=$(cd "$(dirname "$0")" && pwd)
if [ "${EXTENTS_OUT:-}" ]; then # called back by tests/e2e/extents.sh: URI and what must be read
	command java -Djava.net.preferIPv4Stack=true -cp "$EXTENTS_OUT/classes:$EXTENTS_OUT/lib/*" PositionedReads "$1" /maps "$2" 1 || exit 1
	[ -z "${EXTENTS_PYTHON:-}" ] || "$EXTENTS_OUT/venv/bin/python" "$here/extents.py" "$1" /maps "$2" 1
	exit
fi
python=
[ "${1:-}" = --python ] && { python=--python; shift; }
[ $# -eq 1 ] || { sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2; }
# shellcheck disable=SC2086
"$here/fetch.sh" $python "$1" || exit $?
EXTENTS_OUT=$(cd "$1" && pwd) EXTENTS_PYTHON=$python MORE_READERS=$here/extents.sh exec "$here/../e2e/extents.sh"
