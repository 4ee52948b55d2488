"""The other side of `cargo bench --bench chain`: training of a chain of digital and analog blocks by
the algorithm of arXiv:2409.03306 in PyTorch, written from its equations.

    ff_ebm.py FOLDER time|agree THREADS STEPS BETA RATE

FOLDER holds `net.toml`, a network, and `net.safetensors`, its tensors, samples `x` and `labels`.
`time` prints `inside SHORTEST PROCESSORS ITERATIONS` and the same of `once`: seconds of the shortest of
STEPS steps, and seconds of all processors on the mean, with the digital way F into a block computed
at every iteration, as published, or once a step; ITERATIONS are free ones, of all blocks together. `agree` compares the loss and the gradients of one step with
those in the file.
"""

import sys
import time
import tomllib

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from weights import tensors


def digital(layers, shape):
    """Layers of a digital block, and the shape that they make."""
    made = []
    for layer in layers:
        (kind, of), = layer.items()
        if kind == "conv":
            padding = of.get("padding", 0)
            bias = of.get("bias", True)
            stage = nn.Conv2d(shape[0], of["channels"], of.get("kernel", 3), padding=padding, bias=bias)
        elif kind == "linear":
            stage = nn.Linear(shape[0], of["size"], bias=of.get("bias", True))
        elif kind == "batch-norm":
            stage = nn.BatchNorm2d(shape[0])
            stage.weight.requires_grad_(False)
            stage.bias.requires_grad_(False)
        elif kind == "max-pool":
            stage = nn.MaxPool2d(of.get("size", 2))
        else:
            stage = nn.Flatten()
        made.append(stage)
        whole = len(shape) == 3 and shape[1] == shape[2] == 1
        probe = torch.zeros(2, *(shape[:1] if whole else shape))
        shape = list(stage(probe).shape[1:])
    return nn.Sequential(*made), shape


