"""A digest of what a model contains."""

import hashlib

import onnx_ir as ir

from graphfix.model.encode import encode
from graphfix.model.io import paused_gc
from graphfix.model.tensors import content_sha256


def digest(model: ir.Model) -> str:
    """Return the sha256 of the content of ``model`` as 64 hexadecimal digits.

    It does not depend on where weights are stored (in the model, beside it) and in which field
    (``raw_data``, ``float_data``). Everything else that is written to a file counts, metadata and
    types of intermediate values included. A weight is read once in the life of its tensor.
    """
    state = hashlib.sha256()
    with paused_gc():
        for piece in encode(model, large=0):
            state.update(piece if isinstance(piece, bytes) else content_sha256(piece.tensor))
    return state.hexdigest()
