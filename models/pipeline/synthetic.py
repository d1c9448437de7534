"""Made-up shapes that second-by-second data are full of and minute-by-minute traces hide: bursts, steps, ramps."""

import numpy as np


def burst(rng, n):
    """Idle, then busy at a steady level, again and again; sometimes with a fixed rhythm."""
    idle, level = rng.uniform(0, 0.1), rng.uniform(0.3, 1.0)
    on, off = rng.integers(1, 40), rng.integers(2, 120)
    jitter = rng.choice([0.0, 0.7])
    parts, total = [], 0
    while total < n:
        a = 1 + int(off * np.exp(jitter * rng.standard_normal()))
        b = 1 + int(on * np.exp(jitter * rng.standard_normal()))
        parts += [np.full(a, idle), np.full(b, level)]
        total += a + b
    x = np.concatenate(parts)[rng.integers(0, max(1, total - n)) :][:n]
    x = np.concatenate([x, np.full(n - len(x), idle)])
    return x * (1 + rng.uniform(0, 0.1) * rng.standard_normal(n))


def walk(rng, n):
    """A level that stays, climbs, falls or jumps: what memory does."""
    x, level = [], rng.uniform(0.2, 1.0)
    while len(x) < n:
        k = int(rng.integers(5, 150))
        kind = rng.integers(4)
        to = level if kind == 0 else rng.uniform(0.05, 1.0)
        x += list(np.full(k, to) if kind == 3 else np.linspace(level, to, k))
        level = to
    return np.array(x[:n]) * (1 + rng.choice([0.0, 0.002, 0.02]) * rng.standard_normal(n))


def draw(rng, n):
    """One made-up series of `n` ticks and its resource index."""
    x = burst(rng, n) if rng.random() < 0.5 else walk(rng, n)
    return np.maximum(x, 0.0), int(rng.integers(3))
