"""Tensors of a safetensors file by name, in single precision."""

import json
import struct

import numpy as np
import torch


def tensors(path):
    with open(path, "rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
        data = file.read()
    header.pop("__metadata__", None)
    found = {}
    for name, about in header.items():
        first, last = about["data_offsets"]
        kind = {"F32": np.float32, "F64": np.float64}[about["dtype"]]
        numbers = np.frombuffer(data[first:last], kind).reshape(about["shape"])
        found[name] = torch.from_numpy(numbers.astype(np.float32))
    return found
