"""What the inputs of a model may hold, read off the nodes that consume them.

Indices are bounded by the axis they index, lengths by the sequence, counts and sizes are kept
small. What nothing bounds gets the full signed range.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import onnx_ir as ir

from graphfix.rewrite import constant_array
from graphfix.spec import Dim, InputSpec
from graphfix.verify.dtypes import dtype_name

Limit = tuple[Dim, int]
"""A size and what to add to it: ``("N", -1)`` is the last index into a table of N rows."""


@dataclass(frozen=True)
class ModelInput:
    """One input the verifier must feed."""

    spec: InputSpec
    at_most: tuple[Limit, ...] = ()
    """Limits by sizes that are only known once the dims are bound."""
    shapes_graph: bool = False
    """Whether a computed shape or trip count depends on the values, which must then stay small."""
    fixed: tuple[int, ...] | None = None
    """The values themselves, where only they are sure to fit (the shape input of a Reshape)."""
    why_not: str = ""
    """Why no feed can be made, such as a sequence type; empty when one can."""


Functions = Mapping[ir.OperatorIdentifier, ir.Function]


def model_inputs(model: ir.Model, specs: Sequence[InputSpec] = ()) -> tuple[ModelInput, ...]:
    """The inputs without default (initializer), in graph order; ``specs`` override what is read."""
    given = {spec.name: spec for spec in specs}
    found = []
    for value in model.graph.inputs:
        if value.is_initializer():
            continue
        described = _describe(value, model.functions)
        if value.name in given:
            described = _override(described, given[value.name])
        found.append(described)
    return tuple(found)


def _describe(value: ir.Value, functions: Functions) -> ModelInput:
    name = value.name or ""
    if value.type is not None and not isinstance(value.type, ir.TensorType):
        kind = "a sequence" if isinstance(value.type, ir.SequenceType) else "not a tensor"
        return ModelInput(InputSpec(name), why_not=f"input {name!r} is {kind}")
    if value.dtype is None or value.dtype == ir.DataType.UNDEFINED:
        return ModelInput(InputSpec(name), why_not=f"input {name!r} has no element type")
    dtype = dtype_name(value.dtype)
    if value.shape is None:
        why = f"input {name!r} has no shape; give one with --shape {name}:..."
        return ModelInput(InputSpec(name, dtype), why_not=why)
    shape = tuple(d if isinstance(d, int) else d.value for d in value.shape)
    spec = InputSpec(name, dtype, shape)
    if dtype in ("bool", "string"):
        return ModelInput(spec)
    return _bounded(ModelInput(spec), value, functions)


def _override(found: ModelInput, given: InputSpec) -> ModelInput:
    spec = found.spec
    merged = InputSpec(
        spec.name,
        given.dtype or spec.dtype,
        given.shape if given.shape is not None else spec.shape,
        given.low if given.low is not None else spec.low,
        given.high if given.high is not None else spec.high,
        given.values or spec.values,
    )
    why = "" if merged.shape is not None and merged.dtype is not None else found.why_not
    if merged.values or merged.low is not None or merged.high is not None:
        return ModelInput(merged, why_not=why)
    return replace(found, spec=merged, why_not=why)


def _bounded(found: ModelInput, value: ir.Value, functions: Functions) -> ModelInput:
    """Follow the value through the graph and collect what its readers demand."""
    assert found.spec.dtype is not None
    integral = "int" in found.spec.dtype
    limits: list[Limit] = []
    low: list[float] = []
    high: list[float] = []
    mask = "mask" in found.spec.name.lower()
    for node, port, cast in _readers(value, functions):
        demand = _demand(node, port) if integral or cast else _float_demand(node, port)
        if demand is None:
            continue
        if demand.fixed is not None:
            return replace(found, fixed=demand.fixed)
        limits.extend(demand.limits)
        low.append(demand.low)
        if demand.high is not None:
            high.append(demand.high)
    shapes_graph = _shapes_graph(value)
    spec = found.spec
    if low:
        spec = replace(spec, low=max(low), high=max(min(high), max(low)) if high else None)
    elif integral and mask:
        spec = replace(spec, low=0, high=1)
    elif integral and shapes_graph:
        spec = replace(spec, low=1, high=4)
    return ModelInput(spec, tuple(limits), shapes_graph)


_CARRIERS = frozenset(
    {
        "Identity", "Cast", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Transpose", "Expand",
        "Tile", "Concat", "Split", "Slice", "Gather", "GatherND", "GatherElements", "Clip", "Abs",
    }
)  # fmt: skip
"""Operators that hand on the values of input 0 (of every input for Concat)."""

_CHOICES = frozenset({("Where", 1), ("Where", 2)})


def _readers(value: ir.Value, functions: Functions) -> Iterator[tuple[ir.Node, int, bool]]:
    """Every node and port the values reach unchanged, and whether a Cast to integer came before."""
    queue: list[tuple[ir.Value, bool]] = [(value, False)]
    seen = {id(value)}
    while queue:
        current, cast = queue.pop()
        for use in current.uses():
            node, port = use.node, use.idx
            yield node, port, cast
            for inner in _inner(node, port, functions):
                if id(inner) not in seen:
                    seen.add(id(inner))
                    queue.append((inner, cast))
            if node.domain not in ("", "ai.onnx"):
                continue
            if node.op_type not in _CARRIERS and (node.op_type, port) not in _CHOICES:
                continue
            if port != 0 and node.op_type != "Concat" and (node.op_type, port) not in _CHOICES:
                continue
            now_cast = cast or (node.op_type == "Cast" and _casts_to_integer(node))
            for output in node.outputs:
                if id(output) not in seen:
                    seen.add(id(output))
                    queue.append((output, now_cast))


def _casts_to_integer(node: ir.Node) -> bool:
    to = node.attributes.get("to")
    return to is not None and not to.is_ref() and "INT" in ir.DataType(to.as_int()).name


def _inner(node: ir.Node, port: int, functions: Functions) -> Iterator[ir.Value]:
    """The same value inside a function, a Loop or a Scan."""
    function = functions.get(node.op_identifier())
    if function is not None and port < len(function.inputs):
        yield function.inputs[port]
    if (node.op_type == "Loop" and port >= 2) or node.op_type == "Scan":
        body = node.attributes["body"].as_graph()
        if port < len(body.inputs):
            yield body.inputs[port]


@dataclass(frozen=True)
class _Demand:
    limits: tuple[Limit, ...] = ()
    low: float = 0
    high: float | None = None
    fixed: tuple[int, ...] | None = None


def _demand(node: ir.Node, port: int) -> _Demand | None:
    """What operator and port ask of the values, or ``None`` when nothing."""
    if node.domain not in ("", "ai.onnx"):
        return None
    kind = node.op_type
    data = node.inputs[0]
    if (kind, port) in _INDEXED:
        return _Demand(((_dim(data, _int(node, "axis", _INDEXED[kind, port])), -1),))
    if (kind, port) in _LENGTHS:
        name, default = _LENGTHS[kind, port]
        return _Demand(((_dim(data, _int(node, name, default)), 0),), low=1)
    if kind in ("GatherND", "ScatterND") and port == 1:
        return _Demand(tuple((dim, -1) for dim in _leading_dims(node, data)))
    if kind == "OneHot" and port == 0:
        depth = constant_array(node.inputs[1])
        return _Demand(((int(depth.reshape(-1)[0]) if depth is not None else 2, -1),))
    if (kind, port) == ("RotaryEmbedding", 3):
        return _Demand(((_dim(node.inputs[1], 0), -1),))
    if (kind, port) == ("Split", 1):
        axis = _int(node, "axis", 0)
        sizes = [_dim(output, axis) for output in node.outputs]
        known = tuple(size for size in sizes if isinstance(size, int))
        return _Demand(fixed=known) if len(known) == len(sizes) else None
    if (kind, port) in _AXES or (kind.startswith("Reduce") and port == 1):
        return _Demand(fixed=tuple(range(16)))
    if (kind, port) in (("Reshape", 1), ("Expand", 1), ("Resize", 3)):
        wanted = _static(node.outputs[0])
        if kind == "Reshape" or wanted is not None:
            return _Demand(fixed=wanted or (-1,))
        return _Demand(low=1, high=1 if kind == "Expand" else 8)
    if (kind, port) in _SMALL:
        low, high = _SMALL[kind, port]
        return _Demand(low=low, high=high)
    return None


def _float_demand(node: ir.Node, port: int) -> _Demand | None:
    if node.domain not in ("", "ai.onnx") or (node.op_type, port) not in _FLOATS:
        return None
    low, high = _FLOATS[node.op_type, port]
    return _Demand(low=low, high=high)


_LENGTHS: Mapping[tuple[str, int], tuple[str, int]] = {
    ("RNN", 4): ("", 0),
    ("LSTM", 4): ("", 0),
    ("GRU", 4): ("", 0),
    ("ReverseSequence", 1): ("time_axis", 0),
    ("TopK", 1): ("axis", -1),
}
"""Ports that take a length along an axis of input 0: its attribute and its default."""

_INDEXED: Mapping[tuple[str, int], int] = {
    ("Gather", 1): 0,
    ("GatherElements", 1): 0,
    ("Scatter", 1): 0,
    ("ScatterElements", 1): 0,
    ("TensorScatter", 2): -2,
    ("ArrayFeatureExtractor", 1): -1,
    ("NegativeLogLikelihoodLoss", 1): 1,
    ("SoftmaxCrossEntropyLoss", 1): 1,
    ("RoiAlign", 2): 0,
}
"""Default axis of the table for every operator and port that indexes along one axis."""

_SMALL: Mapping[tuple[str, int], tuple[int, int]] = {
    ("ConstantOfShape", 0): (1, 4),
    ("Tile", 1): (1, 3),
    ("Range", 0): (0, 0),
    ("Range", 1): (1, 8),
    ("Range", 2): (1, 2),
    ("Loop", 0): (1, 4),
    ("Slice", 1): (0, 0),
    ("Slice", 2): (1, 8),
    ("Slice", 4): (1, 2),
    ("Pad", 1): (0, 2),
    ("OneHot", 1): (2, 8),
    ("CumSum", 1): (0, 0),
    ("CumProd", 1): (0, 0),
    ("DFT", 2): (1, 1),
    ("NonMaxSuppression", 2): (1, 10),
    ("Mod", 1): (1, 9),
    ("Div", 1): (1, 9),
    ("Pow", 1): (0, 3),
    ("BitShift", 1): (0, 7),
    ("SequenceAt", 1): (0, 0),
    ("Trilu", 1): (-1, 1),
}
"""Values every model accepts at ports that take counts, sizes, axes, exponents and divisors."""

_AXES = frozenset({("Slice", 3), ("Squeeze", 1), ("Unsqueeze", 1)})
"""Ports that take a list of different axes."""

_FLOATS: Mapping[tuple[str, int], tuple[float, float]] = {
    ("Dropout", 1): (0.0, 0.5),
    ("Resize", 2): (0.5, 2.0),
    ("Upsample", 1): (1.0, 2.0),
    ("NonMaxSuppression", 3): (0.0, 1.0),
    ("NonMaxSuppression", 4): (0.0, 1.0),
    ("BatchNormalization", 4): (0.1, 2.0),
    ("OneHot", 1): (2.0, 8.0),
}
"""Ranges of floats that are ratios, scales, thresholds and variances."""

_SHAPING = frozenset(
    {
        ("Reshape", 1), ("Expand", 1), ("ConstantOfShape", 0), ("Tile", 1), ("Range", 0),
        ("Range", 1), ("Range", 2), ("Loop", 0), ("Slice", 1), ("Slice", 2), ("Pad", 1),
        ("OneHot", 1), ("Resize", 2), ("Resize", 3), ("Upsample", 1), ("TopK", 1),
        ("NonMaxSuppression", 2), ("CenterCropPad", 1), ("Col2Im", 1), ("Col2Im", 2),
        ("MaxUnpool", 2), ("AffineGrid", 1), ("Split", 1), ("BlackmanWindow", 0),
        ("HannWindow", 0), ("HammingWindow", 0), ("MelWeightMatrix", 0), ("DFT", 1),
    }
)  # fmt: skip


def _shapes_graph(value: ir.Value) -> bool:
    """Whether any shape, size or trip count is computed from the value."""
    queue, seen = [value], {id(value)}
    while queue:
        for use in queue.pop().uses():
            if (use.node.op_type, use.idx) in _SHAPING:
                return True
            if use.node.op_type in ("Shape", "Size"):
                continue
            for output in use.node.outputs:
                if id(output) not in seen:
                    seen.add(id(output))
                    queue.append(output)
    return False


def _int(node: ir.Node, name: str, default: int) -> int:
    attribute = node.attributes.get(name)
    return default if attribute is None or attribute.is_ref() else attribute.as_int()


def _dim(value: ir.Value | None, axis: int) -> Dim:
    if value is None:
        return None
    array = constant_array(value) if value.shape is None else None
    shape = array.shape if array is not None else value.shape
    if shape is None or not -len(shape) <= axis < len(shape):
        return None
    dim = shape[axis]
    return dim if isinstance(dim, int) else dim.value


def _leading_dims(node: ir.Node, data: ir.Value | None) -> tuple[Dim, ...]:
    depth = _dim(node.inputs[1], -1)
    skip = _int(node, "batch_dims", 0)
    count = depth if isinstance(depth, int) else 1
    return tuple(_dim(data, skip + axis) for axis in range(count))


def _static(value: ir.Value) -> tuple[int, ...] | None:
    if value.shape is None or not all(isinstance(d, int) for d in value.shape):
        return None
    return tuple(int(d) for d in value.shape if isinstance(d, int))
