"""Run a model with onnxruntime as the judge: every node as it stands, nothing optimised away."""

import ctypes
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import onnx_ir as ir

from graphfix.errors import GraphfixError, ModelError
from graphfix.model import for_runtime
from graphfix.runners.half import with_rounding

_LAST_COMPLETE_OPSET: Final = 21
"""From opset 22 onnxruntime 1.31 lacks kernels for RoiAlign, MaxRoiPool, GlobalLpPool, Random*,
whose only change there is that they take bfloat16."""

_MESSAGE_LENGTH: Final = 300
THREADS: Final = 2
"""Of a session, unless told otherwise."""
_FATAL: Final = 4
"""Log level; what onnxruntime has to say arrives as an exception."""

Output = np.ndarray[Any, Any] | list[Any] | dict[Any, Any] | None
"""A tensor; a list for a sequence; a dict for a map; None for an empty optional."""


class NotRunnable(GraphfixError):
    """Onnxruntime cannot load or run this model; the message is onnxruntime's, shortened."""


class Session:
    """A model loaded into onnxruntime on the CPU.

    Graph optimisations, memory reuse and weight prepacking are off: every node computes what the
    model says, sessions of large models start fast, and weights stay mapped from their file.
    """

    def __init__(
        self, model: ir.Model, *, outputs: Sequence[str] | None = None, threads: int = THREADS
    ) -> None:
        """Load ``model``; ``outputs`` names values that are returned after its own outputs.

        One thread makes the session of a few nodes four times cheaper (0.2 against 0.7 ms); give
        the same number to sessions whose outputs are compared bit for bit.

        Raises ``NotRunnable`` when onnxruntime refuses the model. When all it lacks is a kernel
        for an operator of opset 22 or later that is the same in opset 21, it gets the model as one
        of opset 21. Where the model is in float16, every result is rounded to it, which onnxruntime
        leaves out on the CPU.
        """
        model = with_rounding(model)
        try:
            runtime = for_runtime(model, outputs=outputs)
        except ModelError as error:
            raise NotRunnable(str(error)) from error
        weights = {name: _shared(array) for name, array in runtime.weights.items()}
        self._weights = weights  # the session uses their memory, but does not keep it
        try:
            self._session = _session(runtime.proto, weights, runtime.folder, threads)
        except NotRunnable:
            older = _as_opset_21(model, runtime.proto)
            if older is None:
                raise
            self._session = _session(older, weights, runtime.folder, threads)
        self._input_types = {each.name: each.type for each in self._session.get_inputs()}
        self.inputs: tuple[tuple[str, np.dtype[Any] | None, tuple[int | str | None, ...]], ...] = (
            tuple(
                (each.name, _dtype(each.type), tuple(each.shape or ()))
                for each in self._session.get_inputs()
            )
        )
        """Name, element type (None unless a tensor of numbers, bools or strings) and shape."""
        self.outputs: tuple[str, ...] = tuple(o.name for o in self._session.get_outputs())
        """Names of the outputs: the model's own, then those asked for."""
        self._plain = all(
            _plain(each.type)
            for each in (*self._session.get_inputs(), *self._session.get_outputs())
        )

    def run(self, feeds: Mapping[str, np.ndarray[Any, Any]]) -> dict[str, Output]:
        """Return all outputs for ``feeds`` by name.

        bfloat16, float8, int4 and the like are arrays of their ``ml_dtypes`` type. A feed for a
        sequence is a list, for an optional an array or None. Raises ``NotRunnable`` when a node
        fails, or when a feed is missing or of the wrong type or shape.
        """
        try:
            if self._plain:
                results = self._session.run(None, {k: _fed(v) for k, v in feeds.items()})
            else:
                values = {name: self._value(name, feed) for name, feed in feeds.items()}
                results = [
                    _array(value)
                    for value in self._session.run_with_ort_values(list(self.outputs), values)
                ]
        except Exception as error:  # onnxruntime's errors have no base class
            raise NotRunnable(_short(error)) from error
        return dict(zip(self.outputs, results, strict=True))

    def _value(self, name: str, feed: np.ndarray[Any, Any]) -> Any:
        """Return a feed as an ``OrtValue``."""
        import onnxruntime

        dtype = _MINIFLOATS.get(self._input_types.get(name, ""))
        feed = np.asarray(feed)
        if dtype is None:
            return onnxruntime.OrtValue.ortvalue_from_numpy(feed)
        raw = np.ascontiguousarray(feed.astype(dtype.numpy(), copy=False))
        bits = raw.view(np.uint16 if dtype.bitwidth == 16 else np.uint8)
        return onnxruntime.OrtValue.ortvalue_from_numpy_with_onnx_type(bits, int(dtype))


_MINIFLOATS: Final = {
    "tensor(bfloat16)": ir.DataType.BFLOAT16,
    "tensor(float8e4m3fn)": ir.DataType.FLOAT8E4M3FN,
    "tensor(float8e4m3fnuz)": ir.DataType.FLOAT8E4M3FNUZ,
    "tensor(float8e5m2)": ir.DataType.FLOAT8E5M2,
    "tensor(float8e5m2fnuz)": ir.DataType.FLOAT8E5M2FNUZ,
}
"""Types of whole bytes that onnxruntime does not exchange with numpy."""

