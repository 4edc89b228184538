"""A convolutional network on handwritten digits, after the recipe of PyTorch's own MNIST example. It knows nothing of perftune.

    python pytorch_digits.py --dropout 0.25 --channels 32
"""

import argparse
import csv
import gzip
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

DATA = Path(__file__).resolve().parent.parent / "datasets" / "digits" / "digits.csv.gz"


class Net(nn.Module):
    def __init__(self, channels, dropout):
        super().__init__()
        self.conv1 = nn.Conv2d(1, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, 2 * channels, 3, padding=1)
        self.dropout = nn.Dropout(dropout)
        self.fc1 = nn.Linear(2 * channels * 16, 128)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x):
        x = F.relu(self.conv1(x))
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = F.relu(self.fc1(self.dropout(torch.flatten(x, 1))))
        return self.fc2(self.dropout(x))


def read():
    with gzip.open(DATA, "rt", newline="") as file:
        rows = torch.tensor([[float(value) for value in row] for row in csv.reader(file)])
    images, digits = rows[:, :-1].reshape(-1, 1, 8, 8) / 16, rows[:, -1].long()
    test = torch.arange(len(rows)) % 5 == 4
    return TensorDataset(images[~test], digits[~test]), (images[test], digits[test])


def train(model, loader, optimizer, epoch):
    model.train()
    for images, digits in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(images), digits)
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch}: loss {loss.item():.4f}", flush=True)


def macro_f1(said, digits):
    scores = []
    for digit in range(10):
        right = ((said == digit) & (digits == digit)).sum().item()
        named, there = (said == digit).sum().item(), (digits == digit).sum().item()
        scores.append(2 * right / (named + there) if named + there else 0.0)
    return sum(scores) / len(scores)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--dropout", type=float, default=0.25)
    parser.add_argument("--channels", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    training, (images, digits) = read()
    model = Net(args.channels, args.dropout)
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    loader = DataLoader(training, batch_size=args.batch_size, shuffle=True)
    for epoch in range(1, args.epochs + 1):
        train(model, loader, optimizer, epoch)
    model.eval()
    with torch.no_grad():
        said = model(images).argmax(1)
    print(f"test: {len(digits)} images, macro F1: {macro_f1(said, digits):.4f}")


if __name__ == "__main__":
    main()
