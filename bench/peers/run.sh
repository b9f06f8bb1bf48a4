#!/bin/sh
# run.sh -- Guise beside ONNX Runtime and PyTorch: same network, weights, input and threads, in turns.
#
#   bench/peers/run.sh NAME SIZE         a network of `guise net list`, or an .onnx file
#   bench/peers/run.sh step RECIPE SIZE BATCH
#   bench/peers/run.sh all               every row of doc/speed.md
#
# Results are checked equal to 1e-3 first. By hand, on a quiet machine; needs node with
# `npm install --ignore-scripts` done here, and Debian's python3-torch for PyTorch's columns.
#   GUISE    the program; default build/release/guise    THREADS  default 2
#   ROUNDS   turns, default 5                            RUNS     timed runs in a turn, default 5
#   SET      options of the network or recipe: "width=16 blocks=2"
#   MODELS   directory of released networks, default ../shared/models; rows without their file are
#            left out
set -eu
here=$(cd "$(dirname "$0")" && pwd)
guise=${GUISE:-$here/../../build/release/guise}
threads=${THREADS:-2} rounds=${ROUNDS:-5} runs=${RUNS:-5}
models=${MODELS:-$here/../../../shared/models}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMP_NUM_THREADS="$threads"
sets=
for s in ${SET:-}; do sets="$sets --set $s"; done

python=/usr/bin/python3
"$python" -c 'import torch' 2>/dev/null || python=

number() { # field of a line of JSON
    node -e 'let t = ""; process.stdin.on("data", (d) => (t += d)).on("end", () =>
        console.log(JSON.parse(t)[process.argv[1]]))' "$1"
}
# Medians of the columns "ours ort torch" in a file of turns, their ratios; then peaks alike.
table() {
    node -e '
        const [title, file] = process.argv.slice(1);
        const rows = require("fs").readFileSync(file, "utf8").trim().split("\n").map((l) => l.split(" "));
        const median = (i) => { const v = rows.map((r) => +r[i]).filter((x) => x > 0).sort((a, b) => a - b);
            return v.length ? (v[(v.length - 1) >> 1] + v[v.length >> 1]) / 2 : 0; };
        const names = ["Guise", "ONNX Runtime", "PyTorch"];
        for (let i = 0; i < 3; i++) {
            const t = median(i), m = median(i + 3);
            if (t) console.log(`${title}: ${names[i].padEnd(12)} ${(1e3 * t).toFixed(1).padStart(9)} ms, ` +
                `${(m / 1e6).toFixed(0).padStart(6)} MB` + (i ? `; Guise takes ${(median(0) / t).toFixed(3)} ` +
                `of the time, ${(median(3) / m).toFixed(2)} of the memory` : ""));
        }' "$1" "$2"
}

network() { # NAME SIZE
    name=$1 size=$2 title="$(basename "$1") $2"
    case $name in
    *.onnx)
        cp "$name" "$work/net.onnx"
        source=$work/net.onnx weights='' torch=''
        ;;
    *)
        # shellcheck disable=SC2086
        "$guise" net export "$name" $sets --size "$size" --seed 1 --out "$work/net.onnx" >"$work/log"
        "$guise" convert "$work/net.onnx" "$work/net.safetensors" >"$work/log"
        source=$name weights="--weights $work/net.safetensors" torch=''
        case $name in simswap | arcface-se) torch=$python ;; esac
        ;;
    esac
    (cd "$here" && node onnxruntime.mjs inputs "$work/net.onnx" "$size" "$work/in.safetensors")
    # shellcheck disable=SC2086
    "$guise" net run "$source" $sets $weights --in "$work/in.safetensors" --out "$work/ours.safetensors" \
        >"$work/log"
    (cd "$here" && node onnxruntime.mjs check "$work/net.onnx" "$work/in.safetensors" \
        "$work/ours.safetensors" "$threads")
    [ -z "$torch" ] || "$torch" "$here/pytorch.py" check "$name" "$work/net.safetensors" \
        "$work/in.safetensors" "$work/ours.safetensors" "$threads"
    : >"$work/turns"
    for _ in $(seq "$rounds"); do
        # shellcheck disable=SC2086
        ours=$("$guise" bench net "$source" $sets $weights --size "$size" --threads "$threads" \
            --runs "$runs" --json -)
        ort=$(cd "$here" && node onnxruntime.mjs time "$work/net.onnx" "$work/in.safetensors" "$runs" \
            "$threads")
        py='{"median":0,"peak_bytes":0}'
        [ -z "$torch" ] || py=$("$torch" "$here/pytorch.py" time "$name" "$work/net.safetensors" \
            "$work/in.safetensors" "$runs" "$threads")
        line=
        for field in median peak_bytes; do
            for r in "$ours" "$ort" "$py"; do line="$line$(echo "$r" | number $field) "; done
        done
        echo "$line" >>"$work/turns"
    done
    table "$title" "$work/turns"
}

step() { # RECIPE SIZE BATCH
    recipe=$1 size=$2 batch=$3
    if [ -z "$python" ]; then echo "step $recipe: PyTorch is not installed" && return; fi
    "$guise" net export arcface-se --set layers=50 --seed 1 --only embedding --out "$work/id.onnx" \
        >"$work/log"
    "$guise" convert "$work/id.onnx" "$work/id.safetensors" >"$work/log"
    set -- --recogniser "$work/id.onnx" --size "$size" --batch "$batch" --threads "$threads"
    # shellcheck disable=SC2086
    "$guise" bench step "$recipe" $sets "$@" --runs 1 --save "$work/step.safetensors" >"$work/log"
    "$python" "$here/pytorch.py" check-step "$work/step.safetensors" "$work/id.safetensors" "$threads"
    : >"$work/turns"
    for _ in $(seq "$rounds"); do
        # shellcheck disable=SC2086
        ours=$("$guise" bench step "$recipe" $sets "$@" --runs "$runs" --json -)
        py=$("$python" "$here/pytorch.py" time-step "$work/step.safetensors" "$work/id.safetensors" \
            "$runs" "$threads")
        echo "$(echo "$ours" | number median) 0 $(echo "$py" | number median)" \
            "$(echo "$ours" | number peak_bytes) 0 $(echo "$py" | number peak_bytes)" >>"$work/turns"
    done
    table "step $recipe $size batch $batch" "$work/turns"
}

case ${1:-} in
all)
    sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -1
    network simswap 224
    sets='--set layers=50' && network arcface-se 112 && sets=
    if [ -f "$models/face_reid_0095.onnx" ]; then network "$models/face_reid_0095.onnx" 128; fi
    network aei 256
    step simswap 224 2
    step simswap-128 128 16
    ;;
step) step "$2" "$3" "$4" ;;
'') sed -n '2,/^set/s/^# \{0,1\}//p' "$0" && exit 2 ;;
*) network "$1" "$2" ;;
esac
