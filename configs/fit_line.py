"""Fits y = 3 x + 1 to noisy points, as a command that perftune sweeps (configs/own-axes.toml): what it is told are its arguments."""

import argparse
import json
import os
import random
import time

parser = argparse.ArgumentParser()
parser.add_argument("--optimizer", choices=["sgd", "adam"], default="sgd")
parser.add_argument("--rate", type=float, default=0.05)
parser.add_argument("--momentum", type=float, default=0.0)  # of sgd alone
parser.add_argument("--noise", type=float, default=0.1)
parser.add_argument("--seed", type=int, default=1)
told = parser.parse_args()

events = open(os.environ.get("PERFTUNE_EVENTS", os.devnull), "a", buffering=1)
random.seed(told.seed)
points = [(x, 3 * x + 1 + random.gauss(0, told.noise)) for x in [random.random() for _ in range(2000)]]
weights, speed, scale = [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]
for step in range(1, 201):
    begin = time.perf_counter()
    batch = random.sample(points, 100)
    errors = [(weights[0] * x + weights[1] - y, x) for x, y in batch]
    slopes = [sum(e * x for e, x in errors) / 50, sum(e for e, _ in errors) / 50]
    for at, slope in enumerate(slopes):
        if told.optimizer == "adam":
            speed[at] = 0.9 * speed[at] + 0.1 * slope
            scale[at] = 0.999 * scale[at] + 0.001 * slope * slope
            change = speed[at] / (1 - 0.9**step) / ((scale[at] / (1 - 0.999**step)) ** 0.5 + 1e-8)
        else:
            speed[at] = change = told.momentum * speed[at] + slope
        weights[at] -= told.rate * change
    print(json.dumps({"step": {"items": 100, "dur_s": time.perf_counter() - begin}}), file=events)
distance = abs(weights[0] - 3) + abs(weights[1] - 1)
print(json.dumps({"metric": {"name": "distance", "value": distance}}), file=events)
