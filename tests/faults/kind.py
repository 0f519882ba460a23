"""A kind of fault: a wrong rewrite as a pass that claims to keep its contract."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx_ir as ir

from graphfix.contract import Close, Contract
from graphfix.rewrite import Pass, PassContext, PassResult, Replacement, RewritePass, Selector
from graphfix.rewrite.records import Skip
from graphfix.rewrite.rewriter import AttrValue, Rewriter

Answer = Replacement | None
Wrong = Callable[[ir.Node, Rewriter], Answer]
"""A wrong rewrite; ``None`` where the fault does not fit the node."""
WrongModel = Callable[[ir.Model], bool]
"""A wrong edit of a whole model; false where it does not fit."""


@dataclass(frozen=True)
class Kind:
    """One kind of fault (or, in ``correct``, of rewrite that must pass)."""

    name: str
    group: str
    ops: tuple[str, ...] = ()
    wrong: Wrong | None = None
    whole: WrongModel | None = None
    contract: Contract = field(default_factory=Close)

    def sites(self, model: ir.Model) -> list[int]:
        """Numbers of the anchors in ``model`` that the fault fits; it is left as it is."""
        if self.whole is not None:
            return [0] if self.whole(model.clone()) else []
        fits: list[bool] = []
        _pass(self, fits).run(model, PassContext())
        return [k for k, fit in enumerate(fits) if fit]

    def make(self, site: int | None) -> Pass:
        """The pass that commits the fault at one anchor, or at all of them."""
        if self.whole is not None:
            return _whole_pass(self)
        return _pass(self, None, select=None if site is None else Selector(f"k={site}"))


def _pass(kind: Kind, fits: list[bool] | None, select: Selector | None = None) -> RewritePass:
    """The pass of a kind; with ``fits`` it only notes which anchors it would rewrite."""
    wrong = kind.wrong
    assert wrong is not None

    def rewrite(self: RewritePass, node: ir.Node, rw: Rewriter) -> Replacement | Skip:
        answer = wrong(node, rw)
        if fits is not None:
            fits.append(answer is not None)
            return rw.skip("only asked")
        return rw.skip("does not fit") if answer is None else answer

    members = {
        "__doc__": f"Commit the fault {kind.name!r}.",
        "name": kind.name,
        "match_ops": kind.ops,
        "contract": kind.contract,
        "must_match": False,
        "rewrite": rewrite,
    }
    made: RewritePass = type("Fault", (RewritePass,), members)(select=select)
    return made


def _whole_pass(kind: Kind) -> Pass:
    def run(self: Pass, model: ir.Model, context: PassContext) -> PassResult:
        assert kind.whole is not None
        kind.whole(model)
        return PassResult(model, kind.contract)

    members = {
        "__doc__": f"Commit the fault {kind.name!r}.",
        "name": kind.name,
        "contract": kind.contract,
        "run": run,
    }
    made: Pass = type("Fault", (Pass,), members)()
    return made


class Kinds(list[Kind]):
    """Collects the kinds of one group through decorators."""

    def __init__(self, group: str) -> None:
        super().__init__()
        self.group = group

    def add(self, name: str, *ops: str, contract: Contract = Close()) -> Callable[[Wrong], Wrong]:  # noqa: B008
        """Register a wrong rewrite of the operators ``ops``."""

        def register(wrong: Wrong) -> Wrong:
            self.append(Kind(name, self.group, ops, wrong, contract=contract))
            return wrong

        return register

    def whole(
        self,
        name: str,
        contract: Contract = Close(),  # noqa: B008
    ) -> Callable[[WrongModel], WrongModel]:
        """Register a wrong edit of a whole model."""

        def register(wrong: WrongModel) -> WrongModel:
            self.append(Kind(name, self.group, whole=wrong, contract=contract))
            return wrong

        return register


def clone(
    rw: Rewriter,
    node: ir.Node,
    inputs: Sequence[ir.Value | None] | None = None,
    **changed: AttrValue,
) -> tuple[ir.Value, ...]:
    """A copy of a node with any number of outputs."""
    attributes = {**attributes_of(node), **changed}
    return rw.ops(
        node.op_type,
        *(node.inputs if inputs is None else inputs),
        outputs=len(node.outputs),
        domain=node.domain,
        **attributes,
    )


def with_input(
    rw: Rewriter, node: ir.Node, port: int, data: np.ndarray, **changed: AttrValue
) -> ir.Value:
    """A copy of a one-output node with a constant at one port."""
    return rw.copy(node, *replaced(node, port, rw.const(data)), **changed)


def replaced(node: ir.Node, port: int, value: ir.Value | None) -> list[ir.Value | None]:
    """The inputs of a node with another value at one port."""
    inputs = list(node.inputs)
    inputs[port] = value
    return inputs


def weight(rw: Rewriter, node: ir.Node, port: int) -> np.ndarray | None:
    """The constant float array at a port."""
    array = rw.constant(rw.input(node, port))
    return array if array is not None and array.dtype.kind == "f" else None


def rank(value: ir.Value | None) -> int | None:
    """Number of dims, where known."""
    return None if value is None or value.shape is None else len(value.shape)


def static_dims(value: ir.Value | None) -> tuple[int | None, ...] | None:
    """Sizes of the dims, ``None`` for those that are not fixed; ``None`` without a shape."""
    if value is None or value.shape is None:
        return None
    return tuple(dim if isinstance(dim, int) else None for dim in value.shape)


def attributes_of(node: ir.Node) -> dict[str, AttrValue]:
    """The attributes of a node, to be given to another."""
    return dict(node.attributes.items())


def is_float(value: ir.Value | None) -> bool:
    """Whether a value is known to be float32."""
    return value is not None and value.dtype == ir.DataType.FLOAT
