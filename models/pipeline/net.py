"""The network while it learns (PyTorch): stacked LSTM cells and a head whose quantiles cannot cross."""

import numpy as np
import torch
from torch import nn

from . import spec

Q = len(spec.QUANTILES)


class Net(nn.Module):
    """Streaming LSTM over chunks. The head also sees the features, so that 'stays as it is' is exact and cheap."""

    def __init__(self, sizes):
        super().__init__()
        self.sizes = tuple(sizes)
        widths = (spec.F, *self.sizes)
        self.layers = nn.ModuleList(nn.LSTM(a, b) for a, b in zip(widths, widths[1:]))
        self.head = nn.Linear(self.sizes[-1] + spec.F, 2 * Q)
        with torch.no_grad():
            for layer, size in zip(self.layers, self.sizes):
                layer.bias_hh_l0.zero_()
                layer.bias_ih_l0.zero_()
                layer.bias_ih_l0[size : 2 * size] = 1.0  # start by remembering
            skip = self.head.weight[:, self.sizes[-1] :]
            skip.zero_()
            skip[0, 0:2] = 0.5  # median of the near peak: between the value and its fast average
            skip[1, 1] = skip[1, 3] = 0.5
            self.head.bias.zero_()
            self.head.bias[2:] = -2.5

    def start(self, rows):
        return [(torch.zeros(1, rows, n), torch.zeros(1, rows, n)) for n in self.sizes]

    def forward(self, x, state):
        out, after = x, []
        for layer, s in zip(self.layers, state):
            out, s = layer(out, s)
            after.append(s)
        return quantiles(self.head(torch.cat([out, x], dim=-1))), after


def quantiles(z):
    """8 head values to 8 ordered quantiles; head order: both medians, then the increments of h5 and of h30."""
    grow = nn.functional.softplus(z[..., 2:])
    near = torch.cumsum(torch.cat([z[..., 0:1], grow[..., : Q - 1]], dim=-1), dim=-1)
    far = torch.cumsum(torch.cat([z[..., 1:2], grow[..., Q - 1 :]], dim=-1), dim=-1)
    # The peak of 30 ticks is never below the peak of the first 5 of them.
    return torch.cat([near, torch.maximum(near, far)], dim=-1)


def weights(net):
    """Plain arrays for the exporter: per layer W [in + H, 4H] and b [4H] in gate order i, f, o, g; then the head."""
    cells = []
    for layer, n in zip(net.layers, net.sizes):
        w = torch.cat([layer.weight_ih_l0, layer.weight_hh_l0], dim=1).detach().numpy().T
        b = (layer.bias_ih_l0 + layer.bias_hh_l0).detach().numpy()
        order = np.concatenate([np.arange(0, 2 * n), np.arange(3 * n, 4 * n), np.arange(2 * n, 3 * n)])
        cells.append((w[:, order].copy(), b[order].copy()))
    return cells, (net.head.weight.detach().numpy().T.copy(), net.head.bias.detach().numpy().copy())
