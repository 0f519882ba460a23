"""An ONNX model in onnxruntime, run on arrays in the order of its inputs."""

import math
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir

from graphfix.dialect import looks_like_dialect, raise_dialect
from graphfix.errors import DialectError, ModelError, ToolError
from graphfix.infer.errors import InferError
from graphfix.infer.tensors import OPEN, Array, TensorDesc
from graphfix.infer.times import Times
from graphfix.model import load
from graphfix.runners.onnxruntime import NotRunnable, Session


def onnx_file(model: Path) -> Path:
    """The ONNX file that stands for ``model`` on the CPU: of ``x.om``, ``x.onnx`` beside it.

    Raises:
        ToolError: it is an ``.om`` without such a file; only an NPU can run it.
    """
    if model.suffix != ".om":
        return model
    beside = model.with_suffix(".onnx")
    if beside.is_file():
        return beside
    raise ToolError(
        f"{model}: an .om runs on an NPU only, through ais_bench; put the ONNX file it was made "
        f"from beside it as {beside.name}, or give that file as the model"
    )


class Engine:
    """A loaded model. onnxruntime computes every node as it stands, on all processors."""

    def __init__(self, path: Path) -> None:
        """Load the model in ``path`` (``onnx_file`` of it).

        Raises:
            UsageError: the file is missing.
            ModelError: it is no model, onnxruntime refuses it, or it has inputs or outputs that
                are not tensors of numbers.
            ToolError: see :func:`onnx_file`.
        """
        self.path = onnx_file(path)
        model = load(self.path)
        self.raised = looks_like_dialect(model)
        """Whether the file is written for ATC, and was read back into ONNX."""
        if self.raised:
            model = self._raise(model)
        try:
            self._session = Session(model, threads=_processors())
        except NotRunnable as error:
            raise ModelError(f"{self.path}: onnxruntime cannot load it: {error}") from error
        self.inputs = tuple(
            TensorDesc(name, self._number(name, dtype), tuple(map(_dim, shape)))
            for name, dtype, shape in self._session.inputs
        )
        self.outputs = tuple(self._output(value) for value in model.graph.outputs)

    def timed(self, arrays: Sequence[Array], loop: int, times: Times) -> list[Array]:
        """Run ``loop`` times, note each in ``times``, and return the last outputs.

        Raises:
            ModelError: a node fails.
        """
        for _ in range(loop):
            started = milliseconds()
            results = self.execute(arrays)
            times.spans.append((started, milliseconds()))
        outputs = []
        for result in results:
            started = milliseconds()
            outputs.append(np.asarray(result, order="C"))
            times.from_device.append(milliseconds() - started)
        return outputs

    def execute(self, arrays: Sequence[Array]) -> list[Any]:
        """Run once; one array per input, of its dtype and shape.

        Raises:
            ModelError: a node fails.
        """
        feeds = {desc.name: array for desc, array in zip(self.inputs, arrays, strict=True)}
        try:
            results = self._session.run(feeds)
        except NotRunnable as error:
            raise ModelError(f"{self.path}: onnxruntime cannot run it: {error}") from error
        return [results[desc.name] for desc in self.outputs]

    def _raise(self, model: ir.Model) -> ir.Model:
        try:
            return raise_dialect(model).model
        except DialectError as error:
            raise ModelError(
                f"{self.path}: {error}\n  'graphfix raise' takes --plugin, and writes an ONNX file "
                "that runs here"
            ) from error

    def _output(self, value: ir.Value) -> TensorDesc:
        name = value.name or ""
        dtype = value.dtype.numpy() if value.dtype is not None else None
        dims = tuple(d if isinstance(d, int) else OPEN for d in value.shape or ())
        return TensorDesc(name, self._number(name, dtype), dims)

    def _number(self, name: str, dtype: Any) -> np.dtype[Any]:
        if dtype is None or np.dtype(dtype) == np.dtype(object):
            raise ModelError(
                f"{self.path}: {name!r} is not a tensor of numbers, which is all that ais_bench "
                "knows; cut the model before it, with the pass out-nodes if it is an output"
            )
        found: np.dtype[Any] = np.dtype(dtype)
        return found


def as_input(data: Array, desc: TensorDesc, shape: tuple[int, ...]) -> Array:
    """The bytes of ``data`` as an array of the input's dtype; what the array was is forgotten.

    Raises:
        InferError: there are more or fewer bytes than the input takes.
    """
    need = math.prod(shape) * desc.datatype.itemsize
    if data.nbytes != need:
        raise InferError(
            f"ndata size:{data.nbytes} not match {need}: input {desc.name!r} takes "
            f"{desc.datatype.name}[{','.join(map(str, shape))}], {need} bytes; given are "
            f"{data.nbytes}, as {data.dtype.name}[{','.join(map(str, data.shape))}]"
        )
    flat = np.ascontiguousarray(data).reshape(-1).view(np.uint8)
    return flat.view(desc.datatype).reshape(shape)


def milliseconds() -> float:
    """The time, counted from no particular beginning."""
    return time.perf_counter() * 1000


def _processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _dim(dim: int | str | None) -> int:
    return dim if isinstance(dim, int) and dim >= 0 else OPEN
