#!/bin/sh
# The main job on a fresh machine: packages, build, then swaps between faces of nobody: crops and
# saved faces in examples/aligned, the generator in weights/. Results: out/demo.
set -eu
cd "$(dirname "$0")/.."

scripts/setup-debian.sh
mkdir -p build
cmake --preset release >build/release.log 2>&1 || { cat build/release.log; exit 1; }
cmake --build --preset release --target guise

export OMP_WAIT_POLICY=passive # do not spin where the machine has other work too
mkdir -p out/demo
for from in a b; do
    for onto in c d e f; do
        build/release/guise swap --aligned "examples/aligned/$from.safetensors" \
            "examples/aligned/$onto.jpg" -o "out/demo/$onto-as-$from.png"
    done
done
echo "The results are in $PWD/out/demo: c-as-a.png is examples/aligned/c.jpg with the face of a."
