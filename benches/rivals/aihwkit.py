"""The rival's side of `cargo bench --bench devices`: a layer of 784 inputs and 512 outputs, a batch
of 128, one thread. Prints what was done and the shortest of some times in ms, one a line."""

import sys
import time

# This file has the package's name.
sys.path.pop(0)

import torch
from aihwkit.nn import AnalogLinear
from aihwkit.optim import AnalogSGD
from aihwkit.simulator.configs import MappingParameter
from aihwkit.simulator.presets import ReRamESPreset, TikiTakaEcRamPreset

torch.set_num_threads(1)
torch.manual_seed(1)
BATCH, INPUTS, OUTPUTS = 128, 784, 512
LIT = torch.rand(BATCH, INPUTS) < 0.2
PICTURES = torch.rand(BATCH, INPUTS) * LIT
ERRORS = 2 * (torch.rand(BATCH, OUTPUTS) - 0.3)


def measure(config, rate, runs):
    """Shortest forward pass and update, in ms; the layer in one tile."""
    config.mapping = MappingParameter(max_input_size=0, max_output_size=0)
    layer = AnalogLinear(INPUTS, OUTPUTS, bias=False, rpu_config=config)
    optimiser = AnalogSGD(layer.parameters(), lr=rate)
    optimiser.regroup_param_groups(layer)
    forward, update = [], []
    for _ in range(runs):
        optimiser.zero_grad()
        start = time.perf_counter()
        outputs = layer(PICTURES)
        forward.append(time.perf_counter() - start)
        outputs.backward(ERRORS)
        start = time.perf_counter()
        optimiser.step()
        update.append(time.perf_counter() - start)
    return 1e3 * min(forward), 1e3 * min(update)


def main():
    first = None
    for rate in ["1e-5", "1e-4", "5e-4", "1e-3", "1e-2"]:
        forward, update = measure(ReRamESPreset(), float(rate), 5)
        first = first or forward
        first = min(first, forward)
        print(f"ReRamES {rate} {update:.3f}")
    print(f"forward {first:.3f}")
    print(f"TikiTakaEcRam {measure(TikiTakaEcRamPreset(), 1e-3, 3)[1]:.3f}")
    config = TikiTakaEcRamPreset()
    config.device.fast_lr = 1e-3
    print(f"TikiTakaEcRam 1e-3 {measure(config, 1e-3, 3)[1]:.3f}")


main()
