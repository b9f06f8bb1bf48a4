#!/usr/bin/env python3
"""PyTorch on the same networks, weights and inputs, for comparing speed by hand.

    pytorch.py check NAME WEIGHTS.safetensors IN OURS THREADS     exit status 1: results differ
    pytorch.py time NAME WEIGHTS.safetensors IN RUNS THREADS      one line of JSON
    pytorch.py check-step STEP.safetensors RECOGNISER THREADS     losses of the first step
    pytorch.py time-step STEP.safetensors RECOGNISER RUNS THREADS

NAME is simswap or arcface-se. STEP is what `guise bench step --save` wrote; RECOGNISER the weights
of an arcface-se, or none. Networks are functions of a dictionary of tensors; widths and depths
follow from it. Papers: Chen et al. 2020 (SimSwap), Deng et al. 2019 (ArcFace), Isola et al. 2017.
"""
import json
import resource
import statistics
import struct
import sys
import time

import numpy
import torch
import torch.nn.functional as F

TOLERANCE = 1e-3  # of the largest magnitude, and at least of 1


def read(path):
    with open(path, "rb") as file:
        length, = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = file.read()
    tensors = {}
    for name, t in header.items():
        if name == "__metadata__" or t["dtype"] != "F32":
            continue
        start, end = t["data_offsets"]
        values = numpy.frombuffer(data[start:end], numpy.float32).reshape(t["shape"])
        tensors[name] = torch.from_numpy(values.copy())
    return tensors


def batch_norm(w, at, x, train=False):
    return F.batch_norm(x, w[at + ".running_mean"], w[at + ".running_var"], w[at + ".weight"],
                        w[at + ".bias"], train, 0.1, 1e-5)


def conv(w, at, x, **how):
    return F.conv2d(x, w[at + ".weight"], w.get(at + ".bias"), **how)


def linear(w, at, x):
    return F.linear(x, w[at + ".weight"], w[at + ".bias"])


def adain(w, at, x, identity):
    gain, bias = linear(w, at + ".linear", identity)[:, :, None, None].chunk(2, 1)
    x = x - x.mean((2, 3), keepdim=True)
    x = x * torch.rsqrt((x * x).mean((2, 3), keepdim=True) + 1e-8)
    return x * (gain + 1) + bias


def reflect(x, by):
    return F.pad(x, (by, by, by, by), "reflect")


def simswap(w, img, identity, train=False):
    def block(at, x, first):
        return F.relu(batch_norm(w, f"{at}.{first + 1}", x, train))

    x = block("first_layer", conv(w, "first_layer.1", reflect(img, 3)), 1)
    depth = 0
    while f"down{depth + 1}.0.weight" in w:
        depth += 1
        x = block(f"down{depth}", conv(w, f"down{depth}.0", x, stride=2, padding=1), 0)
    i = 0
    while f"BottleNeck.{i}.conv1.1.weight" in w:
        at = f"BottleNeck.{i}"
        y = F.relu(adain(w, at + ".style1", conv(w, at + ".conv1.1", reflect(x, 1)), identity))
        x = x + adain(w, at + ".style2", conv(w, at + ".conv2.1", reflect(y, 1)), identity)
        i += 1
    for k in range(depth, 0, -1):
        x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        x = block(f"up{k}", conv(w, f"up{k}.1", x, padding=1), 1)
    return torch.tanh(conv(w, "last_layer.1", reflect(x, 3))) * 0.5 + 0.5


