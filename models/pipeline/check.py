"""Compares the exported graph with the network it came from: a release whose file answers otherwise is refused."""

import numpy as np
import torch

from . import spec
from .runner import Model

TICKS, ROWS = 50, 16
TOLERANCE = 1e-4


def same(net, path, seed=0):
    """Run both over the same random features with the state carried; returns the largest difference.

    Raises ValueError when it is above the tolerance.
    """
    x = np.random.default_rng(seed).uniform(0, 1, (TICKS, ROWS, spec.F)).astype(np.float32)
    with torch.no_grad():
        want, _ = net(torch.from_numpy(x), net.start(ROWS))
    model = Model(path)
    h, c = model.start(ROWS)
    worst = 0.0
    for k in range(TICKS):
        y, h, c = model.step(x[k], h, c)
        # The graph also cuts off what no target can be, which training has no need for.
        worst = max(worst, float(np.abs(y - np.clip(want[k].numpy(), 0, spec.TARGET_CAP)).max()))
    if not worst <= TOLERANCE:
        raise ValueError(f"{path}: differs from the trained network by {worst:.2g}, allowed is {TOLERANCE:g}")
    return worst
