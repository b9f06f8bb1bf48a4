#!/bin/sh
# A source file may include its own layer and the layers before it in this list, nothing else; the
# program sees only the public interface, base and itself; these libraries are seen by one layer.
cd "$(dirname "$0")/.." || exit 1
find src -name '*.[ch]' -o -name '*.def' | sort | xargs awk '
    BEGIN { n = split("base backend graph nn weights model media face train eval engine cli", l)
            for (i = 1; i <= n; i++) rank[l[i]] = i
            n = split("dnnl backend  cuda backend  nvrtc backend  cudnn backend  nccl backend  mpi base  vips media  zip weights  onnx.pb-c weights  lapacke eval", l)
            for (i = 1; i < n; i += 2) home[l[i]] = l[i + 1] }
    function report(why) { print FILENAME ":" FNR ": " why; bad = 1 }
    FNR == 1 { from = FILENAME; sub(/^src\//, "", from); sub(/\/.*/, "", from)
               if (!(from in rank)) report("unknown layer " from) }
    match($0, /^#include "[a-z_]+\//) {
        to = substr($0, RSTART + 10, RLENGTH - 11)
        if (!(to in rank)) report("unknown layer " to)
        else if (rank[to] > rank[from]) report(from " must not see " to)
        else if (from == "cli" && to != "cli" && to != "base") report("cli must not see " to) }
    /^#include "/ && !/^#include "[a-z_]+\// && !/^#include "(guise.h|onnx.pb-c.h)"/ {
        report("include by layer: \"layer/file.h\"") }
    match($0, /^#include [<"][a-z0-9.-]+(\/|\.h[>"])/) {
        lib = substr($0, RSTART + 10, RLENGTH - 10); sub(/\/$|\.h[>"]$/, "", lib)
        if (lib in home && home[lib] != from)
            report(lib " belongs to " home[lib]) }
    END { exit bad }'
