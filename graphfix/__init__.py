"""ONNX graph surgery that proves it kept the model's meaning."""

__version__ = "0.1.0"