_PACKED: Final = {"tensor(int4)": ir.DataType.INT4, "tensor(uint4)": ir.DataType.UINT4}
_UNUSUAL: Final = {**_MINIFLOATS, **_PACKED}

_DTYPES: Final[dict[str, np.dtype[Any]]] = {
    "float": np.dtype(np.float32),
    "double": np.dtype(np.float64),
    "float16": np.dtype(np.float16),
    "bool": np.dtype(np.bool_),
    "string": np.dtype(object),
    **{f"{u}int{bits}": np.dtype(f"{u}int{bits}") for u in ("", "u") for bits in (8, 16, 32, 64)},
}


def _dtype(text: str) -> np.dtype[Any] | None:
    if (unusual := _UNUSUAL.get(text)) is not None:
        return np.dtype(unusual.numpy())
    match = re.fullmatch(r"tensor\((\w+)\)", text)
    return _DTYPES.get(match[1]) if match else None


def _fed(feed: Any) -> Any:
    """Return a feed as onnxruntime takes it: arrays, not numpy's scalars."""
    return np.asarray(feed) if isinstance(feed, np.generic) else feed


def _plain(text: str) -> bool:
    return not any(name in text for name in _UNUSUAL)


def _array(value: Any) -> Output:
    """Return the contents of an ``OrtValue``."""
    if not value.has_value():
        return None
    dtype = _UNUSUAL.get(value.data_type())
    if dtype is None:
        result: Output = value.numpy()
        return result
    data = ctypes.string_at(value.data_ptr(), value.tensor_size_in_bytes())
    proto = onnx.TensorProto(data_type=dtype, dims=value.shape(), raw_data=data)
    return ir.serde.TensorProtoTensor(proto).numpy()


def _session(proto: bytes, weights: Mapping[str, Any], folder: Path, threads: int) -> Any:
    import onnxruntime

    onnxruntime.set_default_logger_severity(_FATAL)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.enable_mem_reuse = False
    options.log_severity_level = _FATAL
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.disable_prepacking", "1")
    # Between the many short runs a spinning thread only takes processor time from others.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry(
        "session.model_external_initializers_file_folder_path", str(folder)
    )
    for name, value in weights.items():
        options.add_initializer(name, value)
    try:
        return onnxruntime.InferenceSession(proto, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no base class
        raise NotRunnable(_short(error)) from error


def _shared(array: np.ndarray[Any, Any]) -> Any:
    """Return an ``OrtValue`` on the memory of ``array``."""
    import onnxruntime

    array = np.ascontiguousarray(array)
    if array.dtype.kind in "fiub" and array.dtype.type.__module__ == "numpy":
        return onnxruntime.OrtValue.ortvalue_from_numpy(array)
    bits = array.view(np.uint16 if array.dtype.itemsize == 2 else np.uint8)
    return onnxruntime.OrtValue.ortvalue_from_numpy_with_onnx_type(
        bits, int(ir.DataType.from_numpy(array.dtype))
    )


def _short(error: Exception) -> str:
    """Return what onnxruntime says, without its source positions, on one line."""
    text = " ".join(str(error).split())
    text = re.sub(r"^\[ONNXRuntimeError\] : \d+ : (\w+) : ", r"\1: ", text)
    text = re.sub(r"/\S+?\.(cc|h):\d+ .*?\) ?(?=[A-Z])", "", text)
    return text if len(text) <= _MESSAGE_LENGTH else text[: _MESSAGE_LENGTH - 1] + "…"


def _as_opset_21(model: ir.Model, proto: bytes) -> bytes | None:
    """Return the model relabelled to opset 21, or None when an operator is not the same there."""
    if model.opset_imports.get("", 0) <= _LAST_COMPLETE_OPSET:
        return None
    if not all(map(_same_in_opset_21, _nodes(model))):
        return None
    older = onnx.ModelProto()
    older.ParseFromString(proto)
    for imports in (older.opset_import, *(each.opset_import for each in older.functions)):
        for entry in imports:
            if entry.domain in ("", "ai.onnx") and entry.version > _LAST_COMPLETE_OPSET:
                entry.version = _LAST_COMPLETE_OPSET
    return bytes(older.SerializeToString())


def _nodes(model: ir.Model) -> Iterator[tuple[ir.Node, int]]:
    graphs: list[ir.Graph | ir.Function] = [model.graph, *model.functions.values()]
    for graph in graphs:
        opset = graph.opset_imports.get("", 1)
        for node in graph.all_nodes():
            yield node, opset


def _same_in_opset_21(node_and_opset: tuple[ir.Node, int]) -> bool:
    node, opset = node_and_opset
    if node.domain:
        return True
    try:
        now = onnx.defs.get_schema(node.op_type, opset, "")
        then = onnx.defs.get_schema(node.op_type, _LAST_COMPLETE_OPSET, "")
    except onnx.defs.SchemaError:
        return False
    if now.since_version == then.since_version:
        return True
    return _signature(now) == _signature(then)


def _signature(schema: onnx.defs.OpSchema) -> tuple[Any, ...]:
    return (
        [(each.name, each.option) for each in (*schema.inputs, *schema.outputs)],
        sorted(
            (name, each.type, each.required, each.default_value.SerializeToString())
            for name, each in schema.attributes.items()
        ),
    )
