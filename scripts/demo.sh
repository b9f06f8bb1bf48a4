#!/bin/sh
# The main job on a fresh machine: packages, build, and swaps between the faces of nobody that
# examples/ holds, with the generator that weights/ holds. Results: out/demo.
set -eu
cd "$(dirname "$0")/.."

scripts/setup-debian.sh
mkdir -p build
cmake --preset release >build/release.log 2>&1 || { cat build/release.log; exit 1; }
cmake --build --preset release --target guise

mkdir -p out/demo
for face in examples/*.safetensors; do
    for target in examples/*.jpg; do
        from=$(basename "$face" .safetensors) onto=$(basename "$target" .jpg)
        case $onto in "$from" | swap) continue ;; esac # not onto itself; swap.jpg is of the README
        out=out/demo/$onto-as-$from.png
        build/release/guise swap --aligned "$face" "$target" -o "$out"
    done
done
echo "The results are in $PWD/out/demo: B-as-A.png is examples/B.jpg with the identity of A."
