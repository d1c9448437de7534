"""The network while it learns (PyTorch): stacked LSTM cells and a head whose quantiles cannot cross."""

import numpy as np
import torch
from torch import nn

from . import spec

Q = len(spec.QUANTILES)
LEVELS = 5  # the first features: value, averages, ring, all in scale units and clipped


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
        # The head sees the levels only: the LSTM squashes a wild scale_jump, a straight line would not.
        seen = torch.ones_like(self.head.weight)
        seen[:, self.sizes[-1] + LEVELS :] = 0
        self.register_buffer("seen", seen)

    def head_weight(self):
        return self.head.weight * self.seen

    def start(self, rows):
        like = self.head.weight
        return [(like.new_zeros(1, rows, n), like.new_zeros(1, rows, n)) for n in self.sizes]

    def forward(self, x, state):
        out, after = x, []
        for layer, s in zip(self.layers, state):
            out, s = layer(out, s)
            after.append(s)
        z = nn.functional.linear(torch.cat([out, x], dim=-1), self.head_weight(), self.head.bias)
        return quantiles(z), after


def quantiles(z):
    """8 head values to 8 ordered quantiles; head order: both medians, then the increments of h5 and of h30."""
    grow = nn.functional.softplus(z[..., 2:])
    near = torch.cumsum(torch.cat([z[..., 0:1], grow[..., : Q - 1]], dim=-1), dim=-1)
    far = torch.cumsum(torch.cat([z[..., 1:2], grow[..., Q - 1 :]], dim=-1), dim=-1)
    # The peak of 30 ticks is never below the peak of the first 5 of them.
    # Its loss must not teach the near one, nor stop teaching where the near one hides it.
    return torch.cat([near, far + (torch.maximum(near, far) - far).detach()], dim=-1)


def weights(net):
    """Plain arrays for the exporter: per layer W [in + H, 4H] and b [4H] in gate order i, f, o, g; then the head."""
    cells = []
    for layer, n in zip(net.layers, net.sizes):
        w = torch.cat([layer.weight_ih_l0, layer.weight_hh_l0], dim=1).detach().numpy().T
        b = (layer.bias_ih_l0 + layer.bias_hh_l0).detach().numpy()
        order = np.concatenate([np.arange(0, 2 * n), np.arange(3 * n, 4 * n), np.arange(2 * n, 3 * n)])
        cells.append((w[:, order].copy(), b[order].copy()))
    return cells, (net.head_weight().detach().numpy().T.copy(), net.head.bias.detach().numpy().copy())
