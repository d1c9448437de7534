"""Builds the one-step ONNX graph from plain weight arrays: matrix products and pointwise operators only."""

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper

from . import spec

OPSET, IR = 17, 8
Q = len(spec.QUANTILES)


def build(cells, head, name):
    """`cells`: (W [in + H, 4H], b [4H]) per layer, gates i, f, o, g; `head`: (W, b) on [h_last, x]."""
    sizes = [w.shape[1] // 4 for w, _ in cells]
    nodes, consts = [], []

    def const(key, value, dtype=np.float32):
        consts.append(numpy_helper.from_array(np.asarray(value, dtype=dtype), key))
        return key

    def add(op, inputs, *outputs, **attributes):
        nodes.append(helper.make_node(op, list(inputs), list(outputs), name=outputs[0], **attributes))
        return outputs[0]

    def split(source, outputs, widths):
        add("Split", [source, const(f"{outputs[0]}_widths", widths, np.int64)], *outputs, axis=1)

    def linear(source, key, w, b, out):
        add("MatMul", [source, const(f"{key}_w", w)], f"{key}_mm")
        return add("Add", [f"{key}_mm", const(f"{key}_b", b)], out)

    layers = range(len(sizes))
    hs, cs = [f"h{i}" for i in layers], [f"c{i}" for i in layers]
    if len(sizes) > 1:
        split("h", hs, sizes)
        split("c", cs, sizes)
    else:
        hs, cs = ["h"], ["c"]
    below = "x"
    for i, (n, (w, b)) in enumerate(zip(sizes, cells)):
        joined = add("Concat", [below, hs[i]], f"in{i}", axis=1)
        linear(joined, f"cell{i}", w, b, f"gates{i}")
        split(f"gates{i}", [f"ifo{i}", f"g{i}"], [3 * n, n])
        add("Sigmoid", [f"ifo{i}"], f"ifo{i}_s")
        split(f"ifo{i}_s", [f"i{i}", f"f{i}", f"o{i}"], [n, n, n])
        add("Tanh", [f"g{i}"], f"g{i}_t")
        add("Mul", [f"f{i}", cs[i]], f"kept{i}")
        add("Mul", [f"i{i}", f"g{i}_t"], f"new{i}")
        last = len(sizes) == 1
        add("Add", [f"kept{i}", f"new{i}"], "c_next" if last else f"c{i}_next")
        add("Tanh", ["c_next" if last else f"c{i}_next"], f"c{i}_t")
        below = add("Mul", [f"o{i}", f"c{i}_t"], "h_next" if last else f"h{i}_next")
    if len(sizes) > 1:
        add("Concat", [f"h{i}_next" for i in layers], "h_next", axis=1)
        add("Concat", [f"c{i}_next" for i in layers], "c_next", axis=1)

    linear(add("Concat", [below, "x"], "head_in", axis=1), "head", *head, "z")
    split("z", ["medians", "steps"], [2, 2 * (Q - 1)])
    add("Softplus", ["steps"], "steps_up")
    add("Concat", ["medians", "steps_up"], "parts", axis=1)
    # Cumulative sums of both horizons at once: a constant matrix of zeros and ones.
    add("MatMul", ["parts", const("sum_up", cumulative())], "sums")
    split("sums", ["near", "far_own"], [Q, Q])
    add("Max", ["near", "far_own"], "far")
    add("Concat", ["near", "far"], "ordered", axis=1)
    # Training saw no peak outside these bounds, so what the sums say beyond them means nothing.
    add("Clip", ["ordered", const("lowest", 0.0), const("highest", spec.TARGET_CAP)], "y")

    total = sum(sizes)

    def info(key, width):
        return helper.make_tensor_value_info(key, TensorProto.FLOAT, ["N", width])

    graph = helper.make_graph(
        nodes, name,
        [info("x", spec.F), info("h", total), info("c", total)],
        [info("y", 2 * Q), info("h_next", total), info("c_next", total)],
        consts,
    )
    model = helper.make_model(
        graph, producer_name="llmos-models", ir_version=IR, opset_imports=[helper.make_opsetid("", OPSET)]
    )
    checker.check_model(model, full_check=True)
    return model


def cumulative():
    """[medians, increments of h5, increments of h30] @ this = the quantiles of h5, then of h30."""
    m = np.zeros((2 * Q, 2 * Q), dtype=np.float32)
    for horizon in range(2):
        m[horizon, horizon * Q : (horizon + 1) * Q] = 1
        for k in range(Q - 1):
            m[2 + horizon * (Q - 1) + k, horizon * Q + k + 1 : (horizon + 1) * Q] = 1
    return m
