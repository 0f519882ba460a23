"""Do the integers that a pass has narrowed fit? Seen in every run, and derived where possible."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import onnx_ir as ir

from graphfix.contract import Contract, InRange
from graphfix.model import infer_shapes
from graphfix.rewrite.bounds import ANY, Interval, derive, limits
from graphfix.rewrite.records import PassResult
from graphfix.verify.evaluate import evaluate
from graphfix.verify.feeds import FeedSet
from graphfix.verify.tolerance import base
from graphfix.verify.verification import NarrowedRange, Status, Verification


def narrowed(result: PassResult) -> dict[str, str]:
    """What a pass says it has narrowed: value after to value before."""
    contracts: list[Contract | None] = [result.contract, *(r.contract for r in result.rewrites)]
    found: dict[str, str] = {}
    for contract in contracts:
        bare = base(contract) if contract is not None else None
        if isinstance(bare, InRange):
            found.update(bare.narrowed)
    return found


def check_ranges(
    answer: Verification,
    names: Mapping[str, str],
    before: ir.Model,
    after: ir.Model,
    feeds: Sequence[FeedSet],
) -> Verification:
    """The verdict about a pass, with what is known of the integers it has narrowed.

    ``before`` may be changed. Feeds that put free integers at the ends of their type are left
    aside: no narrower type holds these.
    """
    types = _types(after, names)
    inner = _main_values(before)
    hidden = [new for new, old in names.items() if types[new] is None or old not in inner]
    if hidden:
        reason = f"{hidden[0]!r} was narrowed, but is no integer of the main graph that can be seen"
        return replace(answer, status=Status.NOT_VERIFIED, reason=reason)
    usual = [feed for feed in feeds if not feed.extreme]
    run = evaluate(before, usual, extra=tuple(dict.fromkeys(names.values())))
    if run.failure:
        reason = f"the values that were narrowed could not be seen: {run.failure}"
        return replace(answer, status=Status.NOT_VERIFIED, reason=reason)
    infer_shapes(before)
    bounds = derive(before)
    found = []
    for new, old in names.items():
        dtype = types[new]
        assert dtype is not None
        seen = _seen(run.column(old))
        found.append(_range(new, dtype, seen, bounds.get(old, ANY)))
    return _concluded(answer, tuple(found))


def _concluded(answer: Verification, found: tuple[NarrowedRange, ...]) -> Verification:
    answer = replace(answer, ranges=found)
    wrong = [each for each in found if not each.fits]
    if wrong:
        first = wrong[0]
        more = f"; {len(wrong) - 1} more values do not fit" if len(wrong) > 1 else ""
        reason = (
            f"{first.value!r} was narrowed to {first.dtype}, but is {first.worst} in one of the "
            f"runs{more}"
        )
        return replace(answer, status=Status.FAILED, reason=reason)
    proven = sum(each.proven for each in found)
    told = f"narrowed values that fit: {len(found)}, {proven} by derived bounds"
    if proven < len(found):
        told += f", {len(found) - proven} only in the numbers seen"
    return replace(answer, reason="; ".join(filter(None, (answer.reason, told))))


def _range(
    name: str, dtype: ir.DataType, seen: tuple[int, int] | None, derived: Interval
) -> NarrowedRange:
    low, high = limits(dtype)
    return NarrowedRange(
        name,
        dtype.name.lower(),
        seen[0] if seen else None,
        seen[1] if seen else None,
        int(derived.low) if derived.low > -np.inf else None,
        int(derived.high) if derived.high < np.inf else None,
        proven=derived.within(low, high),
        fits=seen is None or (low <= seen[0] and seen[1] <= high),
    )


def _seen(column: Sequence[Any]) -> tuple[int, int] | None:
    arrays = [np.asarray(array) for array in column if array is not None]
    ends = [(int(array.min()), int(array.max())) for array in arrays if array.size]
    return (min(low for low, _ in ends), max(high for _, high in ends)) if ends else None


def _types(model: ir.Model, names: Iterable[str]) -> dict[str, ir.DataType | None]:
    """Integer types of values, inferred on a copy where the pass has not said them."""
    values = _main_values(model)
    if any(name in values and values[name].dtype is None for name in names):
        copy = model.clone()
        infer_shapes(copy)
        values = _main_values(copy)
    found = {name: values[name].dtype if name in values else None for name in names}
    return {n: dtype if dtype and dtype.is_integer() else None for n, dtype in found.items()}


def _main_values(model: ir.Model) -> dict[str, ir.Value]:
    values = [*model.graph.inputs, *model.graph.initializers.values()]
    values += [output for node in model.graph for output in node.outputs]
    return {value.name or "": value for value in values}
