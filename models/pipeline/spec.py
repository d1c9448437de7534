"""The constants of contract version 1. The agent's feature code holds the same numbers; change both or none."""

CONTRACT_VERSION = 1

RESOURCES = ("cpu", "memory", "network")
UNITS = {"cpu": "cores", "memory": "bytes", "network": "bytes/s"}
# Below the floor a workload counts as idle, so that noise near zero is not blown up to full scale.
FLOORS = {"cpu": 0.01, "memory": 1048576.0, "network": 1000.0}

SCALE_HALF_LIFE_TICKS = 240
ALPHA_FAST = 0.3
ALPHA_SLOW = 0.03
RING = 12
CLIP_LOW, CLIP_HIGH = 0.0, 2.0
SCALE_JUMP_MAX = 5.0

HORIZONS = (5, 30)
QUANTILES = (0.5, 0.9, 0.95, 0.99)

FEATURES = (
    ("value", "x / s; the last present value when x is missing; clipped"),
    ("ewma_fast", "fast moving average / s; clipped"),
    ("ewma_slow", "slow moving average / s; clipped"),
    ("ring_max", "largest of the last 12 present values / s; clipped"),
    ("ring_min", "smallest of the last 12 present values / s; clipped"),
    ("scale_jump", "min(ln(s / s of the tick before), 5); 0 at the first sample"),
    ("present", "1 if this tick has a sample, else 0"),
    ("is_cpu", "1 if the row is a CPU series, else 0"),
    ("is_memory", "1 if the row is a memory series, else 0"),
    ("is_network", "1 if the row is a network series, else 0"),
)
F = len(FEATURES)
# In scale units. A burst out of an idle row has no bound; to be ready for it all the time would cost every row a huge
# upper quantile. What comes beyond this is the fast path's work, not the forecast's: targets and outputs end here.
TARGET_CAP = 4.0

OUTPUTS = tuple(f"h{h}_q{q}" for h in HORIZONS for q in QUANTILES)
