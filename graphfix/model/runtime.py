"""What onnxruntime gets of a model: a skeleton, and its large weights by reference."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx_ir as ir

from graphfix.errors import ModelError, UsageError
from graphfix.model.encode import Piece, encode, external_fields, inline
from graphfix.model.io import join, paused_gc
from graphfix.model.wire import number_field

_PLACEHOLDER: Final = Path(__file__)
"""Onnxruntime wants the file of external data to exist, though it never reads a given weight."""

_IR_VERSION: Final = 10
"""Later versions (multi-device annotations, new element types) change nothing for onnxruntime,
which refuses those that are younger than itself."""

_INDEX_BYTES: Final = 1 << 16
"""Integer tensors up to this size stay in the skeleton: shape inference may look at them."""

_UNSHARED: Final = frozenset(
    (ir.DataType.STRING, ir.DataType.COMPLEX64, ir.DataType.COMPLEX128, ir.DataType.UNDEFINED)
)
_INTEGERS: Final = frozenset((ir.DataType.INT64, ir.DataType.INT32))


@dataclass(frozen=True)
class RuntimeModel:
    """A model as onnxruntime loads it without copying weights.

    ``SessionOptions.add_initializer(name, OrtValue)`` for every weight makes the session use the
    array itself, which for weights from a file is a read-only mapping of it; array and ``OrtValue``
    must live as long as the session. The session option
    ``session.model_external_initializers_file_folder_path`` must be set to ``folder``.
    (``add_external_initializers`` copies every weight.)
    """

    proto: bytes
    """A serialised ``ModelProto``; the tensors named in ``weights`` have no data in it."""
    weights: Mapping[str, np.ndarray[Any, Any]]
    """Name of an initializer or of a Constant's output, in any graph, to its numbers."""
    folder: Path
    """Where the placeholder file of the skeleton's external data references is."""


def for_runtime(model: ir.Model, *, outputs: Sequence[str] | None = None) -> RuntimeModel:
    """Return ``model`` for onnxruntime.

    ``outputs`` names values of the main graph that become further outputs, after the model's own;
    names that are outputs already are ignored. Of nodes that share a name, which onnxruntime
    refuses, the later ones lose it. Raises ``UsageError`` for an unknown name, ``ModelError`` when
    more than 2 GB of weights cannot be given by reference (inside functions, or with elements
    smaller than a byte).
    """
    weights: dict[str, ir.TensorProtocol] = {}
    ambiguous = _ambiguous_names(model)

    def place(tensor: ir.TensorProtocol, name: str | None) -> Sequence[Piece]:
        dtype = tensor.dtype
        if (
            not name
            or dtype in _UNSHARED
            or dtype.bitwidth < 8
            or (dtype in _INTEGERS and tensor.nbytes <= _INDEX_BYTES)
            or name in ambiguous
        ):
            return inline(tensor, name)
        weights[name] = tensor
        return (external_fields(_PLACEHOLDER.name, 0, tensor.nbytes),)

    with paused_gc():
        extra = _values(model.graph, outputs or ())
        pieces = encode(model, place, extra_outputs=extra, unique_node_names=True)
        if model.ir_version > _IR_VERSION:
            pieces.append(number_field(1, _IR_VERSION))  # the last one counts
        if (size := sum(map(len, pieces))) >= 1 << 31:
            raise ModelError(
                f"{size} bytes of the model, more than 2 GB, cannot be given to onnxruntime by "
                f"reference: weights inside functions, or with elements smaller than a byte"
            )
        arrays = {name: tensor.numpy() for name, tensor in weights.items()}
        return RuntimeModel(join(pieces), arrays, _PLACEHOLDER.parent)


def _ambiguous_names(model: ir.Model) -> set[str]:
    """Return the names that constants of several graphs share: onnxruntime goes by name alone."""
    graphs = tuple(model.graphs())
    if len(graphs) == 1:
        return set()
    counts: Counter[str] = Counter()
    for graph in graphs:
        counts.update(iter(graph.initializers))
        constants = (node for node in graph if node.op_type == "Constant")
        counts.update(node.outputs[0].name or "" for node in constants)
    return {name for name, count in counts.items() if count > 1}


def _values(graph: ir.Graph, names: Sequence[str]) -> tuple[ir.Value, ...]:
    """Return the values called so, in this order, without those that are outputs already."""
    wanted = dict.fromkeys(names)
    for value in graph.outputs:
        wanted.pop(value.name or "", None)
    if not wanted:
        return ()
    found = {value.name: value for value in (*graph.inputs, *graph.initializers.values())}
    found.update((value.name, value) for node in graph for value in node.outputs)
    missing = [name for name in wanted if name not in found]
    if missing:
        raise UsageError(f"the model has no value {missing[0]!r}")
    return tuple(found[name] for name in wanted)
