"""The verdict about one site: its contract, the noise of its own arithmetic, and its evidence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx_ir as ir

from graphfix.rewrite.records import Rewrite
from graphfix.runners.onnxruntime import NotRunnable
from graphfix.verify.compare import OutputComparison
from graphfix.verify.comparer import Comparer, verdict
from graphfix.verify.feeds import FeedSet, is_constant
from graphfix.verify.localise import first_diverging
from graphfix.verify.regions.build import build
from graphfix.verify.regions.exercise import at_site, idle, synthetic
from graphfix.verify.regions.site_run import SiteRun, run_part
from graphfix.verify.regions.store import ValueStore
from graphfix.verify.verification import Status

_SMALL = 1 << 14
"""Bytes up to which two copies are compared faster than two arrays."""


@dataclass(frozen=True)
class SiteVerdict:
    """How one rewrite, or several that touch, came out."""

    rewrites: tuple[Rewrite, ...]
    comparisons: tuple[OutputComparison, ...]
    failure: str = ""
    remark: str = ""
    """Such as weak evidence, and what was tried because of it."""
    unclear: str = ""
    """Why the site says nothing, so that the whole model must be asked."""
    feeds: int = 0
    """Number of the feed set on which the failure shows."""
    first_diverging: str = ""


def judge(
    site: SiteRun,
    feeds: Sequence[FeedSet],
    store: ValueStore,
    arithmetic: np.dtype[Any] | None,
    seed: int,
) -> SiteVerdict:
    """Compare what the site made before and after, on every feed set.

    Where its outputs never change over the feeds, it is tried on made-up values too.
    """
    found = _compare(site, feeds, store, arithmetic)
    inputs = {key: [store.get(key, k) for k in range(len(feeds))] for key in site.keys.values()}
    if found.failure or found.unclear:
        return found
    weak = idle(site.before, inputs)
    if not weak:
        return found
    made = synthetic(inputs, feeds, seed)
    return _on_synthetic(site, made, found, weak, arithmetic)


def _compare(
    site: SiteRun,
    feeds: Sequence[FeedSet],
    store: ValueStore,
    arithmetic: np.dtype[Any] | None,
) -> SiteVerdict:
    same, names = [], {}
    for old in site.before:
        if _identical(site.before[old], site.after[old]):
            same.append(_no_difference(old, site.after[old], feeds))
        else:
            names[old] = old
    if not names:
        return SiteVerdict(site.rewrites, tuple(same))
    own = [at_site(feed, site.inputs(store, k)) for k, feed in enumerate(feeds)]
    constant = tuple(is_constant(feed) for feed in feeds)
    return _judged(site, own, constant, names, arithmetic, same)


def _judged(
    site: SiteRun,
    own: Sequence[FeedSet],
    constant: tuple[bool, ...],
    names: Mapping[str, str],
    arithmetic: np.dtype[Any] | None,
    same: Sequence[OutputComparison],
) -> SiteVerdict:
    inputs = own[0].feed

    def model() -> ir.Model:
        return build([site.old()], inputs)

    made = bool(site.old().wanted)
    comparer = Comparer(
        (site.contract,),
        own,
        model if made else None,
        arithmetic,
        retyped=True,
        constant=constant,
    )
    found = comparer.columns(site.before, site.after, names)
    answer = verdict((*same, *found))
    if answer.status is Status.PASSED:
        return SiteVerdict(site.rewrites, answer.comparisons)
    if answer.status is Status.NOT_VERIFIED:
        unclear = f"at the rewrite of {site.rewrites[0].node!r} {answer.reason}"
        return SiteVerdict(site.rewrites, answer.comparisons, unclear=unclear)
    label = next(c.feeds for c in answer.comparisons if not c.passed)
    k = next(k for k, feed in enumerate(own) if feed.label == label)
    where = ""
    if made and site.new().wanted:
        pair = (own[k], own[k])
        where = first_diverging(model(), build([site.new()], inputs), pair, comparer.allowed)
    return SiteVerdict(
        site.rewrites, answer.comparisons, answer.reason, feeds=k, first_diverging=where
    )


def _on_synthetic(
    site: SiteRun,
    made: Sequence[FeedSet],
    found: SiteVerdict,
    weak: str,
    arithmetic: np.dtype[Any] | None,
) -> SiteVerdict:
    """Run both sides on made-up values; where that is impossible, the evidence stays weak."""
    remark = f"weak evidence at {site.rewrites[0].node!r}: what it makes {weak}"
    needed = [{site.keys[n] for n in _reads(site, side)} for side in ("before", "after")]
    if needed[0] != needed[1]:
        return replace(found, remark=remark)
    old, new = site.old(), site.new()
    if set(old.wanted) != {o for o, _ in site.site.pairs} or not new.wanted:
        return replace(found, remark=remark)
    try:
        before = run_part(build([old], made[0].feed), [feed.feed for feed in made], 1)
        after = run_part(build([new], made[0].feed), [feed.feed for feed in made], 1)
    except NotRunnable:
        return replace(found, remark=remark)
    tried = SiteRun(site.number, site.rewrites, site.site, site.contract, site.keys)
    for name, wanted in site.site.pairs:
        if wanted not in site.made_after:
            return replace(found, remark=remark)
        tried.before[name] = tuple(row[name] for row in before)
        tried.after[name] = tuple(row[wanted] for row in after)
    names = {name: name for name in tried.before}
    constant = (False,) * len(made)
    again = _judged(tried, made, constant, names, arithmetic, ())
    if again.failure:
        return replace(again, feeds=0, remark=remark)
    return replace(found, remark=f"{remark}; it agrees on {len(made)} sets of synthetic values")


def _reads(site: SiteRun, side: str) -> set[str]:
    nodes = site.site.before if side == "before" else site.site.after
    return {name for item in nodes for name in item.inputs if name is not None} & set(site.keys)


def _identical(before: Sequence[Any], after: Sequence[Any]) -> bool:
    return all(_same_bits(b, a) for b, a in zip(before, after, strict=True))


def _same_bits(b: Any, a: Any) -> bool:
    if b is a:
        return True
    if not isinstance(b, np.ndarray) or not isinstance(a, np.ndarray):
        return False
    if b.dtype != a.dtype or b.shape != a.shape or b.dtype.kind not in "fciub":
        return False
    if b.nbytes <= _SMALL:
        return b.tobytes() == a.tobytes()
    return bool(np.array_equal(_bits(b), _bits(a)))


def _bits(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    flat = np.ascontiguousarray(array).reshape(-1)
    return flat.view(f"u{min(array.itemsize, 8)}")


def _no_difference(name: str, column: Sequence[Any], feeds: Sequence[FeedSet]) -> OutputComparison:
    array = column[0]
    label = feeds[0].label
    return OutputComparison(
        name, str(array.dtype), array.shape, 0.0, 0.0, 0.0, 1.0, None, True, feeds=label
    )
