"""Makes the files of TorchScript that the tests read: python3 make.py, in this folder, with PyTorch 2.11 on the CPU."""

import io
import zipfile

import torch
from torch import nn


class Mlp(nn.Module):
    """One hidden layer over 8 x 8 pixels, and a weight that nothing uses."""

    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(64, 16)
        self.head = nn.Linear(16, 10)
        self.spare = nn.Parameter(torch.zeros(3))

    def forward(self, x):
        return self.head(torch.relu(self.hidden(torch.flatten(x, 1))))


class Flat(Mlp):
    """The same for samples that are rows of 64 values."""

    def forward(self, x):
        assert x.dim() == 2
        return self.head(torch.relu(self.hidden(x)))


class Residual(nn.Module):
    """A residual block with batch norm, whose means are buffers, and dropout, which evaluation leaves out."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 8, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.conv = nn.Conv2d(8, 8, 3, padding=1, bias=False)
        self.again = nn.BatchNorm2d(8)
        self.drop = nn.Dropout(0.2)
        self.head = nn.Linear(8 * 16, 10)

    def forward(self, x):
        x = torch.relu(self.norm(self.stem(x)))
        x = torch.relu(x + self.again(self.conv(x)))
        return self.head(self.drop(torch.flatten(nn.functional.avg_pool2d(x, 2), 1)))


class Fixed(nn.Module):
    """No parameters."""

    def forward(self, x):
        return torch.flatten(x, 1)[:, :10] * 2.0


class Two(Mlp):
    """Two results."""

    def forward(self, x):
        hidden = torch.relu(self.hidden(torch.flatten(x, 1)))
        return self.head(hidden), hidden


class Named(Mlp):
    """Results by name."""

    def forward(self, x):
        return {"logits": self.head(torch.relu(self.hidden(torch.flatten(x, 1))))}


class One(Mlp):
    """One result, however many samples."""

    def forward(self, x):
        return self.head(torch.relu(self.hidden(torch.flatten(x, 1)))).mean(0, keepdim=True)


class Foreign(nn.Module):
    """An operation that libtorch alone does not have."""

    def forward(self, x):
        return torch.ops.mine.twice(x)


def write(name, module, version=None):
    """Without the places in this source, which only messages hold."""
    whole = io.BytesIO()
    torch.jit.save(torch.jit.script(module), whole)
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(name, "w") as new:
        for item in old.infolist():
            data = old.read(item)
            if item.filename.endswith(".debug_pkl"):
                continue
            if version is not None and item.filename.endswith("/version"):
                data = version
            stamp = zipfile.ZipInfo(item.filename, (2020, 1, 1, 0, 0, 0))
            new.writestr(stamp, data)


torch.manual_seed(1)
torch.library.define("mine::twice", "(Tensor x) -> Tensor")
torch.library.impl("mine::twice", "CPU")(lambda x: x * 2)
for made in (Mlp, Flat, Residual, Fixed, Two, Named, One, Foreign):
    write(f"{made.__name__.lower()}.pt", made())
write("newer.pt", Fixed(), version=b"99\n")
torch.save(Mlp().state_dict(), "pickle.pt")
torch.save(Mlp().state_dict(), "old-pickle.pt", _use_new_zipfile_serialization=False)
