#!/bin/sh
# gpu.sh -- everything that needs a GPU, by one command: build, all tests labelled gpu, then networks
# and training steps beside PyTorch eager and torch.compile (channels-last, bf16) in the same run,
# and the table of them in Markdown.
#
#   bench/gpu.sh [DEVICE]      DEVICE: cuda:0 by default
#
#   GUISE    the program, already built: then nothing is built or tested
#   PYTHON   with torch for CUDA; default python3; columns of PyTorch are left out without it
#   NETS SIZE BATCHES RECIPE STEP_BATCH RUNS ROUNDS PRODUCT
#            default "simswap arcface-se", 224, "1 16", simswap, 16, 20, 3, 8192
set -eu
here=$(cd "$(dirname "$0")" && pwd)
device=${1:-cuda:0} size=${SIZE:-224} batches=${BATCHES:-1 16} step_batch=${STEP_BATCH:-16}
runs=${RUNS:-20} rounds=${ROUNDS:-3} product=${PRODUCT:-8192} python=${PYTHON:-python3}
build=$here/../build/release guise=${GUISE:-$here/../build/release/guise}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if [ -z "${GUISE:-}" ]; then
    mkdir -p "$here/../build"
    (cd "$here/.." && cmake --preset release -DGUISE_CUDA=ON >build/gpu.log && cmake --build --preset release)
fi
if ! "$guise" bench net simswap --size 32 --runs 1 --device "$device" >"$work/log" 2>&1; then
    echo "gpu.sh: $device cannot be used here: $(tail -n 1 "$work/log")" >&2
    exit 1
fi
if [ -z "${GUISE:-}" ]; then ctest --test-dir "$build" -L gpu --output-on-failure; fi

torch=
if "$python" "$here/peers/pytorch_gpu.py" check >"$work/torch" 2>&1; then
    torch=$python
else
    echo "gpu.sh: PyTorch's columns are left out: $(tail -n 1 "$work/torch")" >&2
fi
peer() { # arguments of pytorch_gpu.py; its number, or 0
    if [ -z "$torch" ]; then echo 0 && return; fi
    "$torch" "$here/peers/pytorch_gpu.py" "$@" 2>"$work/peer" || {
        tail -n 1 "$work/peer" >&2
        echo 0
    }
}
field() { # number of a field in JSON, of which its first line with that name counts
    sed -n "s/^ *\"$1\": *\([0-9.e+-]*\).*/\1/p" | head -n 1
}
best_of() { # the median of the lines on stdin
    sort -g | awk '{ v[NR] = $1 } END { print NR ? (v[int((NR + 1) / 2)] + v[int((NR + 2) / 2)]) / 2 : 0 }'
}
row() { # TITLE PICTURES: turns lie in $work/ours, eager, compiled; macs of a run in $macs
    ours=$(best_of <"$work/ours") eager=$(best_of <"$work/eager") comp=$(best_of <"$work/compiled")
    awk -v t="$1" -v n="$2" -v o="$ours" -v e="$eager" -v c="$comp" -v m="$macs" -v top="$rate" 'BEGIN {
        eager = e > 0 ? sprintf("%.2f", 1e3 * e) : "-"
        compiled = c > 0 ? sprintf("%.2f", 1e3 * c) : "-"
        faster = c > 0 ? sprintf("%.2f", c / o) : "-"
        share = top > 0 ? sprintf("%.0f %%", 200 * m / o / top) : "-"
        printf("| %s | %.2f | %.0f | %s | %s | %s | %.1f | %s |\n", t, 1e3 * o, n / o, eager,
            compiled, faster, 2 * m / o / 1e12, share)
    }'
}
turns() { # $ours_args and $peer_args in turns
    : >"$work/ours"; : >"$work/eager"; : >"$work/compiled"
    for _ in $(seq "$rounds"); do
        # shellcheck disable=SC2086
        "$guise" bench $ours_args --device "$device" --runs "$runs" --json "$work/now.json" >"$work/log"
        field median <"$work/now.json" >>"$work/ours"
        macs=$(field macs <"$work/now.json")
        # shellcheck disable=SC2086
        peer $peer_args "$runs" eager >>"$work/eager"
        # shellcheck disable=SC2086
        peer $peer_args "$runs" compile >>"$work/compiled"
    done
}

rate=$(peer product "$product" "$runs")
"$guise" doctor | grep -i gpu || true
cat "$work/torch"
awk -v r="$rate" -v n="$product" 'BEGIN { if (r > 0) printf "A product of %d x %d in bf16: %.1f TFLOP/s\n", n, n, r / 1e12 }'
echo
echo "| | Guise ms | a second | eager ms | compile ms | Guise is faster | TFLOP/s | of the product |"
echo "| --- | --- | --- | --- | --- | --- | --- | --- |"
for name in ${NETS:-simswap arcface-se}; do
    side=$size
    [ "$name" = simswap ] || side=112
    "$guise" net export "$name" --size "$side" --seed 1 --out "$work/net.onnx" >"$work/log"
    "$guise" convert "$work/net.onnx" "$work/net.safetensors" >"$work/log"
    for batch in $batches; do
        ours_args="net $name --weights $work/net.safetensors --size $side --batch $batch --fast"
        peer_args="net $name $work/net.safetensors $side $batch"
        turns
        row "$name $side, batch $batch" "$batch"
    done
done
"$guise" net export arcface-se --set layers=50 --seed 1 --only embedding --out "$work/id.onnx" >"$work/log"
"$guise" convert "$work/id.onnx" "$work/id.safetensors" >"$work/log"
recipe=${RECIPE:-simswap}
ours_args="step $recipe --recogniser $work/id.onnx --size $size --batch $step_batch"
# shellcheck disable=SC2086
"$guise" bench $ours_args --runs 1 --save "$work/step.safetensors" --device cpu >"$work/log"
peer_args="step $work/step.safetensors $work/id.safetensors"
turns
row "training step $recipe at $size, batch $step_batch" "$step_batch"
