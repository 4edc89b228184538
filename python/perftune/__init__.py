"""Tells perftune what a training does: steps, waits for data, epochs and figures of its own.

    import perftune

    for epoch in range(epochs):
        for images, labels in perftune.steps(loader):
            loss = train(images, labels)
        perftune.epoch(loss, validation_accuracy=validate())
    perftune.log(f1=0.8)

Written by `perftune helper python`. It needs nothing but Python 3.8, and does nothing where perftune does not listen, or in
any process of a distributed training but the first.
"""

import atexit
import json
import os
import time

# Steps are told together when the first of them is so old, in seconds, or when there are so many.
_LATEST, _MOST = 0.05, 64

_clock = time.perf_counter
_events = None
_process = os.getpid()
_waiting = {"items": 0, "dur_s": [], "fetch_s": [], "since": 0.0}


def _open():
    path = os.environ.get("PERFTUNE_EVENTS")
    if path and os.environ.get("RANK", "0") in ("", "0"):
        try:
            return open(path, "a", buffering=1)
        except OSError:
            pass
    return None


def listening():
    """Whether perftune listens to this process; one that was forked of it is another."""
    return _events is not None and os.getpid() == _process


def _say(**line):
    global _events
    try:
        # A line in one write stays whole, whoever else writes.
        _events.write(json.dumps(line, allow_nan=False) + "\n")
    except (OSError, ValueError):
        _events = None


def _number(value):
    value = float(value)
    if value != value:
        return "nan"
    return value if abs(value) != float("inf") else ("inf" if value > 0 else "-inf")


def flush():
    """Tells the steps that wait to be told."""
    steps = dict(_waiting)
    _waiting.update(dur_s=[], fetch_s=[])
    if not steps["fetch_s"]:
        del steps["fetch_s"]
    if listening() and steps.pop("since") and steps["dur_s"]:
        _say(step=steps)


def step(items, dur_s, fetch_s=None):
    """A step of so many samples that has just ended, and the part of it in which it waited for its data, where that is known."""
    if not listening():
        return
    now, items = _clock(), int(items)
    if _waiting["items"] != items or bool(_waiting["fetch_s"]) != (fetch_s is not None):
        flush()
    if not _waiting["dur_s"]:
        _waiting.update(items=items, since=now)
    # Rounded apart, a part could be more than the whole.
    dur_s = max(round(dur_s, 9), 1e-9)
    _waiting["dur_s"].append(dur_s)
    if fetch_s is not None:
        _waiting["fetch_s"].append(min(max(round(fetch_s, 9), 0.0), dur_s))
    if now - _waiting["since"] >= _LATEST or len(_waiting["dur_s"]) >= _MOST:
        flush()


def _first(batch):
    members = list(batch.values()) if hasattr(batch, "values") else batch
    return members[0] if isinstance(members, (list, tuple)) and members else None


def size(batch):
    """How many samples a batch has: the length of the first tensor in it. Of plain Python, a list has one in each entry, and a
    tuple or a dict is taken for inputs and labels."""
    tensor = batch
    while tensor is not None and not hasattr(tensor, "shape"):
        tensor = _first(tensor)
    if tensor is not None:
        return int(tensor.shape[0]) if len(tensor.shape) else 1
    while not isinstance(batch, list) and _first(batch) is not None:
        batch = _first(batch)
    return len(batch) if hasattr(batch, "__len__") and len(batch) else 1


def steps(loader, items=None, sync=None):
    """The batches of a loader; what is done with one, and the wait for it, is a step of `items` samples (by default, as many as
    it has). `sync` is called at the end of each: torch.cuda.synchronize makes the times those of the GPU."""
    if not listening():
        yield from loader
        return
    source, begin = iter(loader), _clock()
    for batch in source:
        got = _clock()
        yield batch
        if sync is not None:
            sync()
        end = _clock()
        step(size(batch) if items is None else items, end - begin, got - begin)
        begin = end
    flush()


def phase(name):
    """What follows is `load`, `warmup`, `serve`, `train`, `validate` or `test`."""
    if listening():
        flush()
        _say(phase=name)


