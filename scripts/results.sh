#!/bin/sh
# Measures every generator in weights/ on photos of people whom no training saw, and writes
# doc/results.md from that.
#   scripts/results.sh DATA [PROGRAM]   DATA/PERSON/photo.jpg; the program that is built
set -eu
[ $# -ge 1 ] || { echo "results: say where photos are: scripts/results.sh DATA" >&2; exit 2; }
data=$(realpath "$1")
cd "$(dirname "$0")/.."
program=$(realpath "${2:-build/release/guise}")
export GUISE_WEIGHTS="$PWD/weights" # networks of others: GUISE_MODELS, see doc/others.md
[ -z "${GUISE_MODELS:-}" ] || GUISE_MODELS=$(realpath "$GUISE_MODELS")
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
(cd "$(dirname "$data")" && # so that paths in the page are those of anybody
    "$program" eval swap --data "$(basename "$data")" --pairs 1000 --set every=yes --set pictures=no --out "$out")
{
    printf '# Results\n\nMade by scripts/results.sh; numbers are not edited. One machine'"'"'s time.\n'
    sed 1d "$out/report.md"
    echo
    sed -n '/^## SimSwap.s ablations/,$p' doc/results.md # scripts/ablation.sh makes that part
} >"$out/results.md"
cp "$out/results.md" doc/results.md
