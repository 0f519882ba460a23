"""Compare all outputs over all feeds, and put the comparisons together into one verdict."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import onnx_ir as ir

from graphfix.contract import Contract, InRange
from graphfix.verify.compare import OutputComparison, compare, worst
from graphfix.verify.dtypes import double, is_inexact
from graphfix.verify.evaluate import Evaluation
from graphfix.verify.feeds import FeedSet
from graphfix.verify.noise import noise_floor, noisy_runs
from graphfix.verify.tolerance import Tolerance, base, scale, tolerance
from graphfix.verify.verification import Status, Verification

Columns = Mapping[str, tuple[Any, ...]]
"""Value name to what it is for each feed set."""


@dataclass
class Comparer:
    """Compares values with a reference model's, under the weakest of some contracts.

    Where a tolerance is missed, the rounding noise of the reference model is measured (once) and
    added; a user's own tolerance is never raised.
    """

    contracts: Sequence[Contract]
    feeds: Sequence[FeedSet]
    """Feeds of the reference model, in the order of the columns."""
    reference: Callable[[], ir.Model] | None = None
    """Builds the reference model, for the noise."""
    arithmetic: np.dtype[Any] | None = None
    rtol: float | None = None
    atol: float | None = None
    retyped: bool = False
    """Whether the dtype may have changed."""
    remarks: list[str] = field(default_factory=list)
    _noise: Sequence[Evaluation] | None = None

    def columns(
        self, expected: Columns, actual: Columns, names: Mapping[str, str]
    ) -> tuple[OutputComparison, ...]:
        """Compare ``actual[name]`` with ``expected[name]`` on every feed set, for all ``names``.

        ``names`` gives for each name the value of the reference model it stands for.
        """
        skip_extreme = any(isinstance(base(contract), InRange) for contract in self.contracts)
        found = []
        for name in names:
            usual = _usual_scale(expected[name])
            column = zip(self.feeds, expected[name], actual[name], strict=True)
            for k, (feed, before, after) in enumerate(column):
                if skip_extreme and feed.extreme:
                    continue
                one = self._compare(name, before, after, k, names, usual)
                found.append(replace(one, feeds=feed.label))
        return tuple(found)

    def allowed(self, dtype: np.dtype[Any]) -> Tolerance:
        """What may differ in a tensor of ``dtype``."""
        return tolerance(
            self.contracts, dtype, arithmetic=self.arithmetic, rtol=self.rtol, atol=self.atol
        )

    def _compare(
        self,
        name: str,
        before: Any,
        after: Any,
        k: int,
        names: Mapping[str, str],
        usual: float,
    ) -> OutputComparison:
        allowed = replace(self.allowed(_dtype(before)), scale_of_zeros=usual)
        one = compare(name, before, after, allowed, retyped=self.retyped)
        if one.passed or allowed.rtol is None:
            return one
        if self.reference is None or self.rtol is not None or self.atol is not None:
            return one
        moved = self._moved(names[name], k, names)
        noise = noise_floor(before, moved, allowed) if moved else None
        if noise is None:
            return one
        again = compare(name, before, after, allowed, retyped=self.retyped, noise=noise)
        if not again.passed:
            return one
        remark = f"output {name!r} is ill-conditioned: inputs moved by one ulp move it as well"
        if remark not in self.remarks:
            self.remarks.append(remark)
        return again

    def _moved(self, value: str, k: int, names: Mapping[str, str]) -> list[Any]:
        """What ``value`` of the reference model becomes when its inputs move by one ulp."""
        if self._noise is None:
            assert self.reference is not None
            self._noise = noisy_runs(self.reference(), self.feeds, tuple(set(names.values())))
        runs = [evaluation.runs[k] for evaluation in self._noise]
        return [run[value] for run in runs if run is not None and value in run]


def verdict(
    comparisons: Sequence[OutputComparison],
    *,
    left_out: Sequence[str] = (),
    remarks: Sequence[str] = (),
    contract: str = "",
) -> Verification:
    """One verdict: the worst comparison of every output, and what remains to be said.

    ``left_out`` are outputs that cannot be compared because the model is random there.
    """
    by_output: dict[str, list[OutputComparison]] = {}
    for comparison in comparisons:
        by_output.setdefault(comparison.output, []).append(comparison)
    merged = tuple(worst(group) for group in by_output.values())
    failures = [comparison for comparison in merged if not comparison.passed]
    if failures:
        others = f"; {len(failures) - 1} more outputs differ" if len(failures) > 1 else ""
        reason = f"{failures[0].why} (with {failures[0].feeds}){others}"
        return Verification(Status.FAILED, reason, merged, contract)
    if left_out:
        what = "outputs" if len(left_out) > 1 else "output"
        differ = "differ" if len(left_out) > 1 else "differs"
        names = ", ".join(map(repr, left_out))
        reason = f"{what} {names} {differ} between two runs of the same model"
        return Verification(Status.NOT_VERIFIED, reason, merged, contract)
    if not merged:
        return Verification(Status.NOT_VERIFIED, "no output could be compared", merged, contract)
    return Verification(Status.PASSED, "; ".join(dict.fromkeys(remarks)), merged, contract)


def _usual_scale(column: Sequence[Any]) -> float:
    """The smallest magnitude an output has, apart from being all zero."""
    arrays = [v for v in column if isinstance(v, np.ndarray) and is_inexact(v.dtype) and v.size]
    scales = [scale(double(array)) for array in arrays]
    return min((size for size in scales if size > 0), default=0.0)


def _dtype(value: Any) -> np.dtype[Any]:
    if isinstance(value, (list, tuple)):
        value = value[0] if value else None
    return value.dtype if isinstance(value, np.ndarray) else np.dtype(np.float32)
