"""GF230: Slice outside of the documented limits."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.reading import computed, constant_ints, from_front, from_shapes, rank
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity
from graphfix.target import Evidence


class SliceLimits(NodeRule):
    """A Slice with a step along the last axis, or of one dim, is not promised to ATC's users.

    The documentation wants a step of 1 along the last axis and data of two dims or more. Models
    with such slices (the Focus layer of YOLOv5) convert, but the AI Core reads single elements or
    leaves the work to the AI CPU. Exchange the axes before and after, or reshape so that the step
    is a dim of its own. ``slice-negative-step`` replaces slices that turn an axis round.
    """

    id = "GF230"
    title = "Slice with a step along the last axis, or of one dim"
    severity = Severity.SLOW
    evidence = Evidence.DOC
    citation = "documentation of ONNX operators, page of Slice; hicann/ops-math: slice"
    covers = ("Slice/1",)
    op_types = ("Slice",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """The step of the last axis, and the rank; not of shapes, which ATC folds."""
        data = view.input(node, 0)
        dims = rank(data)
        if data is None or dims is None or not computed(data) or from_shapes(data):
            return
        step = _last_step(node, dims, view)
        if step not in (1, None):
            yield self.finding(
                f"has a step of {step} along the last axis, and only 1 is documented",
                view.label(node),
                remedy="slice-negative-step" if step < 0 else None,
                advice="" if step < 0 else "reshape the axis into two, or exchange axes before",
            )
        elif dims == 1:
            yield self.finding(
                "slices data of one dim, and two or more are documented",
                view.label(node),
                advice="slice before the data become one dim, or use Gather",
            )


def _last_step(node: ir.Node, dims: int, view: View) -> int | None:
    """The step of the last axis, 1 when it is not sliced; ``None`` when it is not known."""
    if view.opset < 10 or view.input(node, 4) is None:
        return 1
    steps = constant_ints(view.input(node, 4), view)
    given = view.input(node, 3)
    axes = constant_ints(given, view) if given is not None else tuple(range(len(steps or ())))
    if steps is None or axes is None or len(axes) != len(steps):
        return None
    return dict(zip((from_front(a, dims) for a in axes), steps, strict=True)).get(dims - 1, 1)
