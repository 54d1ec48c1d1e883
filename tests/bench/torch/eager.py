"""One training epoch after another in eager PyTorch: the same networks, batches, updates and data handling as
temper-runner's. Prints one JSON line per epoch, as temper-runner does.

    eager.py cnn|resnet WIDTH BATCH THREADS SAMPLES EPOCHS plain|channels-last cpu|cuda

On a GPU the forward pass is autocast to bfloat16, and the data lie there, as temper-runner's do.
"""

import json
import pathlib
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

# Where the data are and how to read them is the example's business.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "examples/pytorch"))
from train import read  # noqa: E402


def cnn(width, hidden=128):
    stages = []
    channels = 1
    for to in (width, 2 * width, 4 * width):
        stages += [
            nn.Conv2d(channels, to, 3, padding=1, bias=False),
            nn.MaxPool2d(2),
            nn.BatchNorm2d(to),
            nn.ReLU(inplace=True),
        ]
        channels = to
    return nn.Sequential(*stages, nn.Flatten(), nn.Linear(9 * channels, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, 10))


def normalised(channels, to, kernel, stride):
    return nn.Sequential(
        nn.Conv2d(channels, to, kernel, stride=stride, padding=kernel // 2, bias=False), nn.BatchNorm2d(to)
    )


class Block(nn.Module):
    def __init__(self, channels, to, stride):
        super().__init__()
        self.first = normalised(channels, to, 3, stride)
        self.second = normalised(to, to, 3, 1)
        self.shortcut = normalised(channels, to, 1, stride) if stride != 1 or channels != to else None

    def forward(self, x):
        inner = F.relu(self.first(x), inplace=True)
        out = self.second(inner)
        out += x if self.shortcut is None else self.shortcut(x)
        return F.relu(out, inplace=True)


class Pool(nn.Module):
    def forward(self, x):
        return x.mean((2, 3))


def resnet(width):
    blocks = [Block(width if stage == 0 else width << (stage - 1), width << stage, 1 if stage == 0 else 2) for stage in range(3)]
    return nn.Sequential(normalised(1, width, 3, 1), nn.ReLU(inplace=True), *blocks, Pool(), nn.Linear(4 * width, 10))


def main():
    model, width, batch, threads, samples, epochs, layout, device = sys.argv[1:]
    width, batch, threads, samples, epochs = int(width), int(batch), int(threads), int(samples), int(epochs)
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    images = read("train-images-idx3-ubyte")[:samples].unsqueeze(1).to(device)
    labels = read("train-labels-idx1-ubyte")[:samples].long().to(device)
    net = {"cnn": cnn, "resnet": resnet}[model](width).to(device)
    torch.backends.cudnn.benchmark = True
    if layout == "channels-last":
        net = net.to(memory_format=torch.channels_last)
        images = images.contiguous(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9, nesterov=True, weight_decay=5e-4)
    net.train()
    for epoch in range(epochs):
        started = time.perf_counter()
        order = torch.randperm(samples).to(device)
        loss_sum = torch.zeros((), dtype=torch.float64, device=device)
        steps = samples // batch
        for step in range(steps):
            index = order[step * batch : (step + 1) * batch]
            x = (images.index_select(0, index).float() - 73.0).mul_(1 / 90.0)
            y = labels.index_select(0, index)
            optimizer.zero_grad()
            with torch.autocast("cuda", dtype=torch.bfloat16, enabled=device == "cuda"):
                logits = net(x)
            loss = F.cross_entropy(logits.float(), y)
            loss.backward()
            optimizer.step()
            loss_sum += loss.detach()
        # Waits for everything that was asked of the device, the last update too, as temper-runner does.
        loss = loss_sum.item() / steps
        rate = steps * batch / (time.perf_counter() - started)
        print(json.dumps({"epoch": epoch + 1, "train_loss": loss, "images_per_second": round(rate)}), flush=True)


if __name__ == "__main__":
    main()
