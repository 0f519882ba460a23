"""Compare all outputs over all feeds, and put the comparisons together into one verdict."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx_ir as ir

from graphfix.contract import Close, Contract, InRange
from graphfix.verify.compare import OutputComparison, compare, worst
from graphfix.verify.dtypes import double, dtype_of, is_inexact
from graphfix.verify.feeds import FeedSet, is_constant
from graphfix.verify.noise import MORE_RUNS, NEAR, RUNS, Noise, hopeless, noise_of, noisy_runs
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
    constant: Sequence[bool] | None = None
    """Which feeds are constant, where the feeds themselves do not tell."""

    def columns(
        self, expected: Columns, actual: Columns, names: Mapping[str, str]
    ) -> tuple[OutputComparison, ...]:
        """Compare ``actual[name]`` with ``expected[name]`` on every feed set, for all ``names``.

        ``names`` gives for each name the value of the reference model it stands for.
        """
        skip_extreme = any(isinstance(base(contract), InRange) for contract in self.contracts)
        usual = {name: _usual_scale(expected[name]) for name in names}
        pairs = [
            _Pair(name, k, expected[name][k], actual[name][k], usual[name])
            for name in names
            for k, feed in enumerate(self.feeds)
            if not (skip_extreme and feed.extreme)
        ]
        found = {pair: self._compare(pair, None) for pair in pairs}
        if self.reference is not None and self._reordered():
            self._allow_noise(found, names, self.reference)
            self._distrust_constants(found)
        return tuple(replace(one, feeds=self.feeds[p.k].label) for p, one in found.items())

    def allowed(self, dtype: np.dtype[Any], *, constant: bool = False) -> Tolerance:
        """What may differ in a tensor of ``dtype``; see :func:`tolerance`."""
        return tolerance(
            self.contracts,
            dtype,
            arithmetic=self.arithmetic,
            constant=constant,
            rtol=self.rtol,
            atol=self.atol,
        )

    def _distrust_constants(self, found: dict["_Pair", OutputComparison]) -> None:
        """Zeros and ones alone prove nothing where every other feed was left aside."""
        varied = {pair for pair in found if not self._is_constant(pair.k)}
        judged = {pair.name for pair in varied if found[pair].conclusive}
        doubted = {pair.name for pair in varied} - judged
        for pair, one in found.items():
            if pair.name in doubted and one.passed:
                found[pair] = replace(one, conclusive=False)

    def _is_constant(self, k: int) -> bool:
        return is_constant(self.feeds[k]) if self.constant is None else self.constant[k]

    def _reordered(self) -> bool:
        return any(isinstance(base(contract), Close) for contract in self.contracts)

    def _compare(self, pair: "_Pair", noise: Noise | None) -> OutputComparison:
        allowed = self._tolerance(pair)
        return compare(
            pair.name, pair.before, pair.after, allowed, retyped=self.retyped, noise=noise
        )

    def _tolerance(self, pair: "_Pair") -> Tolerance:
        allowed = self.allowed(dtype_of(pair.before), constant=self._is_constant(pair.k))
        return replace(allowed, scale_of_zeros=pair.usual)

    def _allow_noise(
        self,
        found: dict["_Pair", OutputComparison],
        names: Mapping[str, str],
        reference: Callable[[], ir.Model],
    ) -> None:
        """Compare what failed again with the noise: measured roughly, then well if need be."""
        values = tuple(dict.fromkeys(names.values()))
        moved: dict[tuple[str, int], list[Any]] = {}
        open_ = [pair for pair, one in found.items() if not one.passed and one.index is not None]
        for seeds in (range(RUNS), range(RUNS, MORE_RUNS)):
            at = sorted({pair.k for pair in open_})
            if not at:
                return
            for run in noisy_runs(reference(), [self.feeds[k] for k in at], values, seeds):
                for k, outputs in zip(at, run, strict=True):
                    for value, array in (outputs or {}).items():
                        moved.setdefault((value, k), []).append(array)
            for pair in open_:
                found[pair] = self._judge(pair, found[pair], moved.get((names[pair.name], pair.k)))
            open_ = [p for p in open_ if not found[p].passed and found[p].severity <= NEAR]

    def _judge(
        self, pair: "_Pair", one: OutputComparison, moved: Sequence[Any] | None
    ) -> OutputComparison:
        """The comparison with the noise that ``moved`` shows."""
        allowed = self._tolerance(pair)
        noise = noise_of(pair.before, moved or (), allowed)
        if noise is None:
            return one
        again = self._compare(pair, noise)
        if again.passed:
            return replace(again, conclusive=noise.conclusive)
        limited = self.rtol is not None or self.atol is not None
        if not limited and hopeless(pair.before, pair.after, moved or (), allowed):
            return replace(again, passed=True, why="", conclusive=False)
        return again


@dataclass(frozen=True, eq=False)
class _Pair:
    """One output on one feed set."""

    name: str
    k: int
    before: Any
    after: Any
    usual: float


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
    merged = tuple(_summary(group) for group in by_output.values())
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
    doubtful = [comparison.output for comparison in merged if not comparison.conclusive]
    if doubtful:
        names = ", ".join(map(repr, doubtful))
        reason = f"rounding alone changes {names} too much to compare, on all feeds"
        return Verification(Status.NOT_VERIFIED, reason, merged, contract)
    said = [*remarks, *_left_aside(comparisons)]
    return Verification(Status.PASSED, "; ".join(dict.fromkeys(said)), merged, contract)


def _summary(group: Sequence[OutputComparison]) -> OutputComparison:
    """The worst comparison of one output; those that prove nothing count only if all do."""
    telling = [comparison for comparison in group if comparison.conclusive]
    failed = [comparison for comparison in group if not comparison.passed]
    return worst(failed or telling or group)


def _left_aside(comparisons: Sequence[OutputComparison]) -> list[str]:
    """Say which feeds proved nothing about which output."""
    feeds: dict[str, list[str]] = {}
    for comparison in comparisons:
        if not comparison.conclusive:
            feeds.setdefault(comparison.output, []).append(comparison.feeds)
    return [
        f"output {output!r} says nothing on {_few(labels)}: rounding alone moves it too far there"
        for output, labels in feeds.items()
    ]


def _few(labels: Sequence[str]) -> str:
    more = f" and {len(labels) - 1} more feeds" if len(labels) > 1 else ""
    return f"{labels[0]!r}{more}"


def _usual_scale(column: Sequence[Any]) -> float:
    """The smallest magnitude an output has, apart from being all zero."""
    arrays = [v for v in column if isinstance(v, np.ndarray) and is_inexact(v.dtype) and v.size]
    scales = [scale(double(array)) for array in arrays]
    return min((size for size in scales if size > 0), default=0.0)
