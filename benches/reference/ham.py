"""The other side of `cargo bench --bench solve`: a training step of a hierarchical associative memory
in even-odd order by the algorithm of arXiv:2311.15673 in PyTorch, written from its equations.

    ham.py FILE THREADS STEPS BUDGET TERMS

FILE is safetensors: `weight0`, `weight1`, ... `[post, pre]` from the inputs on, `bias1`, ... of the
free layers, pictures `x` `[STEPS * batch, inputs]` and one-hot `target`. A line a mode:
`MODE SECONDS ITERATIONS`, means over the steps.

    anderson   BUDGET evaluations with Anderson acceleration, as published
    picard     BUDGET evaluations without
    stopping   evaluations without, until every picture is below 1e-4 on all layers, at most BUDGET

All go backward through TERMS iterations from where they ended, and update by Madam. What the pictures
send is computed once a step, and a product for each pair of layers, without the empty blocks of one
matrix for all: kinder than what was published.
"""

import sys
import time

import torch
from weights import tensors

BATCH = 64
TOLERANCE = 1e-4
WINDOW, RIDGE = 4, 1e-10
RATE, DECAY, SCALE, BOUND = 0.01, 0.999, 1024.0, 3.0


def rho(s):
    return torch.sigmoid(4.0 * s - 2.0)


class Network:
    def __init__(self, found):
        self.depth = sum(name.startswith("weight") for name in found)
        self.weights = [found[f"weight{k}"].requires_grad_() for k in range(self.depth)]
        self.biases = [found[f"bias{k + 1}"].requires_grad_() for k in range(self.depth)]
        self.limits = [SCALE * p.detach().square().mean().sqrt() for p in self.parameters()]
        self.moments = [torch.zeros_like(p) for p in self.parameters()]
        self.taken = 0
        # Free layers are 1 .. depth; those of the last one's parity are carried.
        self.carried = [k for k in range(1, self.depth + 1) if (self.depth - k) % 2 == 0]
        self.sizes = [self.biases[k - 1].numel() for k in self.carried]

    def parameters(self):
        return self.weights + self.biases

    def sent(self, x):
        return rho(x) @ self.weights[0].T + self.biases[0]

    def layer(self, k, of, sent):
        """Layer k from the activations of its neighbours."""
        got = sent if k == 1 else None
        for other, weight in ((k - 1, self.weights[k - 1]), (k + 1, self.weights[k].T if k < self.depth else None)):
            if other in of:
                part = of[other] @ weight.T
                got = part if got is None else got + part
        return got if k == 1 else got + self.biases[k - 1]

    def map(self, z, sent, keep=None):
        """The carried layers side by side, after one update of all layers."""
        even = dict(zip(self.carried, (rho(part) for part in z.split(self.sizes, 1))))
        states = {k: self.layer(k, even, sent) for k in range(1, self.depth + 1) if k not in even}
        if keep is not None:
            keep.append(torch.cat(list(states.values()), 1))
        odd = {k: rho(s) for k, s in states.items()}
        return torch.cat([self.layer(k, odd, sent) for k in self.carried], 1)

    def madam(self):
        self.taken += 1
        with torch.no_grad():
            for p, v, limit in zip(self.parameters(), self.moments, self.limits):
                v.mul_(DECAY).addcmul_(p.grad, p.grad, value=1.0 - DECAY)
                step = p.grad / (v / (1.0 - DECAY**self.taken)).sqrt()
                step = step.nan_to_num_(nan=0.0).clamp_(-BOUND, BOUND)
                p.mul_(torch.exp(-RATE * step * p.sign())).clamp_(-limit, limit)
                p.grad = None


def far(a, b):
    return (a - b).norm(dim=1) / a.norm(dim=1)


def picard(f, z, budget):
    for _ in range(budget):
        z = f(z)
    return z, budget


def stopping(f, z, budget):
    before = None
    for k in range(budget):
        kept = []
        new = f(z, kept)
        whole = torch.cat([new] + kept, 1)
        if before is not None and (far(whole, before) < TOLERANCE).all():
            return new, k + 1
        z, before = new, whole
    return z, budget


def anderson(f, z, budget):
    xs, gs = [z], [f(z)]
    xs.append(gs[0])
    gs.append(f(xs[1]))
    for _ in range(2, budget):
        x, g = torch.stack(xs, 2), torch.stack(gs, 2)
        apart = g - x
        normal = apart.transpose(1, 2) @ apart + RIDGE * torch.eye(x.shape[2])
        alpha = torch.linalg.solve(normal, torch.ones(x.shape[0], x.shape[2], 1))
        alpha = alpha / alpha.sum(1, keepdim=True)
        mixed = (g @ alpha).squeeze(2)
        nearer = far(mixed, gs[-1]) < far(xs[-1], gs[-1])
        new = torch.where(nearer.unsqueeze(1), mixed, gs[-1])
        xs, gs = (xs + [new])[-WINDOW:], (gs + [f(new)])[-WINDOW:]
    return gs[-1], budget


def step(net, solver, x, target, budget, terms):
    with torch.no_grad():
        sent = net.sent(x)
        start = torch.zeros(x.shape[0], sum(net.sizes))
        z, iterations = solver(lambda z, keep=None: net.map(z, sent, keep), start, budget)
    sent = net.sent(x)
    for _ in range(terms):
        z = net.map(z, sent)
    out = z[:, -target.shape[1] :]
    (0.5 * (out - target).square().sum() / x.shape[0]).backward()
    net.madam()
    return iterations


def main():
    path, threads, steps, budget, terms = sys.argv[1], *map(int, sys.argv[2:6])
    torch.set_num_threads(threads)
    for mode in (anderson, picard, stopping):
        found = tensors(path)
        net = Network(found)
        spent, counted = [], 0
        for k in range(steps):
            rows = slice(k * BATCH, (k + 1) * BATCH)
            start = time.perf_counter()
            counted += step(net, mode, found["x"][rows], found["target"][rows], budget, terms)
            spent.append(time.perf_counter() - start)
        print(mode.__name__, sum(spent[1:]) / (steps - 1), counted / steps)


main()
