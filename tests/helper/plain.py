"""A training that takes 6 ms a step, 2 of them to wait for its data."""
import os
import sys
import time

import perftune


class Batch:
    def __init__(self, size):
        self.shape = (size, 3)


def loader():
    for number in range(50):
        time.sleep(0.002)
        yield {"images": Batch(8 if number < 49 else 5)}


for number in range(3):
    seen = 0
    for batch in perftune.steps(loader()):
        time.sleep(0.004)
        seen += batch["images"].shape[0]
    perftune.epoch(1.0 / (number + 1), validation_accuracy=0.5 + number / 10)
perftune.log(f1=0.8, nothing=float("nan"))
print(seen, perftune.listening())
child = os.fork()
if child == 0:
    perftune.log(f1=0.1)
    sys.exit(0)
os.waitpid(child, 0)
rows, labels = [[0.5] * 7] * 32, [1] * 32
for batch, samples in [
    ((Batch(7), Batch(1)), 7),
    ([Batch(7), Batch(1)], 7),
    ({"x": {"y": Batch(4)}}, 4),
    # What a loader makes of samples that are a dict and a label.
    ([{"x": Batch(4), "z": Batch(4)}, Batch(4)], 4),
    (Batch(4), 4),
    # Of plain Python: inputs and labels, rows, and records.
    ((rows, labels), 32),
    ({"x": rows, "y": labels}, 32),
    (rows, 32),
    ([((1, 2), 0)] * 32, 32),
    ([{"x": 1, "y": 0}] * 32, 32),
    ([[1, 2], [3, 4], [5, 6]], 3),
    ([1, 2, 3], 3),
    ((), 1),
    (5, 1),
]:
    assert perftune.size(batch) == samples, (batch, samples)
