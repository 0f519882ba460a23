"""A digest of what a model contains."""

import hashlib

import onnx_ir as ir


def digest(model: ir.Model) -> str:
    """Return the sha256 of the content of ``model`` as 64 hexadecimal digits."""
    return hashlib.sha256(ir.to_proto(model).SerializeToString(deterministic=True)).hexdigest()
