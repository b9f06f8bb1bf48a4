#!/bin/bash
# Everything we check, in the order a person would want to hear of it; the same here and anywhere.
#   scripts/ci.sh [--tidy]        --tidy adds clang-tidy, which takes some minutes
set -euo pipefail
cd "$(dirname "$0")/.."
step() { printf '\n== %s\n' "$1"; shift; local from=$SECONDS; "$@"; echo "$((SECONDS - from)) s"; }

# Formatters differ between versions; 14 (Debian 12) decides.
format() {
    command -v clang-format-14 >/dev/null || { echo "no clang-format-14 here: not checked"; return; }
    find src include tests -name '*.[ch]' -print0 | xargs -0 clang-format-14 --dry-run --Werror
}

tidy() {
    find src -name '*.c' -print0 |
        xargs -0 -n 1 -P "$(nproc)" clang-tidy --quiet -p build/release
}

step layers scripts/check-layers.sh
step limits scripts/check-limits.sh
step format format
step release scripts/test.sh release
step "address and undefined behaviour" scripts/test.sh asan
if [ "${1:-}" = --tidy ]; then step tidy tidy; fi
