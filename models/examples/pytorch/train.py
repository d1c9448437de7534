"""A model of your own from PyTorch: an LSTM that gives four quantiles of the peak of the next 5 ticks.

From the folder `models`: python -m examples.pytorch.train --traces FILE...
"""

from pathlib import Path

import torch
from torch import nn

from .. import window

QUANTILES = (0.5, 0.9, 0.95, 0.99)
OUTPUTS = [f"h5_q{q}" for q in QUANTILES]


class Net(nn.Module):
    """[batch, window, 1] to [batch, 4]; each quantile is the one below plus a positive step."""

    def __init__(self, size=32):
        super().__init__()
        self.lstm = nn.LSTM(1, size, batch_first=True)
        self.head = nn.Linear(size, len(QUANTILES))

    def forward(self, x):
        out, _ = self.lstm(x)
        z = self.head(out[:, -1])
        quantiles = [z[:, :1]]
        for k in range(1, len(QUANTILES)):
            quantiles.append(quantiles[-1] + nn.functional.softplus(z[:, k : k + 1]))
        return torch.cat(quantiles, dim=1)


def pinball(answer, target):
    """The loss whose best answer is the quantile."""
    q = torch.tensor(QUANTILES)
    error = target - answer
    return torch.maximum(q * error, (q - 1) * error).mean()


def train(windows, steps, seed):
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    net = Net()
    optimiser = torch.optim.Adam(net.parameters(), lr=3e-3)
    for step in range(1, steps + 1):
        x, y = windows.batch(64)
        loss = pinball(net(torch.from_numpy(x)), torch.from_numpy(y))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if step % 100 == 0 or step == steps:
            print(f"step {step}/{steps}: loss {loss.item():.4f}", flush=True)
    return net.eval()


def export(net, path):
    """ONNX with an open batch, so that all workloads of a node go in one call."""
    torch.onnx.export(
        net,
        (torch.zeros(1, window.WINDOW, 1),),
        str(path),
        input_names=["window"],
        output_names=["quantiles"],
        dynamic_axes={"window": {0: "batch"}, "quantiles": {0: "batch"}},
        opset_version=17,
        dynamo=False,
    )


def main():
    args = window.arguments(__doc__, Path(__file__).parent / "model")
    net = train(window.Windows(window.read(args.traces), ahead=5, seed=args.seed), args.steps, args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    export(net, args.out / "model.onnx")
    with torch.no_grad():
        answers = net(torch.from_numpy(window.golden_windows())).numpy()
    how = {"framework": f"torch {torch.__version__}", **window.settings(args)}
    window.write(args.out, "example-pytorch", OUTPUTS, answers, how)


if __name__ == "__main__":
    main()