def arcface(w, x):
    def residual(at, x, stride):
        y = conv(w, at + ".conv1", batch_norm(w, at + ".bn0", x), padding=1)
        y = F.prelu(batch_norm(w, at + ".bn1", y), w[at + ".prelu.weight"])
        y = batch_norm(w, at + ".bn2", conv(w, at + ".conv2", y, stride=stride, padding=1))
        gate = linear(w, at + ".se.fc.0", y.mean((2, 3)))
        gate = torch.sigmoid(linear(w, at + ".se.fc.2", F.prelu(gate, w[at + ".se.fc.1.weight"])))
        if at + ".downsample.0.weight" in w:
            x = batch_norm(w, at + ".downsample.1", conv(w, at + ".downsample.0", x, stride=stride))
        return F.prelu(y * gate[:, :, None, None] + x, w[at + ".prelu.weight"])

    x = F.prelu(batch_norm(w, "bn1", conv(w, "conv1", x)), w["prelu.weight"])
    x = F.max_pool2d(x, 2)
    for layer in range(1, 5):
        i = 0
        while f"layer{layer}.{i}.conv1.weight" in w:
            x = residual(f"layer{layer}.{i}", x, 2 if layer > 1 and i == 0 else 1)
            i += 1
    return batch_norm(w, "bn3", linear(w, "fc", batch_norm(w, "bn2", x).flatten(1)))


def patchgan(w, at, x):
    out = [F.leaky_relu(conv(w, at + ".down1.0", x, stride=2, padding=1), 0.2)]
    for name, stride in (("down2", 2), ("down3", 2), ("down4", 2), ("conv1", 1)):
        y = conv(w, f"{at}.{name}.0", out[-1], stride=stride, padding=1)
        out.append(F.leaky_relu(batch_norm(w, f"{at}.{name}.1", y, True), 0.2))
    return out, conv(w, at + ".conv2.0", out[-1], padding=1)


def judge(w, x):
    features, logits, k = [], [], 1
    while f"D{k}.down1.0.weight" in w:
        if k > 1:
            x = F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)
        hidden, logit = patchgan(w, f"D{k}", x)
        features.append(hidden)
        logits.append(logit)
        k += 1
    return features, logits


def warp(x, m, side):
    at = torch.arange(side, dtype=x.dtype, device=x.device)
    column, row = at[None, None, :], at[None, :, None]
    m = m[:, :, None, None]
    across = 2 * (m[:, 0] * column + m[:, 1] * row + m[:, 2]) / (x.shape[3] - 1) - 1
    down = 2 * (m[:, 3] * column + m[:, 4] * row + m[:, 5]) / (x.shape[2] - 1) - 1
    return F.grid_sample(x, torch.stack((across, down), -1), align_corners=True)


