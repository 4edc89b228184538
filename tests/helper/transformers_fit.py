import numpy
import tempfile

import torch
from torch import nn
from transformers import Trainer, TrainingArguments

import perftune


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(64, 10)

    def forward(self, inputs, labels):
        logits = self.layer(inputs)
        return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}


generator = torch.Generator().manual_seed(1)
data = [
    {"inputs": torch.rand(64, generator=generator), "labels": torch.randint(10, (), generator=generator)}
    for _ in range(512)
]
arguments = TrainingArguments(
    output_dir=tempfile.mkdtemp(), num_train_epochs=3, per_device_train_batch_size=16, eval_strategy="epoch",
    logging_strategy="epoch", save_strategy="no", report_to=[], use_cpu=True, disable_tqdm=True,
)


def accuracy(found):
    return {"accuracy": float(numpy.mean(numpy.argmax(found.predictions, axis=1) == found.label_ids))}


Trainer(
    Net(), arguments, train_dataset=data, eval_dataset=data, compute_metrics=accuracy,
    callbacks=[perftune.transformers()],
).train()
