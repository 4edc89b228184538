"""A worker in another language: the smallest thing that perftune can train, serve and stop.

It fits y = a x + b by stochastic gradient descent in plain Python. What matters is the protocol: one JSON object a line
on standard output, commands on standard input, and the end of standard input means that perftune is gone.
"""

import json
import os
import random
import sys
import threading
import time

out = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)  # whatever is printed from here on goes to standard error
seq = 0


def say(kind, **data):
    global seq
    event = {"type": kind, "data": data}
    out.write(json.dumps({"seq": seq, "t_ns": time.monotonic_ns(), "event": event}) + "\n")
    seq += 1


job = json.loads(sys.stdin.readline())["data"]
leave = set()


def listen():
    for line in sys.stdin:
        command = json.loads(line)
        if command["type"] == "stop":
            leave.update({"test"} if command["data"].get("test") else ())
            leave.add("train" if command["data"].get("confirm") else "stop")
        else:
            leave.add(command["data"]["phase"])
    os._exit(3)


threading.Thread(target=listen, daemon=True).start()
random.seed(job["seed"])
say("hello", protocol=1, worker="foreign_worker.py", pid=os.getpid(), facts={"python": sys.version.split()[0]})
say("phase", phase="load")
points = [(x, 3 * x + 1 + random.gauss(0, 0.1)) for x in [random.random() for _ in range(10_000)]]
a = b = 0.0
say("metric", name="epoch_samples", value=9000 // job["train"]["batch_size"] * job["train"]["batch_size"])


def timed(phase, items, work, until):
    """Repeats `work` as steps of this phase and sends their times about every 100 ms."""
    durations, start = [], time.monotonic_ns()
    began = before = start
    while not until(before - began) and not leave & {"stop", phase}:
        work()
        now = time.monotonic_ns()
        durations.append(now - before)
        before = now
        if now - start > 100_000_000:
            say("steps", phase=phase, items=items, start_ns=start, dur_ns=durations)
            durations, start = [], time.monotonic_ns()
            before = start
    if durations:
        say("steps", phase=phase, items=items, start_ns=start, dur_ns=durations)


def request(size):
    return [a * x + b for x, _ in random.sample(points, size)]


def serve(name):
    for size in (job["serve"] or {"batch_sizes": []})["batch_sizes"]:
        say("phase", phase=f"{name}[{size}]")
        timed(f"{name}[{size}]", size, lambda: request(size), lambda ns: ns > job["serve"]["max_time_s"] * 1e9)


serve("serve")

size, rate = job["train"]["batch_size"], job["train"]["learning_rate"]
held_out = points[:1000]


def step():
    global a, b
    batch = random.sample(points[1000:], size)
    errors = [(a * x + b - y, x) for x, y in batch]
    a -= rate * sum(e * x for e, x in errors) / size
    b -= rate * sum(e for e, _ in errors) / size


def loss(data):
    return sum((a * x + b - y) ** 2 for x, y in data) / len(data)


epochs, untrained = 0, "stop" in leave  # ended while serving
for epoch in range(1, 0 if untrained else job["train"]["epochs"] + 1):
    say("phase", phase="train")
    left = iter(range(9000 // size))
    timed("train", size, step, lambda _: next(left, None) is None)
    if leave & {"stop", "train"}:
        break
    say("phase", phase="validate")
    say("epoch", epoch=epoch, samples=9000 // size * size, train_loss=loss(points[1000:]),
        validation_loss=loss(held_out), validation_accuracy=None)
    epochs = epoch

if (job["serve"] or {}).get("confirm") and epochs and "stop" not in leave:
    serve("confirm")  # once more, on trained weights
tested = epochs > 0 and (epochs == job["train"]["epochs"] or "test" in leave)  # of a model half trained nobody asks
if tested:
    say("phase", phase="test")
say("finished", stopped=untrained or bool(leave & {"stop", "train"}), epochs=epochs,
    test_loss=loss(held_out) if tested else None, test_accuracy=None,
    usage={"cpu_ns": time.process_time_ns(), "vm_hwm_bytes": None})
