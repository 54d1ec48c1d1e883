"""Trains a small convolutional network on Fashion-MNIST. It knows nothing of Temper: it takes flags and prints."""

import argparse
import gzip
import os
import pathlib
import struct

import numpy as np
import torch
from torch import nn


def folder() -> pathlib.Path:
    """Where the files of Fashion-MNIST are, looked for as temper-runner does: $TEMPER_DATA, the cache, Debian's package."""
    local = os.environ.get("TEMPER_DATA")
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    places = [pathlib.Path(local, "fashion-mnist"), pathlib.Path(local)] if local else []
    places += [cache / "temper/data/fashion-mnist", pathlib.Path("/usr/share/datasets/fashion-mnist")]
    for place in places:
        if any((place / f"train-images-idx3-ubyte{suffix}").exists() for suffix in ("", ".gz")):
            return place
    raise SystemExit(
        "Fashion-MNIST is not here. Put it into the cache with `temper-runner train --data fashion-mnist --epochs 1`, "
        "or on Debian: apt-get install dataset-fashion-mnist; or set TEMPER_DATA to a folder with its files. Not in:\n  "
        + "\n  ".join(map(str, places))
    )


def read(name: str) -> torch.Tensor:
    """One IDX file, gzipped or not, as a tensor of bytes."""
    path = folder() / name
    data = path.read_bytes() if path.exists() else gzip.open(f"{path}.gz").read()
    dimensions = data[3]
    shape = struct.unpack(f">{dimensions}I", data[4 : 4 + 4 * dimensions])
    return torch.from_numpy(np.frombuffer(data, np.uint8, offset=4 + 4 * dimensions).reshape(shape).copy())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--channels", type=int, default=16)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--images", type=int, default=12_000, help="train on so many, validate on a sixth of that")
    args = parser.parse_args()

    torch.manual_seed(0)
    images = read("train-images-idx3-ubyte").unsqueeze(1)
    labels = read("train-labels-idx1-ubyte").long()
    count = args.images // 6
    train, train_labels = images[: args.images].float() / 255, labels[: args.images]
    valid, valid_labels = images[-count:].float() / 255, labels[-count:]
    c = args.channels
    model = nn.Sequential(
        nn.Conv2d(1, c, 3, stride=2, padding=1), nn.BatchNorm2d(c), nn.ReLU(),
        nn.Conv2d(c, 2 * c, 3, stride=2, padding=1), nn.BatchNorm2d(2 * c), nn.ReLU(),
        nn.Flatten(), nn.Dropout(args.dropout), nn.Linear(2 * c * 49, 10),
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr)
    for epoch in range(1, args.epochs + 1):
        model.train()
        for batch in torch.randperm(len(train)).split(args.batch_size):
            loss = nn.functional.cross_entropy(model(train[batch]), train_labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            accuracy = (model(valid).argmax(1) == valid_labels).float().mean().item()
        print(f"epoch={epoch} accuracy={accuracy:.4f}", flush=True)


if __name__ == "__main__":
    main()
