#!/bin/sh
# Installs what BUILD holds, builds examples/embed.c with what was installed, and runs both the
# program and the example where no checkout is near.
#   tests/install.sh SOURCE BUILD
set -eu
source=$1 build=$2
unset GUISE_WEIGHTS GUISE_MODELS
command -v pkg-config >/dev/null || { echo "skipped: there is no pkg-config"; exit 77; }
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cmake --install "$build" --prefix "$place/usr" >/dev/null
cd "$place"
pc=$(dirname "$(find usr -name guise.pc)")
export PKG_CONFIG_PATH="$place/$pc" LD_LIBRARY_PATH="$place/$pc/.."

fail() { echo "install: $1" >&2; exit 1; }
exported=$(nm -D --defined-only "$place/$pc/../libguise.so" | awk '$2 == "T" {print $3}' | grep -v '^guise_') &&
    fail "libguise.so exports more than guise.h declares: $exported"
usr/bin/guise models | grep -q simswap-128 || fail "the installed program has no weights"
usr/bin/guise models | grep -q unknown && fail "the sums were not installed"
cflags=$(pkg-config --cflags guise) libs=$(pkg-config --libs guise)
# shellcheck disable=SC2086
"${CC:-cc}" -Wall -Werror "$source/examples/embed.c" $cflags $libs -o embed
[ "$(./embed "$source/examples/a.jpg" "$source/examples/c.jpg" out.png)" = "1 faces changed" ] ||
    fail "embed did not swap the one face"
[ -s out.png ] || fail "embed wrote nothing"
./embed "$source/examples/a.jpg" nowhere.jpg out2.png 2>said && fail "a missing photo was no error"
grep -q nowhere.jpg said && [ ! -e out2.png ] || fail "a missing photo was not named: $(cat said)"
