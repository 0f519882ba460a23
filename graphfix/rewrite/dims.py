"""Give symbolic dims of graph inputs fixed sizes, everywhere in a model."""

from collections.abc import Iterator, Mapping, Sequence

import onnx_ir as ir

from graphfix.errors import PassError
from graphfix.rewrite.subgraphs import subgraphs_of_node
from graphfix.spec import parse_shape

_Dim = int | ir.SymbolicDim


class Sizes:
    """The sizes that texts such as ``x:1,3,32,100`` give to symbolic dims of graph inputs.

    ``?`` leaves a dim as it is. A size given to a named dim holds wherever the name stands.

    Raises:
        PassError: there is no such input, its rank is another, a dim is fixed to another size, or
            one dim name gets two sizes.
        UsageError: a text is no shape.
    """

    def __init__(self, model: ir.Model, texts: Sequence[str]) -> None:
        self._named: dict[str, int] = {}
        self._inputs: dict[str, tuple[int | None, ...]] = {}
        inputs = {value.name or "": value for value in model.graph.inputs}
        for text in texts:
            name, wanted = parse_shape(text)
            if name not in inputs:
                known = ", ".join(inputs) or "none"
                raise PassError(f"shape={text}: there is no input {name!r}; inputs: {known}")
            self._read(inputs[name], wanted, text)

    def __bool__(self) -> bool:
        """Whether any dim gets a size it does not have yet."""
        return bool(self._inputs)

    def apply(self, model: ir.Model) -> None:
        """Change the shapes of inputs and of all values with these dims, in place."""
        for value in model.graph.inputs:
            wanted = self._inputs.get(value.name or "")
            if wanted is not None:
                old = value.shape or [None] * len(wanted)
                sizes = zip(wanted, old, strict=True)
                value.shape = ir.Shape([new if new is not None else dim for new, dim in sizes])
        for value in _values(model.graph):
            if value.shape is not None and not value.is_initializer():
                value.shape = ir.Shape([_sized(dim, self._named) for dim in value.shape])

    def _read(self, value: ir.Value, wanted: Sequence[int | str | None], text: str) -> None:
        old = value.shape or [None] * len(wanted)
        if len(old) != len(wanted):
            raise PassError(f"shape={text}: the input has {len(old)} dims, not {len(wanted)}")
        sizes = tuple(
            self._size(dim, size, axis, text)
            for axis, (dim, size) in enumerate(zip(old, wanted, strict=True))
        )
        if any(size is not None for size in sizes):
            self._inputs[value.name or ""] = sizes

    def _size(self, dim: _Dim | None, wanted: int | str | None, axis: int, text: str) -> int | None:
        """The size dim ``axis`` gets, or ``None`` when it stays as it is."""
        known = dim.value if isinstance(dim, ir.SymbolicDim) else dim
        if wanted is None or wanted == known:
            return None
        if not isinstance(wanted, int):
            raise PassError(f"shape={text}: dim {axis} is {wanted!r}, which is not a size")
        if isinstance(known, int):
            raise PassError(f"shape={text}: dim {axis} of the input is {known} and stays so")
        if known is not None and self._named.setdefault(known, wanted) != wanted:
            raise PassError(
                f"shape={text}: dim {known!r} cannot be both {self._named[known]} and {wanted}"
            )
        return wanted


def _sized(dim: _Dim, named: Mapping[str, int]) -> _Dim:
    name = dim.value if isinstance(dim, ir.SymbolicDim) else None
    return dim if name is None else named.get(name, dim)


def _values(graph: ir.Graph) -> Iterator[ir.Value]:
    yield from graph.inputs
    for node in graph:
        yield from node.outputs
        for inner in subgraphs_of_node(node):
            yield from _values(inner)