def epoch(train_loss, validation_loss=None, validation_accuracy=None):
    """A pass over the training data, and its validation, are over."""
    if listening():
        flush()
        said = {"validation_loss": validation_loss, "validation_accuracy": validation_accuracy}
        said = {name: _number(value) for name, value in said.items() if value is not None}
        _say(epoch={"train_loss": _number(train_loss), **said})


def log(samples=None, **figures):
    """Figures of its own: log(f1=0.8); test_accuracy and test_loss go to their columns; samples: on how many they rest."""
    if listening():
        flush()
        rests = {} if samples is None else {"samples": int(samples)}
        for name, value in figures.items():
            _say(metric={"name": name, "value": _number(value), **rests})


class _Timer:
    """Times steps whose begin and end are told."""

    def __init__(self):
        self.since, self.begin, self.losses = None, None, []

    def restart(self):
        self.since = _clock()

    def start(self):
        self.begin = _clock()
        self.since = self.begin if self.since is None else self.since

    def stop(self, items, loss=None):
        end = _clock()
        if self.begin is not None:
            step(items, end - self.since, self.begin - self.since)
        self.since, self.begin = end, None
        if loss is not None:
            self.losses.append(float(loss))

    def loss(self, otherwise=None):
        losses, self.losses = self.losses, []
        mean = sum(losses) / len(losses) if losses else float("nan")
        return mean if otherwise is None else otherwise


def lightning():
    """A callback for Lightning: Trainer(callbacks=[perftune.lightning()])."""
    try:
        from lightning.pytorch import Callback
    except ImportError:
        from pytorch_lightning import Callback

    class Perftune(Callback):
        timer = _Timer()

        def on_train_epoch_start(self, trainer, module):
            self.timer.restart()

        def on_train_batch_start(self, trainer, module, batch, batch_idx):
            self.timer.start()

        def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
            loss = outputs.get("loss") if isinstance(outputs, dict) else outputs
            self.timer.stop(size(batch), loss)

        def on_validation_start(self, trainer, module):
            if not trainer.sanity_checking:
                phase("validate")

        def on_validation_end(self, trainer, module):
            if not trainer.sanity_checking:
                phase("train")
            self.timer.restart()

        def on_train_epoch_end(self, trainer, module):
            found = trainer.callback_metrics
            epoch(self.timer.loss(), found.get("val_loss"), found.get("val_acc"))

    return Perftune()


def transformers():
    """A callback for the Trainer of Hugging Face: Trainer(..., callbacks=[perftune.transformers()])."""
    from transformers import TrainerCallback

    class Perftune(TrainerCallback):
        timer = _Timer()

        def on_epoch_begin(self, args, state, control, **more):
            self.timer.restart()

        def on_step_begin(self, args, state, control, **more):
            self.timer.start()

        def on_step_end(self, args, state, control, **more):
            self.timer.stop(args.train_batch_size * args.gradient_accumulation_steps * args.world_size)

        def on_log(self, args, state, control, logs=None, **more):
            if "loss" in (logs or {}):
                self.timer.losses.append(float(logs["loss"]))

        def on_epoch_end(self, args, state, control, **more):
            if str(getattr(args.eval_strategy, "value", args.eval_strategy)) == "no":
                epoch(self.timer.loss())

        def on_evaluate(self, args, state, control, metrics=None, **more):
            metrics = metrics or {}
            epoch(self.timer.loss(), metrics.get("eval_loss"), metrics.get("eval_accuracy"))
            self.timer.restart()

    return Perftune()


def keras(items=None):
    """A callback for Keras: model.fit(..., callbacks=[perftune.keras(batch_size)])."""
    from keras.callbacks import Callback

    class Perftune(Callback):
        timer = _Timer()

        def on_epoch_begin(self, epoch, logs=None):
            self.timer.restart()

        def on_train_batch_begin(self, batch, logs=None):
            self.timer.start()

        def on_train_batch_end(self, batch, logs=None):
            self.timer.stop(items or 1)

        def on_test_begin(self, logs=None):
            phase("validate")

        def on_test_end(self, logs=None):
            phase("train")
            self.timer.restart()

        def on_epoch_end(self, number, logs=None):
            logs = logs or {}
            loss = self.timer.loss(logs.get("loss"))
            epoch(loss, logs.get("val_loss"), logs.get("val_accuracy"))

    return Perftune()


_events = _open()
if _events is not None:
    atexit.register(flush)
