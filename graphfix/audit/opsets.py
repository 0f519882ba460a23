"""Which opset a target takes a model at."""

from collections.abc import Sequence
from typing import Final

from graphfix.audit.view import View
from graphfix.rewrite.opsets.schemas import schema_at

_GOAL: Final = range(11, 18)
"""Where the tables are fullest: before 11 Resize and others are missing or have another form, and
ReduceL1, ReduceL2 and the axes attributes end with 17. The ``opset`` pass reaches all of them."""

_WHOLE: Final = frozenset({"DeformConv", "DFT", "STFT"})
"""Operators that conversion does not take apart, although other passes do."""


def is_outside(view: View) -> bool:
    """Whether the model imports an opset at which the release registers nothing."""
    first, last = view.profile.opset_window
    return bool(view.opset) and not first <= view.opset <= last


def unregistered(view: View, opset: int) -> Sequence[str]:
    """The operators of the default domain in the model that ATC would not find at an opset.

    One that does not exist at the opset counts as found when conversion takes it apart.
    """
    own = view.opset
    return [
        op_type
        for op_type in view.operators
        if (
            opset == own
            or op_type in _WHOLE
            or schema_at(op_type, own) is None
            or schema_at(op_type, opset)
        )
        and view.profile.support(op_type, opset).verdict is False
    ]


def best(view: View) -> int:
    """The opset the ``opset`` pass should go to: fewest operators missing, then nearest by."""
    first, last = view.profile.opset_window
    goals = [opset for opset in _GOAL if first <= opset <= last]
    return min(
        goals or _GOAL, key=lambda opset: (len(unregistered(view, opset)), abs(opset - view.opset))
    )