class Block(nn.Module):
    """An energy block; its layers are joined by convolutions, with or without pooling, or densely."""

    def __init__(self, about, shape):
        super().__init__()
        self.slope = about.get("slope", 1.0)
        self.clamp_last = about.get("clamp-last", False)
        self.free = about["free"]
        self.nudged = about["nudged"]
        self.shapes = [shape]
        self.pools = []
        self.weight = nn.ParameterList()
        self.bias = nn.ParameterList()
        for layer in about["layers"]:
            (kind, of), = layer.items()
            if kind == "dense":
                inputs = int(np.prod(shape))
                weight = torch.empty(of["size"], inputs)
                shape = [of["size"]]
                self.pools.append(None)
            else:
                weight = torch.empty(of["channels"], shape[0], 3, 3)
                pool = of.get("pool", 1)
                shape = [of["channels"], shape[1] // pool, shape[2] // pool]
                self.pools.append(pool)
            self.weight.append(nn.Parameter(weight))
            self.bias.append(nn.Parameter(torch.empty(weight.shape[0])))
            self.shapes.append(shape)

    def up(self, l, s):
        """What layer `l` sends up, and where the largest of each window is."""
        if self.pools[l] is None:
            return F.linear(s.flatten(1), self.weight[l], self.bias[l]), None
        y = F.conv2d(s, self.weight[l], self.bias[l], padding=1)
        if self.pools[l] == 1:
            return y, None
        return F.max_pool2d(y, self.pools[l], return_indices=True)

    def down(self, l, s, at):
        """What layer `l + 1` sends down."""
        if self.pools[l] is None:
            return (s @ self.weight[l]).view(-1, *self.shapes[l])
        if self.pools[l] > 1:
            size = self.shapes[l][1:]
            s = F.max_unpool2d(s, at, self.pools[l], output_size=size)
        return F.conv_transpose2d(s, self.weight[l], padding=1)

    def phi(self, way_in, s):
        """Of each sample."""
        total = (way_in * s[0]).flatten(1).sum(1)
        for l in range(len(s) - 1):
            total = total + (self.up(l, s[l])[0] * s[l + 1]).flatten(1).sum(1)
        return total

    @torch.no_grad()
    def rest(self, way_in, start=None, force=None):
        """Iterates; `way_in()` is the current into the first layer, `force(s)` that into the last."""
        first = way_in()
        count = len(self.shapes)
        s = start or [torch.zeros(len(first), *shape) for shape in self.shapes]
        s = list(s)
        at = [None] * count
        for l in range(count - 1):
            if self.pools[l] and self.pools[l] > 1:
                at[l] = self.up(l, s[l])[1]
        about = self.nudged if start else self.free
        tolerance = None if start else about.get("settled")
        parities = [1, 0] if start else [0, 1]
        done = 0
        for done in range(1, about["iterations"] + 1):
            moved = 0.0
            for parity in parities:
                for l in range(parity, count, 2):
                    if l == 0:
                        drive = way_in()
                    else:
                        drive, at[l - 1] = self.up(l - 1, s[l - 1])
                    if l + 1 < count:
                        drive = drive + self.down(l, s[l + 1], at[l])
                    elif force:
                        drive = drive + force(s[l])
                    if l + 1 < count or self.clamp_last:
                        drive = (self.slope * drive).clamp_(0.0, 1.0)
                    if tolerance:
                        size = s[l].norm().item()
                        moved += (drive - s[l]).norm().item() / max(size, 1e-6) / count
                    s[l] = drive
            if tolerance and moved < tolerance:
                break
        return s, done


class Net:
    """Pairs of a digital way in and an energy block, and a readout."""

    def __init__(self, path, weights):
        with open(path, "rb") as file:
            about = tomllib.load(file)
        shape = about["input"]["shape"]
        if shape[1:] == [1, 1]:
            shape = shape[:1]
        self.shape = shape
        self.ways, self.blocks = [], []
        self.named = {}
        kept = []
        for entry in about["chain"]:
            name = entry["name"]
            if "digital" in entry:
                layers = entry["digital"]["layers"]
                dense = "linear" in layers[0]
                stages, shape = digital(layers, [int(np.prod(shape))] if dense else shape)
                if dense:
                    stages.insert(0, nn.Flatten())
                self.ways.append(stages)
                for key, value in stages.state_dict(keep_vars=True).items():
                    place, what = key.split(".")
                    if what != "num_batches_tracked":
                        kept.append((f"{name}.{int(place) - dense}.{what}", value))
            else:
                block = Block(entry["analog"], shape)
                shape = block.shapes[-1]
                self.blocks.append(block)
                for l, (w, b) in enumerate(zip(block.weight, block.bias)):
                    kept += [(f"{name}.{l}.weight", w), (f"{name}.{l}.bias", b)]
        with torch.no_grad():
            for name, value in kept:
                value.copy_(weights[name])
        self.named = {name: value for name, value in kept if value.requires_grad}

    def gradients(self, x, labels, beta, inside):
        """Sets the gradients; the loss and the number of free iterations."""
        parameters = list(self.named.values())
        for p in parameters:
            p.grad = None
        batch = len(x)
        *ways, readout = self.ways
        inputs, rests, iterations = [], [], 0
        out = x
        for way, block in zip(ways, self.blocks):
            out = out.detach()
            if inside:
                with torch.no_grad():
                    rest, count = block.rest(lambda: way(out))
                inputs.append(out)
            else:
                given = out.requires_grad_(len(rests) > 0)
                made = way(given)
                rest, count = block.rest(lambda: made)
                inputs.append((given, made))
            iterations += count
            rests.append(rest)
            out = rest[-1]

        def slope(s):
            """`dL/ds` of each sample's own loss."""
            with torch.enable_grad():
                s = s.detach().requires_grad_()
                loss = F.cross_entropy(readout(s), labels, reduction="sum")
                return torch.autograd.grad(loss, s)[0]

        end = rests[-1][-1].detach()
        if not inside:
            end = end.requires_grad_()
        loss = F.cross_entropy(readout(end), labels)
        if not inside:
            loss.backward()
            error = batch * end.grad
        else:
            error = None
        for k in reversed(range(len(self.blocks))):
            way, block, rest = ways[k], self.blocks[k], rests[k]
            if inside:
                given = inputs[k].detach().requires_grad_(k > 0)
                nudged = {}
                for sign in (1, -1):
                    if error is None:
                        force = lambda s: -sign * beta * slope(s)
                    else:
                        force = lambda s: -sign * beta * error
                    with torch.no_grad():
                        nudged[sign] = block.rest(lambda: way(given), rest, force)[0]
                total = 0.0
                for sign in (-1, 1):
                    s = nudged[sign]
                    total = total - sign * block.phi(way(given), s).mean() / (2 * beta)
                    if error is None:
                        total = total + F.cross_entropy(readout(s[-1]), labels) / 2
                total.backward()
            else:
                given, made = inputs[k]
                minus, plus = (
                    block.rest(lambda: made, rest, lambda s: sign * beta * error)[0]
                    for sign in (1, -1)
                )
                contrast = block.phi(made, minus).mean() - block.phi(made, plus).mean()
                (contrast / (2 * beta)).backward()
            if k > 0:
                error = batch * given.grad
        return loss.item(), iterations


def main():
    folder, mode = sys.argv[1:3]
    threads, steps = map(int, sys.argv[3:5])
    beta, rate = map(float, sys.argv[5:7])
    torch.set_num_threads(threads)
    found = tensors(f"{folder}/net.safetensors")
    labels = found["labels"].long()

    def fresh():
        net = Net(f"{folder}/net.toml", found)
        return net, found["x"].view(-1, *net.shape)

    if mode == "agree":
        net, x = fresh()
        loss, _ = net.gradients(x, labels, beta, False)
        cosines = {}
        for name, p in net.named.items():
            pair = p.grad.flatten().double(), found[f"grad.{name}"].flatten().double()
            cosines[name] = F.cosine_similarity(*pair, dim=0).item()
        name, least = min(cosines.items(), key=lambda item: item[1])
        verdict = "agree" if least > 0.999 and abs(loss - found["loss"].item()) < 1e-4 else "DIFFER"
        print(
            f"loss {found['loss'].item():.6f} here, {loss:.6f} there; of {len(cosines)} gradients the "
            f"least cosine is {least:.6f} (`{name}`): they {verdict}"
        )
        return
    for name, inside in [("inside", True), ("once", False)]:
        net, x = fresh()
        adam = torch.optim.Adam(net.named.values(), lr=rate)
        times = []
        for step in range(steps + 1):
            if step == 1:
                before = time.process_time()
            start = time.perf_counter()
            _, iterations = net.gradients(x, labels, beta, inside)
            adam.step()
            times.append(time.perf_counter() - start)
        processors = (time.process_time() - before) / steps
        print(f"{name} {min(times[1:]):.6f} {processors:.6f} {iterations}")


main()
