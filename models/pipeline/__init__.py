"""Training pipeline of the streaming peak forecaster: traces in, ONNX model with contract out."""