class Step:
    """A generator's step and a discriminator's, as train/simswap.c of Guise describes them."""

    def __init__(self, path, recogniser):
        t = read(path)
        self.want = {n[5:]: float(v) for n, v in t.items() if n.startswith("loss.")}
        self.batch = {n[6:]: v for n, v in t.items() if n.startswith("batch.")}
        self.lambdas = t["lambdas"].tolist()
        self.penalty = float(t["penalty"])
        self.first, self.last = (int(v) for v in t["layers"])
        beta1, beta2, eps, self.ema = t["adam"].tolist()
        self.recogniser = read(recogniser) if recogniser != "none" else None
        others = ("loss.", "batch.", "lambdas", "penalty", "layers", "adam", "rates")
        nets = {n: v for n, v in t.items() if not n.startswith(others)}
        self.g = {n: v for n, v in nets.items() if not n.startswith("D")}
        self.d = {n: v for n, v in nets.items() if n.startswith("D")}
        for w in (self.g, self.d):
            for name in w:
                w[name].requires_grad_("running" not in name)
        rate, rate_d = t["rates"].tolist()
        adam = {"betas": (beta1, beta2), "eps": eps}
        self.weights = [v for v in self.g.values() if v.requires_grad]
        self.weights_d = [v for v in self.d.values() if v.requires_grad]
        self.adam = torch.optim.Adam(self.weights, rate, **adam)
        self.adam_d = torch.optim.Adam(self.weights_d, rate_d, **adam) if self.d else None
        self.average = [v.detach().clone() for v in self.weights] if self.ema > 0 else None

    def generator(self, loss):
        b = self.batch
        for w in self.weights_d:
            w.requires_grad_(False)
        made = simswap(self.g, b["target"], b["vector"], True)
        loss["rec"] = ((made - b["target"]).abs() * b["weight"]).mean()
        total = loss["rec"]
        if self.recogniser and self.lambdas[0] > 0:
            v = arcface(self.recogniser, warp(made, b["warp"], 112) * 255)
            loss["id"] = (1 - F.cosine_similarity(v, b["vector"])).mean()
            total = total + self.lambdas[0] * loss["id"]
        if self.d:
            features, logits = judge(self.d, made)
            loss["adv"] = -sum(x.mean() for x in logits) / len(logits)
            total = total + self.lambdas[1] * loss["adv"]
        if self.d and self.lambdas[2] > 0:
            with torch.no_grad():
                wanted, _ = judge(self.d, b["target"])
            last = self.last or 5
            loss["fm"] = sum((x - y).abs().mean() for f, h in zip(features, wanted)
                             for x, y in zip(f[self.first - 1:last], h[self.first - 1:last]))
            total = total + self.lambdas[2] * loss["fm"]
        loss["loss"] = total
        self.adam.zero_grad(set_to_none=True)
        total.backward()
        self.adam.step()
        if self.average:
            for kept, now in zip(self.average, self.weights):
                kept.lerp_(now.detach(), 1 - self.ema)
        for w in self.weights_d:
            w.requires_grad_(True)
        return made.detach()

    def discriminator(self, made, loss):
        real, mix = self.batch["target"], self.batch["mix"][:, None, None, None]
        _, of_made = judge(self.d, made)
        _, of_real = judge(self.d, real)
        loss["d_real"] = sum(F.relu(1 - x).mean() for x in of_real) / len(of_real)
        loss["d_fake"] = sum(F.relu(1 + x).mean() for x in of_made) / len(of_made)
        total = loss["d_real"] + loss["d_fake"]
        if self.penalty > 0:
            x = (mix * real + (1 - mix) * made).requires_grad_(True)
            loss["gp"] = 0
            for logit in judge(self.d, x)[1]:
                slope, = torch.autograd.grad(logit.sum(), x, create_graph=True)
                length = (slope.flatten(1).square().sum(1) + 1e-12).sqrt()
                loss["gp"] = loss["gp"] + (length - 1).square().mean()
            total = total + self.penalty * loss["gp"]
        self.adam_d.zero_grad(set_to_none=True)
        total.backward()
        self.adam_d.step()

    def run(self):
        loss = {}
        made = self.generator(loss)
        if self.d:
            self.discriminator(made, loss)
        return loss


def forward(name, w, inputs):
    if name == "simswap":
        return {"out": simswap(w, inputs["img"], inputs["id"])}
    if name == "arcface-se":
        return {"embedding": arcface(w, inputs["img"])}
    sys.exit(f"pytorch.py: knows simswap and arcface-se, not {name}")


def same(what, have, want):
    off, most = float((have - want).abs().max()), max(1.0, float(want.abs().max()))
    print(f"PyTorch {what}: differs by {off:.2e}, values to {most:.3g}")
    return off <= TOLERANCE * most


def clock(work, runs):
    seconds = []
    for i in range(runs + 1):
        start = time.perf_counter()
        work()
        if i:
            seconds.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"median": statistics.median(seconds), "least": min(seconds),
                      "peak_bytes": peak}))


def main(verb, *rest):
    torch.manual_seed(1)
    torch.set_num_threads(int(rest[-1]))
    if verb == "check-step":
        step = Step(rest[0], rest[1])
        loss = step.run()
        good = [same(n, v.detach(), torch.tensor(step.want[n])) for n, v in loss.items()]
        sys.exit(0 if all(good) else 1)
    if verb == "time-step":
        return clock(Step(rest[0], rest[1]).run, int(rest[2]))
    w, inputs = read(rest[1]), read(rest[2])
    with torch.inference_mode():
        if verb == "time":
            return clock(lambda: forward(rest[0], w, inputs), int(rest[3]))
        ours, made = read(rest[3]), forward(rest[0], w, inputs)
        sys.exit(0 if all([same(n, v, ours[n]) for n, v in made.items()]) else 1)


if __name__ == "__main__":
    main(*sys.argv[1:])
