#!/usr/bin/env python3
"""The training loop that perftune is compared with: the same model, data, order of samples and optimiser in PyTorch.

    python3 benches/pytorch_loop.py --model mlp --dataset digits --mode tensors --steps 500

Prints one JSON object a line: {"model", "dataset", "mode", "steps", "samples_per_s", "step_median_s", "loss", ...}.
`--mode tensors` indexes tensors in memory, `--mode dataloader` goes through torch.utils.data.DataLoader.
Exits 0 with {"skipped": why} where Python has no torch. Nothing is tuned: the defaults are what a script would use.
"""

import argparse
import gzip
import json
import os
import statistics
import sys
import time
import tomllib

try:
    import numpy
    import torch
    from torch import nn
except ImportError as error:
    print(json.dumps({"skipped": f"needs torch and numpy: {error}"}))
    sys.exit(0)

DATASETS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "datasets")
MASK = (1 << 64) - 1


class Rng:
    """SplitMix64 and its shuffle, as in src/worker/torch/order.rs."""

    def __init__(self, seed, stream):
        self.state = seed ^ (stream * 0xD1B54A32D192ED03 & MASK)
        self.state = self.next()

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & MASK
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB & MASK
        return z ^ (z >> 31)

    def shuffle(self, items):
        for last in range(len(items) - 1, 0, -1):
            other = self.next() * (last + 1) >> 64
            items[last], items[other] = items[other], items[last]


def unpack(path):
    with open(path, "rb") as file:
        data = file.read()
    return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data


def idx(path):
    data = unpack(path)
    dims = [int.from_bytes(data[4 + 4 * i : 8 + 4 * i], "big") for i in range(data[3])]
    return numpy.frombuffer(data, numpy.uint8, offset=4 + 4 * data[3]).reshape(dims)


def train_part(name):
    """Images (N x C x H x W, 0..1) and labels of the training part, and the number of classes."""
    folder = os.path.join(DATASETS, name)
    with open(os.path.join(folder, "dataset.toml"), "rb") as file:
        manifest = tomllib.load(file)
    channels, height, width = manifest["shape"]
    files = manifest["files"]
    if manifest["format"] == "idx":
        images = idx(os.path.join(folder, files["train_images"]["path"]))
        labels = idx(os.path.join(folder, files["train_labels"]["path"]))
    else:
        text = unpack(os.path.join(folder, files["all"]["path"])).decode()
        rows = numpy.array([line.split(",") for line in text.splitlines()], numpy.float32)
        split = manifest["split"]
        index = numpy.arange(len(rows))
        train = index % split["test_every"] != 0 if "test_every" in split else index < split["train_first"]
        images, labels = rows[train, :-1], rows[train, -1]
    if manifest.get("layout") == "hwc":
        images = images.reshape(-1, height, width, channels).transpose(0, 3, 1, 2)
    images = numpy.ascontiguousarray(images, numpy.float32).reshape(-1, channels, height, width)
    images = images * numpy.float32(1 / manifest["max_value"])
    return torch.from_numpy(images), torch.from_numpy(labels.astype(numpy.int64)), manifest["classes"]


class ConvNorm(nn.Sequential):
    def __init__(self, inputs, outputs, size, stride=1):
        conv = nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=False)
        super().__init__(conv, nn.BatchNorm2d(outputs))


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.first = ConvNorm(inputs, outputs, 3, stride)
        self.second = ConvNorm(outputs, outputs, 3)
        changes = inputs != outputs or stride != 1
        self.shortcut = ConvNorm(inputs, outputs, 1, stride) if changes else nn.Identity()

    def forward(self, x):
        inner = torch.relu(self.first(x))
        return torch.relu(self.second(inner) + self.shortcut(x))


def build(name, shape, classes):
    channels, height, width = shape
    if name == "mlp":
        sizes = [channels * height * width, 256, 256]
        layers = [nn.Flatten()]
        for inputs, outputs in zip(sizes, sizes[1:]):
            layers += [nn.Linear(inputs, outputs), nn.ReLU()]
        return nn.Sequential(*layers, nn.Linear(256, classes))
    if name == "cnn":
        layers = []
        for block in range(2):
            outputs = 32 << block
            layers += [ConvNorm(channels, outputs, 3), nn.ReLU(), nn.MaxPool2d(2, ceil_mode=True)]
            channels, height, width = outputs, (height + 1) // 2, (width + 1) // 2
        return nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * height * width, classes))
    if name == "resnet":
        layers, inputs, side = [ConvNorm(channels, 16, 3), nn.ReLU()], 16, min(height, width)
        for stage in range(3):
            halve = stage > 0 and side >= 4
            layers.append(Block(inputs, 16 << stage, 2 if halve else 1))
            inputs, side = 16 << stage, (side + 1) // 2 if halve else side
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, classes))
    sys.exit(f"no model {name}: mlp, cnn or resnet")


def optimizer(name, parameters, rate):
    if name == "sgd":
        return torch.optim.SGD(parameters, lr=rate, momentum=0.9)
    return {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[name](parameters, lr=rate)


def batches(args, images, labels, order):
    """Batches in the given order, the last one smaller."""
    if args.mode == "dataloader":
        data = torch.utils.data.TensorDataset(images, labels)
        yield from torch.utils.data.DataLoader(data, batch_size=args.batch_size, sampler=order)
        return
    rows = torch.tensor(order)
    for begin in range(0, len(order), args.batch_size):
        chosen = rows[begin : begin + args.batch_size]
        yield images[chosen], labels[chosen]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--mode", choices=["tensors", "dataloader"], default="tensors")
    parser.add_argument("--steps", type=int, default=500, help="timed steps")
    parser.add_argument("--warmup-steps", type=int, default=20)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--optimizer", choices=["sgd", "adam", "adamw"], default="adam")
    parser.add_argument("--validation-share", type=float, default=0.1)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    images, labels, classes = train_part(args.dataset)
    model = build(args.model, images.shape[1:], classes)
    optim = optimizer(args.optimizer, model.parameters(), args.learning_rate)
    criterion = nn.CrossEntropyLoss()
    order = list(range(len(images)))
    Rng(args.seed, 1).shuffle(order)
    order = order[round(args.validation_share * len(order)) :]
    rng = Rng(args.seed, 2)

    def stream():
        while True:
            rng.shuffle(order)
            yield None
            yield from batches(args, images, labels, order)

    model.train()
    times, samples, loss = [], 0, None
    source, warm = stream(), args.warmup_steps
    while len(times) < args.steps:
        begin = time.perf_counter()
        batch = next(source)
        if batch is None:
            # A new epoch: shuffling in Python is no part of the loop that is compared.
            continue
        optim.zero_grad()
        loss = criterion(model(batch[0]), batch[1])
        loss.backward()
        optim.step()
        if warm > 0:
            warm -= 1
            continue
        times.append(time.perf_counter() - begin)
        samples += len(batch[1])
    print(
        json.dumps(
            {
                "model": args.model,
                "dataset": args.dataset,
                "mode": args.mode,
                "optimizer": args.optimizer,
                "threads": args.threads,
                "torch": torch.__version__,
                "steps": len(times),
                "samples_per_s": samples / sum(times),
                "step_median_s": statistics.median(times),
                "loss": loss.item(),
            }
        )
    )


if __name__ == "__main__":
    main()
