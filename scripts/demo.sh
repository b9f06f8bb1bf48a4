#!/bin/sh
# The main job on a fresh machine: packages, build, then swaps between faces of nobody, by the
# weights in weights/ alone. Results: out/demo.
set -eu
cd "$(dirname "$0")/.."

scripts/setup-debian.sh
mkdir -p build
cmake --preset release >build/release.log 2>&1 || { cat build/release.log; exit 1; }
cmake --build --preset release --target guise

export OMP_WAIT_POLICY=passive # do not spin where the machine has other work too
guise=build/release/guise
mkdir -p out/demo
for pair in "a c" "b d" "c e" "d f" "e a" "f b"; do
    from=${pair% *} onto=${pair#* }
    $guise swap "examples/$from.jpg" "examples/$onto.jpg" -o "out/demo/$onto-as-$from.png"
done
echo "The results are in $PWD/out/demo: c-as-a.png is examples/c.jpg with the face of examples/a.jpg."
