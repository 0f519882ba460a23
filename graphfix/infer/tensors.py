"""What is known of the inputs and outputs of a model, in the words of ais_bench."""

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

Array = np.ndarray[Any, Any]

OPEN: Final = -1
"""A dim whose size the model does not fix."""


@dataclass(frozen=True)
class TensorDesc:
    """One input or output. The properties are those of ais_bench's ``tensor_desc``."""

    name: str
    datatype: np.dtype[Any]
    """Its ``name`` is that of ais_bench's enum: ``float32``, ``int64`` …"""
    dims: tuple[int, ...]
    """The shape, with ``OPEN`` for what the model does not fix."""

    @property
    def shape(self) -> list[int]:
        """The shape as ais_bench gives it: a list, -1 for a dynamic dim."""
        return list(self.dims)

    @property
    def format(self) -> int:
        """The number that ais_bench has for NCHW; an ONNX model knows no other format."""
        return 0

    @property
    def size(self) -> int:
        """Bytes; 0 when a dim is dynamic, since an ONNX model knows no largest size."""
        return 0 if OPEN in self.dims else math.prod(self.dims) * self.datatype.itemsize

    @property
    def realsize(self) -> int:
        """Bytes, as ``size``."""
        return self.size
