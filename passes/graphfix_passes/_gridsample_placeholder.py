"""The stand-in for grid_sample that Ascend's ModelZoo plants into sources before export.

``paddle.nn.functional.grid_sample`` is replaced by operations whose result has the same shape::

    grid [N, H, W, 2] - Unsqueeze(2) - Pad(last axis + 1) - Squeeze(2) -> [N, H, W, 3]
                      - Transpose(0, 3, 1, 2) -> [N, 3, H, W] - Add(image [N, 3, H, W])

Around it stand pairs of Transposes with an Add of zeros between them, which do nothing. Exporters
put Identity anywhere. Simplifiers write Reshape for Unsqueeze and Squeeze and merge the former
with a Reshape above it, so that no value of the grid's own shape is left.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from graphfix.rewrite import Skip, constant_array

_TO_CHANNELS_FIRST = (0, 3, 1, 2)
_INSERTED = 2
"""The axis that Unsqueeze inserts and Squeeze removes."""

Dims = tuple[int | None, ...] | None
"""What is known of a shape; ``None`` is an unknown dim, or an unknown rank."""


@dataclass(frozen=True)
class Placeholder:
    """A stand-in: it reads ``image`` and ``grid``; ``output`` is what it stands for."""

    image: ir.Value
    grid: ir.Value
    output: ir.Value
    inserted: bool
    """Whether ``grid`` is [N, H, 1, W, 2], with the inserted axis still in it."""


@dataclass(frozen=True)
class _Chain:
    """The nodes between grid and Add, from the Add upwards."""

    transpose: ir.Node
    squeeze: ir.Node
    pad: ir.Node
    unsqueeze: ir.Node
    image: ir.Value
    """The other input of the Add."""


def resembles_placeholder(add: ir.Node) -> bool:
    """Whether an Add reads the five operators of the placeholder, whatever their parameters."""
    return _chain(add) is not None


def find_placeholder(add: ir.Node) -> Placeholder | Skip:
    """The placeholder that ends in ``add``, or what speaks against it being one."""
    chain = _chain(add)
    if chain is None:
        return Skip("the Add does not end the operators of a placeholder")
    inserts = _inserts(chain.unsqueeze, _first(chain.unsqueeze), chain.unsqueeze.outputs[0])
    grid = _first(chain.unsqueeze) if inserts else _first(chain.pad)
    image_dims, grid_dims = _dims(chain.image), _dims(grid)
    if not inserts:
        grid_dims = _without_inserted(grid_dims)
        if chain.unsqueeze.op_type == "Unsqueeze" or grid_dims is None:
            return _not(f"the {chain.unsqueeze.op_type} does not insert axis {_INSERTED}")
    reason = _wrong_parameter(chain) or _wrong_shape(image_dims, grid_dims)
    if reason:
        return _not(reason)
    for value in _between(chain.transpose.outputs[0], grid):
        if value.is_graph_output() or len(value.uses()) != 1:
            return _not(f"{value.name!r} in the middle of it is also read elsewhere")
    return Placeholder(
        image=_source(chain.image),
        grid=_source(grid) if inserts else grid,
        output=_destination(add.outputs[0], image_dims),
        inserted=not inserts,
    )


def _not(reason: str) -> Skip:
    return Skip(f"not the placeholder of a grid_sample: {reason}")


def _chain(add: ir.Node) -> _Chain | None:
    if len(add.inputs) != 2:
        return None
    for value, other in (add.inputs, add.inputs[::-1]):
        transpose = _made_by(value, "Transpose")
        squeeze = _above(transpose, "Squeeze", "Reshape")
        pad = _above(squeeze, "Pad")
        unsqueeze = _above(pad, "Unsqueeze", "Reshape")
        if transpose and squeeze and pad and unsqueeze and other is not None:
            return _Chain(transpose, squeeze, pad, unsqueeze, other)
    return None


def _made_by(value: ir.Value | None, *op_types: str) -> ir.Node | None:
    """The producer of a value, Identity nodes aside, if it is one of these."""
    node = value.producer() if value is not None else None
    while node is not None and node.op_type == "Identity":
        node = _first(node).producer()
    if node is None or node.domain not in ("", "ai.onnx") or node.op_type not in op_types:
        return None
    return node


def _above(node: ir.Node | None, *op_types: str) -> ir.Node | None:
    return None if node is None else _made_by(_first(node), *op_types)


def _first(node: ir.Node) -> ir.Value:
    value = node.inputs[0]
    assert value is not None, "the first input of these operators is not optional"
    return value


def _between(value: ir.Value, top: ir.Value) -> Iterator[ir.Value]:
    """The values from ``value`` upwards along first inputs, without ``top``."""
    while value is not top:
        yield value
        producer = value.producer()
        assert producer is not None
        value = _first(producer)


def _wrong_parameter(chain: _Chain) -> str:
    perm = _perm(chain.transpose)
    if perm != _TO_CHANNELS_FIRST:
        return f"the Transpose has perm {perm}, not {_TO_CHANNELS_FIRST}"
    if not _inserts(chain.squeeze, chain.squeeze.outputs[0], _first(chain.squeeze)):
        return f"the {chain.squeeze.op_type} does not remove axis {_INSERTED}"
    mode = chain.pad.attributes.get_string("mode", "constant")
    if mode != "constant":
        return f"the Pad has mode {mode!r}"
    pads = pad_widths(chain.pad)
    if pads is None:
        return "the pads are computed"
    begins_or_ends = {tuple(int(k == at) for k in range(10)) for at in (4, 9)}
    if pads not in begins_or_ends:
        return f"the Pad does not add one element to the last of five axes, its pads are {pads}"
    return ""


def _wrong_shape(image: Dims, grid: Dims) -> str:
    for role, dims in (("image", image), ("grid", grid)):
        if dims is not None and len(dims) != 4:
            return f"the {role} has rank {len(dims)}"
    image, grid = image or (None,) * 4, grid or (None,) * 4
    if grid[3] not in (None, 2):
        return f"the grid has {grid[3]} coordinates"
    if image[1] not in (None, 3):
        return f"the image has {image[1]} channels"
    for text, a, b in zip(
        ("batch", "height", "width"), (image[0], *image[2:]), grid[:3], strict=True
    ):
        if a is not None and b is not None and a != b:
            return f"image and grid differ in {text}: {a} and {b}"
    return ""


def _dims(value: ir.Value) -> Dims:
    if value.shape is None:
        return None
    return tuple(dim if isinstance(dim, int) else None for dim in value.shape)


def _without_inserted(dims: Dims) -> Dims:
    if dims is None or len(dims) != 5 or dims[_INSERTED] != 1:
        return None
    return (*dims[:_INSERTED], *dims[_INSERTED + 1 :])


def _perm(node: ir.Node) -> tuple[int, ...]:
    """The permutation of a Transpose; empty when it reverses an unknown number of axes."""
    if "perm" in node.attributes:
        return tuple(node.attributes["perm"].as_ints())
    shape = _first(node).shape
    return () if shape is None else tuple(reversed(range(len(shape))))


def _inserts(node: ir.Node, short: ir.Value, long: ir.Value) -> bool:
    """Whether ``long`` is ``short``, of rank 4, with the axis inserted."""
    if node.op_type == "Reshape":
        return _is_inserted(short.shape, long.shape)
    axes = _parameter(node, "axes", 1)
    return axes is not None and [axis % 5 for axis in axes] == [_INSERTED]


def _is_inserted(short: ir.Shape | None, long: ir.Shape | None) -> bool:
    if short is None or long is None or len(short) != 4 or len(long) != 5:
        return False
    kept = [dim for axis, dim in enumerate(long) if axis != _INSERTED]
    # With three dims equal the fourth is too, as a Reshape keeps the number of elements.
    equal = sum(isinstance(a, int) and a == b for a, b in zip(short, kept, strict=True))
    return long[_INSERTED] == 1 and equal >= 3


def pad_widths(pad: ir.Node) -> tuple[int, ...] | None:
    """The constant pads of a Pad of any opset: all begins, then all ends."""
    if len(pad.inputs) > 3 and pad.inputs[3] is not None:
        axes = _ints(pad.inputs[3])
        if axes != (0, 1, 2, 3, 4):
            return None
    return _parameter(pad, "pads", 1)


def _parameter(node: ir.Node, name: str, index: int) -> tuple[int, ...] | None:
    if name in node.attributes:
        return tuple(node.attributes[name].as_ints())
    return _ints(node.inputs[index]) if index < len(node.inputs) else None


def _ints(value: ir.Value | None) -> tuple[int, ...] | None:
    """Integers of a constant; also of one that is split and joined again.

    From opset 11 on paddle2onnx turns the pads of Paddle into those of ONNX inside the graph, by
    a Split into single numbers and a Concat in another order.
    """
    known = constant_array(value)
    if known is not None:
        return tuple(int(item) for item in known.reshape(-1))
    node = _made_by(value, "Concat", "Split")
    if value is None or node is None:
        return None
    if node.op_type == "Concat":
        parts = [_ints(part) for part in node.inputs]
        known_parts = [part for part in parts if part is not None]
        if len(known_parts) < len(parts):
            return None
        return tuple(item for part in known_parts for item in part)
    whole = _ints(_first(node))
    if whole is None or len(whole) != len(node.outputs):
        return None
    sizes = _parameter(node, "split", 1) or (1,) * len(whole)
    if any(size != 1 for size in sizes):
        return None
    while value.producer() is not node:  # Identity nodes
        producer = value.producer()
        assert producer is not None
        value = _first(producer)
    return (whole[value.index() or 0],)


# What does nothing around the placeholder: Identity, adding zeros, and Transposes that undo each
# other.


def _source(value: ir.Value) -> ir.Value:
    """The value farthest up that ``value`` always equals."""
    best, perm = value, None
    while (step := _no_op_input(value)) is not None:
        producer = value.producer()
        if producer is not None and producer.op_type == "Transpose":
            perm = _then(_perm(producer), perm)
        value = step
        if perm is None or _is_identity(perm):
            best = value
    return best


def _destination(value: ir.Value, image: Dims) -> ir.Value:
    """The value farthest down that always equals ``value``, if nothing else reads what lies
    between. ``image`` is what was added last: where it is not broadcast, ``value`` has its size.
    """
    dims = None if image is None else tuple(None if dim == 1 else dim for dim in image)
    best, perm, home = value, None, value.producer()
    while not value.is_graph_output() and len(uses := tuple(value.uses())) == 1:
        node = uses[0].node
        if home is None or node.graph is not home.graph:
            break
        if len(node.outputs) != 1 or _no_op_input(node.outputs[0], dims) is not value:
            break
        if node.op_type == "Transpose":
            own = _perm(node)
            perm = own if perm is None else _then(perm, own)
            dims = tuple(dims[axis] for axis in own) if dims and len(own) == len(dims) else None
        value = node.outputs[0]
        if perm is None or _is_identity(perm):
            best = value
    return best


def _no_op_input(value: ir.Value, dims: Dims = None) -> ir.Value | None:
    """What ``value`` is a copy of, up to a permutation of axes; ``dims`` are known of that."""
    node = value.producer()
    if node is None or node.domain not in ("", "ai.onnx"):
        return None
    if node.op_type in ("Identity", "Transpose"):
        return _first(node)
    if node.op_type == "Add":
        for data, zeros in (node.inputs, node.inputs[::-1]):
            if data is None:
                continue
            if _adds_nothing(_dims(data) or dims, constant_array(zeros)):
                return data
    return None


def _adds_nothing(dims: Dims, zeros: np.ndarray | None) -> bool:
    if zeros is None or dims is None or zeros.ndim > len(dims) or zeros.any():
        return False
    last = dims[len(dims) - zeros.ndim :]
    return all(size in (1, dim) for size, dim in zip(zeros.shape, last, strict=True))


def _then(first: tuple[int, ...], second: tuple[int, ...] | None) -> tuple[int, ...]:
    """The permutation of two Transposes in a row; empty when it is not known."""
    if second is None or len(first) != len(second):
        return first if second is None else ()
    return tuple(first[axis] for axis in second)


def _is_identity(perm: tuple[int, ...]) -> bool:
    return len(perm) > 0 and perm == tuple(range(len(perm)))
