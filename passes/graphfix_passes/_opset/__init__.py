"""How nodes go down to older opsets: one module per family, all filling ``table.DOWN``."""

from graphfix_passes._opset import (
    activation,
    affine_grid,
    bodies,
    einsum,
    forms,
    hints,
    indexing,
    normalization,
    pad,
    quantization,
    recurrent,
    resize,
    softmax,
    types,
)
from graphfix_passes._opset.table import DOWN

__all__ = [
    "DOWN",
    "activation",
    "affine_grid",
    "bodies",
    "einsum",
    "forms",
    "hints",
    "indexing",
    "normalization",
    "pad",
    "quantization",
    "recurrent",
    "resize",
    "softmax",
    "types",
]
