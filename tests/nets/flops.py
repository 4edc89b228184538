"""Operations of a forward pass over one sample of the digits, as torch.utils.flop_counter counts them: one line a model."""

import os
import sys

import torch
from torch.utils.flop_counter import FlopCounterMode

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../benches"))
from pytorch_loop import build

for name in ("mlp", "cnn", "resnet"):
    model = build(name, (1, 8, 8), 10).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.rand(1, 1, 8, 8))
    print(name, counter.get_total_flops())
