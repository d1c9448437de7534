"""Trains the network by truncated backpropagation through time, with the state carried as it is on a node."""

import copy
import math
import sys
import time

import numpy as np
import torch

from . import spec
from .lanes import Lanes, validation
from .net import Net

LANES, CHUNK = 96, 128
LR_TOP, LR_END = 4e-3, 5e-5
WARM_STEPS = 50
# A tail quantile's loss is small by nature; it is what limits are set by, so it gets a little more say.
QUANTILE_WEIGHTS = (1.0, 1.5, 2.0, 3.0)
AVERAGE = 0.99  # decay of the averaged weights, which are what is validated and released


def device():
    """A GPU when there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def pinball(pred, y, weight):
    """Pinball loss for pred [..., 8], y [..., 2], weight [..., 2] (0 = no target): weighted, per item."""
    q = torch.tensor(spec.QUANTILES, device=pred.device)
    w = torch.tensor(QUANTILE_WEIGHTS, device=pred.device)
    pred = pred.unflatten(-1, (len(spec.HORIZONS), len(spec.QUANTILES)))
    d = y.unsqueeze(-1) - pred
    return (torch.maximum(q * d, (q - 1) * d) * w).mean(-1) * weight


def score(net, batch):
    """Validation loss: mean over series groups, every group the same weight."""
    x, y, w, share = batch
    net.eval()
    with torch.no_grad():
        pred, _ = net(x, net.start(x.shape[1]))
        loss = pinball(pred, y, w).sum((0, 2)) / (w > 0).sum((0, 2)).clamp(min=1)
    net.train()
    seen = ((w > 0).sum((0, 2)) > 0) * share
    return float((loss * seen).sum() / seen.sum())


def train(series, sizes, steps, minutes=None, seed=1, threads=1, lanes=LANES, progress=sys.stderr):
    """Returns the best network (by validation) and a dict that tells how it was trained.

    `steps` alone makes the run repeatable; `minutes` ends it earlier when the time is up.
    """
    torch.manual_seed(seed)
    torch.set_num_threads(threads)
    on = device()
    source = Lanes(series, lanes, CHUNK, np.random.default_rng(seed))
    batch = [torch.from_numpy(a).to(on) for a in validation(series, np.random.default_rng(seed))]
    # Made on the CPU, so that a seed begins with the same weights everywhere.
    net = Net(sizes).to(on)
    average = copy.deepcopy(net)
    optimizer = torch.optim.AdamW(net.parameters(), lr=LR_TOP, weight_decay=1e-4)
    every = max(1, min(100, steps // 10))
    best, best_net, best_step, stale = math.inf, copy.deepcopy(net), 0, 0
    state = net.start(lanes)
    begin, running = time.monotonic(), None
    step = 0
    for step in range(1, steps + 1):
        spent = (time.monotonic() - begin) / 60
        done = max(step / steps, spent / minutes if minutes else 0.0)
        if done > 1.0:
            break
        rate = LR_END + 0.5 * (LR_TOP - LR_END) * (1 + math.cos(math.pi * min(done, 1.0)))
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1.0, step / WARM_STEPS)
        x, y, w, reset = (torch.from_numpy(a).to(on) for a in source.chunk())
        keep = (~reset).float()[None, :, None]
        state = [(h.detach() * keep, c.detach() * keep) for h, c in state]
        pred, state = net(x, state)
        loss = pinball(pred, y, w).sum() / (w > 0).sum().clamp(min=1)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        with torch.no_grad():
            decay = min(AVERAGE, step / (step + 10))
            for a, p in zip(average.parameters(), net.parameters()):
                a.lerp_(p, 1 - decay)
        running = loss.item() if running is None else 0.95 * running + 0.05 * loss.item()
        if step % every == 0 or step == steps:
            now = score(average, batch)
            better = now < best
            if better:
                best, best_net, best_step, stale = now, copy.deepcopy(average), step, 0
            else:
                stale += 1
            print(
                f"step {step}/{steps} {100 * done:.0f} % {spent:.1f} min  loss {running:.4f}  "
                f"validation {now:.4f}{' *' if better else ''}",
                file=progress, flush=True,
            )
            if stale >= 15:
                print(f"no gain since step {best_step}, stopping", file=progress, flush=True)
                break
    if not math.isfinite(best):
        raise ValueError("training gave no finite validation loss")
    how = {
        "seed": seed, "sizes": list(sizes), "steps": step, "steps_wanted": steps, "best_step": best_step, "lanes": lanes,
        "chunk_ticks": CHUNK, "validation_loss": round(best, 5),
        "minutes": round((time.monotonic() - begin) / 60, 1), "device": on.type,
    }
    return best_net.cpu(), how
