"""How much a tick's loss counts: quiet rows ask for finer forecasts than restless ones, and new rows count less."""

import numpy as np

STEADY = 0.01  # in scale units: no row counts as quieter than this
TYPICAL = 0.1  # restlessness that gets weight 1
ALPHA = 0.03
# A row's first ticks are wild, for its scale is still unknown. Training segments are short beside the life of a
# workload, so wild starts are over-represented; unweighted they widen everything.
GROWN, YOUNG = 64, 0.2  # ticks to full weight; share at the start
JUMP = 0.1  # growth of ln(scale) in one tick that counts as news


class Weight:
    """Running mean distance of the value from its average, in scale units; the weight is its inverse.

    It looks only backwards, so that it cannot pull a quantile to where the future turned out calm.
    """

    def __init__(self, rows):
        self.spread = np.full(rows, TYPICAL)
        self.age = np.zeros(rows)

    def restart(self, row):
        self.spread[row], self.age[row] = TYPICAL, 0

    def step(self, features):
        """Features [n, F] of this tick to weights [n]."""
        move = np.abs(features[:, 0] - features[:, 1])
        # After a jump of the scale the row is not known to be quiet any more.
        self.spread = np.where(features[:, 5] > JUMP, TYPICAL, self.spread * np.exp(-features[:, 5]))
        self.spread += ALPHA * (move - self.spread)
        self.age += 1
        return np.clip(self.age / GROWN, YOUNG, 1.0) * (TYPICAL + STEADY) / (self.spread + STEADY)
