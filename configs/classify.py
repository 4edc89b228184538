"""Learns to tell two noisy clouds of points apart (logistic regression). It knows nothing of perftune: what it prints and the file
that it leaves are read as they are (configs/own-metrics.toml)."""

import argparse
import json
import math
import random

parser = argparse.ArgumentParser()
parser.add_argument("--rate", type=float, default=0.1)
parser.add_argument("--threshold", type=float, default=0.5)
parser.add_argument("--epochs", type=int, default=5)
parser.add_argument("--seed", type=int, default=1)
told = parser.parse_args()

random.seed(told.seed)


def cloud(label, count):
    return [(random.gauss(label, 0.8), random.gauss(label, 0.8), label) for _ in range(count)]


train, test = cloud(0, 500) + cloud(1, 500), cloud(0, 500) + cloud(1, 500)
weights = [0.0, 0.0, 0.0]


def chance(x, y):
    return 1 / (1 + math.exp(-(weights[0] * x + weights[1] * y + weights[2])))


for epoch in range(1, told.epochs + 1):
    random.shuffle(train)
    loss = 0.0
    for x, y, label in train:
        found = chance(x, y)
        loss -= math.log(max(found if label else 1 - found, 1e-12)) / len(train)
        for at, value in enumerate((x, y, 1.0)):
            weights[at] -= told.rate * (found - label) * value
    said = [(chance(x, y) > told.threshold, label == 1) for x, y, label in test]
    right = sum(guess and is_one for guess, is_one in said)
    precision = right / max(sum(guess for guess, _ in said), 1)
    recall = right / sum(is_one for _, is_one in said)
    f1 = 2 * precision * recall / max(precision + recall, 1e-12)
    print(f"epoch {epoch}: loss {loss:.4f} f1={f1:.4f}")

with open("metrics.json", "w") as file:
    json.dump({"eval": {"precision": precision, "recall": recall}}, file)
