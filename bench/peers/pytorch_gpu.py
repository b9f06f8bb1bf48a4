#!/usr/bin/env python3
"""PyTorch on a GPU: the networks and steps of pytorch.py, channels-last and bf16, eager or compiled.

    pytorch_gpu.py check                                  one line on what is here; status 1: no GPU
    pytorch_gpu.py net NAME WEIGHTS SIZE BATCH RUNS HOW   HOW: eager or compile
    pytorch_gpu.py step STEP RECOGNISER RUNS HOW          STEP, RECOGNISER: as pytorch.py has them
    pytorch_gpu.py product N RUNS                         rate of N x N x N in bf16

Prints one line of JSON: the median of RUNS in seconds; of product, multiply-adds times two a second.
Inputs travel from pinned memory and results back in every run, as they do for Guise. TORCH_DEVICE
names another device than cuda, to try the script itself.
"""
import json
import os
import statistics
import sys
import time

import torch

import pytorch as peer

DEVICE = os.environ.get("TORCH_DEVICE", "cuda")
WARM = 5


def wait():
    if DEVICE == "cuda":
        torch.cuda.synchronize()


def last(x):
    x = x.to(DEVICE)
    return x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x


def pinned(x):
    return x.pin_memory() if DEVICE == "cuda" else x


def median(work, runs):
    seconds = []
    for i in range(runs + WARM):
        wait()
        start = time.perf_counter()
        work()
        wait()
        if i >= WARM:
            seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def compiled(f, how):
    return torch.compile(f, mode="max-autotune") if how == "compile" else f


def half(x):
    return x.to(torch.bfloat16) if x.is_floating_point() else x


def net(name, weights, size, batch, runs, how):
    w = {n: half(last(v)) for n, v in peer.read(weights).items()}
    img = pinned(torch.rand(batch, 3, size, size, dtype=torch.bfloat16))
    identity = pinned(torch.randn(batch, 512, dtype=torch.bfloat16))
    if name == "simswap":
        f = compiled(lambda x, v: peer.simswap(w, x, v), how)
    elif name == "arcface-se":
        f = compiled(lambda x, v: peer.arcface(w, x), how)
    else:
        sys.exit(f"pytorch_gpu.py: knows simswap and arcface-se, not {name}")

    def run():
        x = img.to(DEVICE, non_blocking=True).contiguous(memory_format=torch.channels_last)
        return f(x, identity.to(DEVICE, non_blocking=True)).float().cpu()

    with torch.inference_mode():
        return median(run, runs)


def step(path, recogniser, runs, how):
    read = peer.read
    peer.read = lambda p: {n: v.cpu() if n in ("lambdas", "layers", "adam", "rates", "penalty")
                           or n.startswith("loss.") else last(v) for n, v in read(p).items()}
    s = peer.Step(path, recogniser)
    host = {n: pinned(v.cpu()) for n, v in s.batch.items()}
    if how == "compile":  # the optimisers stay outside, as PyTorch advises
        peer.simswap = torch.compile(peer.simswap)
        peer.judge = torch.compile(peer.judge)
        peer.arcface = torch.compile(peer.arcface)

    def run():
        s.batch = {n: last(v) for n, v in host.items()}
        with torch.autocast(DEVICE, torch.bfloat16):
            return s.run()

    return median(run, runs)


def product(n, runs):
    a, b = (torch.randn(n, n, device=DEVICE, dtype=torch.bfloat16) for _ in range(2))
    return 2 * n ** 3 / median(lambda: torch.mm(a, b), runs)


def main(verb, *rest):
    torch.manual_seed(1)
    torch.backends.cudnn.benchmark = True
    torch.set_float32_matmul_precision("high")
    if verb == "check":
        if DEVICE == "cuda" and not torch.cuda.is_available():
            sys.exit("PyTorch finds no GPU")
        name = torch.cuda.get_device_name() if DEVICE == "cuda" else DEVICE
        print(f"PyTorch {torch.__version__} on {name}")
    elif verb == "net":
        name, weights, size, batch, runs, how = rest
        print(json.dumps(net(name, weights, int(size), int(batch), int(runs), how)))
    elif verb == "step":
        path, recogniser, runs, how = rest
        print(json.dumps(step(path, recogniser, int(runs), how)))
    elif verb == "product":
        print(json.dumps(product(int(rest[0]), int(rest[1]))))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(*sys.argv[1:])
