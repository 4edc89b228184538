"""Requests to a net of ONNX by onnxruntime, each told to perftune as a step.

    perftune exec --stop-on throughput -- python3 configs/onnx_requests.py net.onnx 8
"""

import argparse
import json
import os
import time

import numpy
import onnxruntime

parser = argparse.ArgumentParser()
parser.add_argument("net")
parser.add_argument("batch_size", nargs="?", type=int, default=1)
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--seconds", type=float, default=10)
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = args.threads
options.inter_op_num_threads = 1
net = onnxruntime.InferenceSession(args.net, options, providers=["CPUExecutionProvider"])

numbers = numpy.random.default_rng(args.seed)
kinds = {"tensor(float)": "float32", "tensor(double)": "float64", "tensor(uint8)": "uint8", "tensor(int64)": "int64"}
requests = {}
for number, taken in enumerate(net.get_inputs()):
    # The first side is the number of samples, where it is open; any other side that is open becomes 1.
    shape = [side if isinstance(side, int) else 1 for side in taken.shape]
    if taken.shape and not isinstance(taken.shape[0], int):
        shape[0] = args.batch_size
    elif number == 0 and shape[:1] != [args.batch_size]:
        raise SystemExit(f"{args.net}: `{taken.name}` takes {shape[:1]} samples at once, not {args.batch_size}")
    requests[taken.name] = numbers.random(shape).astype(kinds[taken.type])

events = open(os.environ.get("PERFTUNE_EVENTS", os.devnull), "a", buffering=1)  # a line is sent when it is whole
for _ in range(10):
    net.run(None, requests)  # the first ones set things up
end = time.perf_counter() + args.seconds
while time.perf_counter() < end:
    begin = time.perf_counter()
    net.run(None, requests)
    took = time.perf_counter() - begin
    print(json.dumps({"step": {"items": args.batch_size, "dur_s": took}}), file=events)
