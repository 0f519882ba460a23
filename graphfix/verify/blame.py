"""Which rewrites of a pass are to blame, found by running the pass without some of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from graphfix.errors import PassError
from graphfix.rewrite.records import PassResult, Rewrite
from graphfix.verify.verification import Verification

Again = Callable[[Mapping[int, str]], PassResult]
"""Runs a pass anew on the model before it, without some anchors (number to reason)."""

MOST = 3
"""Culprits looked for, one after the other; each costs log2(rewrites) runs of the model."""


def blamed(
    answer: Verification,
    result: PassResult,
    again: Again | None,
    holds: Callable[[frozenset[int]], bool],
) -> Verification:
    """The failed verdict with the rewrites that are to blame, where that can be said.

    A single rewrite, or all of them, is the pass itself.
    """
    by_anchor = {r.anchor: r for r in result.rewrites if r.anchor is not None}
    if again is None or len(by_anchor) < 2 or len(by_anchor) < len(result.rewrites):
        return answer
    try:
        found = guilty(tuple(by_anchor), holds)
    except PassError:
        return answer
    if not found or len(found) == len(by_anchor):
        return answer
    culprits = [by_anchor[anchor] for anchor in found]
    reason = f"{answer.reason}; {accusation(culprits, result.rewrites)}"
    return replace(answer, reason=reason, blame=dict.fromkeys(found, answer.reason))


def accusation(culprits: Sequence[Rewrite], rewrites: Sequence[Rewrite]) -> str:
    """Say which rewrites are wrong, and how many are not; nothing when there is only one."""
    if len(rewrites) == 1:
        return ""
    if len(culprits) == len(rewrites):
        return f"all {len(rewrites)} rewrites of the pass are wrong"
    names = ", ".join(f"{item.op_type} {item.node!r}" for item in culprits)
    right = len(rewrites) - len(culprits)
    what = "the rewrite" if len(culprits) == 1 else "the rewrites"
    verb = "is" if len(culprits) == 1 else "are"
    return f"{what} of {names} {verb} to blame, {right} of {len(rewrites)} are fine"


def guilty(anchors: Sequence[int], holds: Callable[[frozenset[int]], bool]) -> tuple[int, ...]:
    """The rewrites without which the others hold; empty when that cannot be said.

    ``holds`` tells whether the pass is right without the given rewrites. It fails without any left
    out. Rewrites are added in order until it fails: the one that makes it fail is to blame.
    """
    blamed: list[int] = []
    for _ in range(MOST):
        rest = [anchor for anchor in anchors if anchor not in blamed]
        low, high = 0, len(rest)  # right with the first `low` rewrites, wrong with `high`
        if not rest or not holds(frozenset(anchors)):
            return ()
        while high - low > 1:
            middle = (low + high) // 2
            if holds(frozenset((*blamed, *rest[middle:]))):
                low = middle
            else:
                high = middle
        blamed.append(rest[high - 1])
        if holds(frozenset(blamed)):
            return tuple(blamed)
    return ()
