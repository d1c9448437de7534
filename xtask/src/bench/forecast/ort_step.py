"""CPU time of a step of a streaming model in ONNX Runtime, in microseconds a row: `ort_step.py MODEL ROWS...` prints JSON.

One thread, inputs and outputs bound beforehand, so that a call costs what the run time takes and little of Python.
"""

import json
import sys
import time

import numpy as np
import onnxruntime as ort

SECONDS = 0.15  # measured for each size
STEPS = 5  # at least

options = ort.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
options.add_session_config_entry("session.intra_op.allow_spinning", "0")
session = ort.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
found = {}
for rows in map(int, sys.argv[2:]):
    bound = session.io_binding()
    kept = []
    for tensor in session.get_inputs():
        numbers = np.arange(rows * tensor.shape[1], dtype=np.float32).reshape(rows, -1) * 37 % 101 / 101
        kept.append(ort.OrtValue.ortvalue_from_numpy(numbers if tensor.name == "x" else numbers * 0))
        bound.bind_ortvalue_input(tensor.name, kept[-1])
    for tensor in session.get_outputs():
        kept.append(ort.OrtValue.ortvalue_from_shape_and_type((rows, tensor.shape[1]), np.float32))
        bound.bind_ortvalue_output(tensor.name, kept[-1])
    session.run_with_iobinding(bound)
    taken, began = [], time.perf_counter()
    while len(taken) < STEPS or time.perf_counter() - began < SECONDS:
        before = time.thread_time_ns()
        session.run_with_iobinding(bound)
        taken.append(time.thread_time_ns() - before)
    found[str(rows)] = float(np.median(taken)) / rows / 1e3
print(json.dumps({"version": ort.__version__, "step_us": found}))
