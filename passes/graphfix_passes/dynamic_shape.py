"""The ``dynamic-shape`` pass: other sizes of inputs, and what an export has frozen, repaired."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import onnx_ir as ir

from graphfix.contract import Exact, Interface
from graphfix.errors import PassError
from graphfix.model import infer_shapes
from graphfix.rewrite import Pass, PassContext, PassResult, Rewrite, Rewriter, scopes
from graphfix.rewrite.symbolic import (
    Facts,
    Number,
    Poly,
    Size,
    affine_in,
    evaluate,
    names,
    parse_size,
    substitute,
    symbol,
)
from graphfix.spec import Shape, parse_shape
from graphfix_passes._thaw import Stuck, Thaw, stuck_message

_LISTED = 8
"""So many frozen nodes are named in an error."""


@dataclass(frozen=True, kw_only=True)
class DynamicShape(Pass):
    """Make dims of the inputs symbolic or fixed, and repair what the export has frozen.

    Why
        A model that was exported for one batch or one picture size holds that size in Reshapes,
        initial states and sizes of Resizes. Ascend's scripts rename the dims of inputs and outputs
        and edit such numbers one by one; what they miss fails on the device at another size.

    Rewrites
        1. Every input named in ``shape`` gets these dims. Shapes of all other values are inferred
           again.
        2. Where a dim was a number and may change now, what holds the number is repaired: the
           shape of a Reshape becomes 0, -1, or computed from the sizes of an input; an Expand
           keeps the axis; a Slice to the end of an axis stays one; sizes of a Resize become
           scales; zeros that an LSTM, GRU or RNN starts from are left out, as they are its default.
        3. A constant with equal rows, such as zeros or a class token for a batch of 4, becomes one
           row that is stretched; what depends on constants alone and repeats some rows, such as
           the heads of one picture, becomes those rows, repeated. A constant table with a row for
           every step, such as baked positions or a causal mask, is cut to the steps there are, and
           the report says how many there may be.

    Leaves alone
        Nodes that hold no such number. From one number to another a dim gets in two passes, by a
        name. It is an error, and every node is named, when a number may mean several things
        (export with other sizes if so, above 1 and all different), when weights fix a size, or
        when sizes of a Resize are no fixed multiple of those of its input. "32*h" says that a size
        is a multiple, so that going down and up again ends at the same size.

    Numerics
        At the sizes of the export nothing changes. Other sizes cannot be compared with a model that
        did not take them; the verification runs the model at several.
    """

    name = "dynamic-shape"
    contract = Interface()
    example = "dynamic-shape{shape='x:batch,3,h,w'}"

    shape: tuple[str, ...]
    """Dims of inputs as "x:batch,3,640,?": sizes, names or "32*h", and ? for one that stays."""

    def __post_init__(self) -> None:
        """Raise ``ValueError`` when no input is named."""
        if not self.shape:
            raise ValueError(f"shape= must name an input, as in {self.example}")

    def run(self, model: ir.Model, context: PassContext) -> PassResult:
        """Change ``model`` in place.

        Raises:
            PassError: ``shape`` does not fit the inputs, or something is frozen for good.
            UsageError: a text of ``shape`` is no shape.
        """
        if self.select is not None:
            raise PassError("shape= says which inputs are meant; remove select=")
        change = _Change(model, self.shape)
        if not change.described:
            return PassResult(model, Exact())
        rewrites = list(change.described)
        if change.freed:
            rewrites += _thawed(model, change, context)
        else:
            change.apply(model)
        change.fix(model)
        infer_shapes(model)
        same = {value.name or "": value.name or "" for value in model.graph.outputs}
        inputs = {value.name or "": value.name or "" for value in model.graph.inputs}
        return PassResult(model, Interface(same, inputs, Exact()), tuple(rewrites))


@dataclass
class _Change:
    """What ``shape`` says, against what the inputs have."""

    model: ir.Model
    texts: Sequence[str]
    wanted: dict[ir.Value, list[int | str | None]] = field(default_factory=dict)
    freed: dict[str, int] = field(default_factory=dict)
    """The size at export of every dim that was a number and may change."""
    fixed: dict[str, int] = field(default_factory=dict)
    """The size that a dim gets in the end."""
    renamed: dict[str, str] = field(default_factory=dict)
    described: list[Rewrite] = field(default_factory=list)

    def __post_init__(self) -> None:
        inputs = {value.name or "": value for value in self.model.graph.inputs}
        for text in self.texts:
            name, shape = parse_shape(text)
            if name not in inputs:
                known = ", ".join(inputs) or "none"
                raise PassError(f"shape={text}: there is no input {name!r}; inputs: {known}")
            self._read(inputs[name], shape, text)

    def _read(self, value: ir.Value, shape: Shape, text: str) -> None:
        old = list(value.shape) if value.shape is not None else [ir.SymbolicDim(None)] * len(shape)
        if len(old) != len(shape):
            hint = "" if "," in text else '; quote it, as in shape="x:1,3,?,?"'
            raise PassError(f"shape={text}: the input has {len(old)} dims, not {len(shape)}{hint}")
        new = [
            self._dim(axis, _plain(was), dim, text)
            for axis, (was, dim) in enumerate(zip(old, shape, strict=True))
        ]
        if value.shape is None or [_plain(dim) for dim in old] != [
            self.fixed.get(str(dim), dim) for dim in new
        ]:
            self.wanted[value] = new
            note = f"shape was [{', '.join(str(dim) for dim in old)}]"
            if value.shape is None:
                note = "had no shape"
            self.described.append(
                Rewrite(value.name or "", "input", (), (value.name or "",), (), (), note=note)
            )

    def _dim(
        self, axis: int, before: int | str | None, dim: int | str | None, text: str
    ) -> int | str | None:
        """The dim until everything is repaired: a name for whatever changes."""
        if dim is None or dim == before:
            return before
        if isinstance(before, str):
            if isinstance(dim, int):
                return self._fix(before, dim, text)
            self.renamed[before] = dim
            return dim
        if before is None:
            return dim
        if isinstance(dim, int):
            raise PassError(
                f"shape={text}: dim {axis} is {before}; give it a name and then its size, as two "
                "passes, so that each can be compared with the model before it"
            )
        name, size = _solved(dim, before, axis, text)
        if self.freed.setdefault(name, size) != size:
            raise PassError(
                f"shape={text}: dim {name!r} is {self.freed[name]} at one place and {size} at "
                "another; give them two names"
            )
        return dim

    def _fix(self, name: str, size: int, text: str) -> str:
        if self.fixed.setdefault(name, size) != size:
            raise PassError(
                f"shape={text}: dim {name!r} cannot be both {self.fixed[name]} and {size}"
            )
        return name

    def apply(self, model: ir.Model) -> None:
        """Give the inputs their dims, and forget all shapes that may be others now."""
        for value, dims in self.wanted.items():
            value.shape = ir.Shape(dims)
        for value in model.graph.inputs:
            if value.shape is not None and self.renamed:
                dims = [self.renamed.get(str(_plain(d)), _plain(d)) for d in value.shape]
                value.shape = ir.Shape(dims)
        for value in _made(model):
            value.shape = None if value.shape is None else ir.Shape([None] * len(value.shape))

    def fix(self, model: ir.Model) -> None:
        """Put numbers in place of the dims that are fixed, and say the dims of the outputs."""
        facts = Facts(model)
        outputs = [(value, facts.dims(value)) for value in model.graph.outputs]
        for value in model.graph.inputs:
            if value.shape is not None and self.fixed:
                named = [_plain(dim) for dim in value.shape]
                value.shape = ir.Shape([self.fixed.get(str(dim), dim) for dim in named])
        for value in _made(model):
            if not value.is_graph_output():
                value.shape = None
        known = {name for value in model.graph.inputs for name in _names(value)}
        for value, dims in outputs:
            if dims is not None:
                said = [_said(substitute(dim, self.fixed), known) for dim in dims]
                value.shape = ir.Shape(said)


def _solved(dim: str, before: int, axis: int, text: str) -> tuple[str, int]:
    """The name in a dim such as "h" or "32*h", and its size at export."""
    size = parse_size(dim, {dim})
    found = sorted(names(size))
    unit = affine_in(size, symbol(found[0], int(found[0] == dim)))
    if len(found) > 1 or unit is None or unit[0] < 1:
        raise PassError(f"shape={text}: {dim!r} is no name, and no multiple of a single one")
    if (before - unit[1]) % unit[0] or before <= unit[1]:
        raise PassError(f"shape={text}: dim {axis} is {before}, which {dim} cannot be")
    return found[0], (before - unit[1]) // unit[0]


def _thawed(model: ir.Model, change: _Change, context: PassContext) -> list[Rewrite]:
    infer_shapes(model)
    facts = Facts(model)
    before: dict[str, tuple[Size, ...] | None] = {}
    for value in (*model.graph.inputs, *_made(model)):
        name = value.name or ""
        # Subgraphs may use one name twice: then nobody can say which is meant.
        before[name] = None if name in before else facts.dims(value)
    change.apply(model)
    rw = Rewriter(model, context)
    order = [name for value in model.graph.inputs for name in _names(value)]
    thaw = Thaw(rw, before, frozenset(change.freed), _Original(change), _Order(order))
    rewrites: list[Rewrite] = []
    problems: list[str] = []
    for scope in tuple(scopes(model)):
        for node in tuple(scope):
            rw.begin(node, scope)
            try:
                answer = thaw.repair(node)
            except Stuck as why:
                problems.append(stuck_message(node, why))
                answer = None
            if answer is None:
                rw.abandon()
            else:
                rewrites.append(rw.commit(answer))
    if problems:
        more = len(problems) - _LISTED
        listed = "; ".join(problems[:_LISTED]) + (f"; and {more} more" if more > 0 else "")
        raise PassError(f"what the export has frozen cannot be made dynamic: {listed}")
    return rewrites


class _Original:
    """What a size was at export, as a number.

    A dim that was a symbol then is a number that occurs nowhere else, so that products tell what
    they are made of.
    """

    def __init__(self, change: _Change) -> None:
        self._sizes = dict(change.freed)
        self._renamed = change.renamed

    def __call__(self, size: Number) -> int:
        for name in names(size):
            old = self._renamed.get(name, name)
            if old not in self._sizes:
                self._sizes[old] = 10007 + 2 * len(self._sizes)
            self._sizes[name] = self._sizes[old]
        return int(evaluate(size, self._sizes))


class _Order:
    """Where a dim stands in the inputs; dims of other values come last."""

    def __init__(self, names_in_order: Sequence[str]) -> None:
        self._places = {name: k for k, name in reversed(list(enumerate(names_in_order)))}

    def __call__(self, name: str) -> int:
        return self._places.get(name, len(self._places))


def _plain(dim: int | ir.SymbolicDim) -> int | str | None:
    return dim if isinstance(dim, int) else dim.value


def _names(value: ir.Value) -> list[str]:
    return [dim.value for dim in value.shape or () if isinstance(dim, ir.SymbolicDim) and dim.value]


def _said(size: Number, known: set[str]) -> int | str | None:
    """A dim as shapes write it: a number, or the name of a dim of an input."""
    if isinstance(size, int):
        return size
    return str(size) if isinstance(size, Poly) and str(size) in known else None


def _made(model: ir.Model) -> Iterator[ir.Value]:
    """All values that nodes make."""
    for scope in scopes(model):
        for node in scope:
            yield from node.outputs
