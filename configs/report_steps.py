# What a command may report, and how: run it with `perftune exec --stop-on throughput,cpu -- python3 configs/report_steps.py`.
import json, os, sys, time

batch_size, epochs = (int(word) for word in sys.argv[1:3]) if len(sys.argv) > 2 else (32, 3)
events = open(os.environ.get("PERFTUNE_EVENTS", os.devnull), "a", buffering=1)  # a line is sent when it is whole
for epoch in range(1, epochs + 1):
    for _ in range(50):
        begin = time.perf_counter()
        time.sleep(0.002)  # the step
        print(json.dumps({"step": {"items": batch_size, "dur_s": time.perf_counter() - begin}}), file=events)
    print(json.dumps({"epoch": {"train_loss": 1 / epoch, "validation_accuracy": 1 - 0.5 / epoch}}), file=events)
