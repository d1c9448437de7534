"""A model of your own from TensorFlow: the classic LSTM(128) -> LSTM(64) -> Dense(1) that gives the next value.

From the folder `models`: python -m examples.keras.train --traces FILE...
"""

from pathlib import Path

import keras

from .. import window

OUTPUTS = ["next"]


def build():
    return keras.Sequential(
        [
            keras.Input((window.WINDOW, 1)),
            keras.layers.LSTM(128, return_sequences=True),
            keras.layers.LSTM(64),
            keras.layers.Dense(1),
        ]
    )


def train(windows, steps, seed):
    keras.utils.set_random_seed(seed)
    net = build()
    net.compile(optimizer=keras.optimizers.Adam(1e-3), loss="mse")
    for step in range(1, steps + 1):
        loss = net.train_on_batch(*windows.batch(64))
        if step % 100 == 0 or step == steps:
            print(f"step {step}/{steps}: loss {float(loss):.5f}", flush=True)
    return net


def export(net, path):
    """ONNX with an open batch, so that all workloads of a node go in one call."""
    net.export(str(path), format="onnx", verbose=False, opset_version=17)


def main():
    args = window.arguments(__doc__, Path(__file__).parent / "model")
    net = train(window.Windows(window.read(args.traces), ahead=1, seed=args.seed), args.steps, args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    export(net, args.out / "model.onnx")
    answers = net.predict(window.golden_windows(), verbose=0)
    how = {"framework": f"keras {keras.__version__}", **window.settings(args)}
    window.write(args.out, "example-keras", OUTPUTS, answers, how)


if __name__ == "__main__":
    main()
