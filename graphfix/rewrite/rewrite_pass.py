"""The usual pass: an anchor operator and a function from the anchor to its replacement."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import ClassVar

import onnx_ir as ir

from graphfix.contract import Contract
from graphfix.model import infer_shapes
from graphfix.rewrite.base import Pass, PassContext
from graphfix.rewrite.records import PassResult, Rewrite, Skip, SkipRecord
from graphfix.rewrite.rewriter import Rewriter, Scope, UnreadableAttribute, node_label
from graphfix.rewrite.subgraphs import HOLDERS, inner_graphs, subgraphs_of_node

_Place = tuple[Scope, ir.Node, tuple[ir.Node, ...]]
"""A scope, a node in it, and the nodes whose subgraphs hold the scope."""
_MOST_ROUNDS = 8
_ROUND = 10**9
"""What the numbers of the anchors of one round begin with."""
Replacement = ir.Value | Sequence[ir.Value | None] | Mapping[ir.Value, ir.Value]


@dataclass(frozen=True, kw_only=True)
class RewritePass(Pass):
    """Visits every node of ``match_ops`` in graph order, in subgraphs and functions too.

    ``rewrite`` returns what takes the anchor's place: one value, a sequence with one entry per
    output (``None`` for an output nobody reads), or a mapping from any old values to new ones when
    the pattern reaches beyond the anchor; or a :class:`Skip`; or ``None`` when the node turns out
    to be none of the pass's business, so that the report need not speak of it.
    """

    match_ops: ClassVar[tuple[str, ...]]
    match_domains: ClassVar[tuple[str, ...]] = ("", "ai.onnx")
    must_match: ClassVar[bool] = True
    reads_shapes: ClassVar[bool] = False
    """Whether rewrites ask for shapes; those around anchors that nobody has stated are inferred."""

    def matches(self, node: ir.Node) -> bool:
        """Whether ``node`` is an anchor; extended where operator and domain do not tell enough."""
        return node.op_type in self.match_ops and node.domain in self.match_domains

    @abstractmethod
    def rewrite(self, node: ir.Node, rw: Rewriter) -> Replacement | Skip | None:
        """Build the replacement of ``node`` through ``rw``, or say why not."""

    def conclude(self, rewrites: Sequence[Rewrite], rw: Rewriter) -> Contract:
        """The contract of what was done; overridden where the promise depends on the sites."""
        return self.contract

    def run(self, model: ir.Model, context: PassContext) -> PassResult:
        """Rewrite every selected anchor; see :meth:`rewrite`."""
        anchors = self._anchors(model)
        if not self.reads_shapes or _all_stated(node for _, node, _ in anchors):
            return self._run(model, context, anchors)
        stated = [
            (value, value.type, value.shape)
            for scope in scopes(model)
            for node in scope
            for value in node.outputs
        ]
        infer_shapes(model)
        result = self._run(model, context, self._anchors(model))
        if not result.rewrites:  # a pass that does nothing leaves no traces
            for value, type_, shape in stated:
                value.type, value.shape = type_, shape
        return result

    def run_again(
        self, model: ir.Model, context: PassContext, worthwhile: Callable[[PassResult], bool]
    ) -> PassResult:
        """Rewrite the selected anchors, and again what that has made, while it is worthwhile.

        For the ``run`` of passes whose rewrites show the way to others. Later rounds count their
        anchors from large numbers on, so that an excluded anchor is one of its own round.
        """
        stated = [value.shape for value in model.graph.outputs]
        total = last = RewritePass.run(self, model, context)
        for number in range(1, _MOST_ROUNDS):
            if not worthwhile(last):
                break
            first = number * _ROUND
            excluded = {k - first: why for k, why in context.excluded.items() if k >= first}
            last = RewritePass.run(self, model, replace(context, excluded=excluded))
            more = [replace(r, anchor=first + (r.anchor or 0)) for r in last.rewrites]
            total = replace(total, rewrites=(*total.rewrites, *more), skips=last.skips)
        for value, shape in zip(model.graph.outputs, stated, strict=True):
            value.shape = shape  # later rounds may know more than the model says
        return total

    def _anchors(self, model: ir.Model) -> list[_Place]:
        """The nodes that match, in the order of :func:`scopes`."""
        if type(self).matches is RewritePass.matches:
            return _places(model, frozenset(self.match_ops), self.match_domains)
        return [place for place in _places(model) if self.matches(place[1])]

    def _run(self, model: ir.Model, context: PassContext, anchors: Sequence[_Place]) -> PassResult:
        if self.select is not None:
            by_node = {place[1]: place for place in anchors}
            anchors = [by_node[node] for node in self.select.filter(by_node)]
        rw = Rewriter(model, context)
        rewrites: list[Rewrite] = []
        skips: list[SkipRecord] = []
        for number, (scope, node, around) in enumerate(anchors):
            if node.graph is None or (around and any(outer.graph is None for outer in around)):
                continue  # an earlier rewrite of this pass has consumed it
            if number in context.excluded:
                reason = f"rolled back: {context.excluded[number]}"
                skips.append(SkipRecord(node_label(node), node.op_type, reason))
                continue
            rw.begin(node, scope, number)
            try:
                answer = self.rewrite(node, rw)
            except UnreadableAttribute as error:
                answer = rw.skip(str(error))
            if answer is None or isinstance(answer, Skip):
                rw.abandon()
                if answer is not None:
                    label = node_label(node)
                    skips.append(SkipRecord(label, node.op_type, answer.reason, answer.satisfied))
                continue
            rewrites.append(rw.commit(as_mapping(node, answer)))
        contract = self.conclude(rewrites, rw) if rewrites else self.contract
        return PassResult(model, contract, tuple(rewrites), tuple(skips), observed=True)


def _all_stated(nodes: Iterable[ir.Node]) -> bool:
    """Whether the shapes of all that the nodes read and make are known, perhaps by symbols."""
    seen: set[int] = set()  # equal shapes are mostly one
    for node in nodes:
        for value in (*node.inputs, *node.outputs):
            if value is None:
                continue
            shape = value.shape
            if id(shape) in seen:
                continue
            if shape is None or shape.has_unknown_dim():
                return False
            seen.add(id(shape))
    return True


def scopes(model: ir.Model) -> Iterator[Scope]:
    """The main graph, then every subgraph outside in, then the functions with theirs."""
    for scope in _outermost(model):
        yield scope
        yield from inner_graphs(scope)


def _outermost(model: ir.Model) -> tuple[Scope, ...]:
    return (model.graph, *model.functions.values())


def _places(
    model: ir.Model, op_types: Set[str] | None = None, domains: Sequence[str] = ()
) -> list[_Place]:
    """The nodes of these operators, or all, in the order of :func:`scopes`.

    Every pass looks at every node here, and onnx-ir's properties take longer than all the rest.
    """
    found: list[_Place] = []

    def add(scope: Scope, around: tuple[ir.Node, ...]) -> None:
        inside: list[tuple[ir.Graph, tuple[ir.Node, ...]]] = []
        for node in scope:
            op_type, domain = node._op_type, node._domain
            if op_types is None or (op_type in op_types and domain in domains):
                found.append((scope, node, around))
            if op_type in HOLDERS or domain != "":
                for graph in subgraphs_of_node(node):
                    inside.append((graph, (*around, node)))
        for graph, nodes in inside:
            add(graph, nodes)

    for scope in _outermost(model):
        add(scope, ())
    return found


def as_mapping(node: ir.Node, answer: Replacement) -> Mapping[ir.Value, ir.Value]:
    """The answer of a rewrite as old value to new value."""
    if isinstance(answer, Mapping):
        return answer
    if isinstance(answer, ir.Value):
        return {node.outputs[0]: answer}
    assert len(answer) == len(node.outputs), "one entry per output of the anchor"
    return {old: new for old, new in zip(node.outputs, answer, strict=True) if new is not None}
