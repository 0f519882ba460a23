"""Delta debugging over the nodes of a graph: bisect both ends, then drop ever smaller chunks.

Deterministic: candidates come in a fixed order, and the first that still fails is taken (Zeller and
Hildebrandt, *Simplifying and Isolating Failure-Inducing Input*, 2002).
"""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from graphfix.reduction.case import Case
from graphfix.reduction.cut import Cutter, keep_outputs

_DISTANCES = (0, 1, 2, 4, 8, 16)
"""Steps from node to node that a first try reaches."""

Fails = Callable[[Case], bool]
"""Whether a case still fails in the same way."""


@dataclass
class Budget:
    """How much may be tried."""

    seconds: float
    tries: int
    progress: Callable[[str], None] = lambda text: None
    spent: int = 0
    _started: float = field(default_factory=time.monotonic)

    @property
    def over(self) -> bool:
        """Whether no further case may be tried."""
        return self.spent >= self.tries or time.monotonic() - self._started >= self.seconds

    def tries_out(self, case: Case | None, fails: Fails, what: str) -> bool:
        """Try one case, unless the budget is over."""
        if case is None or self.over:
            return False
        self.spent += 1
        self.progress(f"{what}, try {self.spent}")
        return fails(case)


def reduce_nodes(
    cutter: Cutter, fails: Fails, budget: Budget, hints: Sequence[Collection[str]] = ()
) -> Case:
    """The smallest model found that still fails, made of nodes of the cutter's model.

    ``hints`` are groups of values that are likely to be where it fails; the nodes around each are
    tried first, which saves the many runs of large models.
    """
    return _Search(cutter, fails, budget).run(hints)


class _Search:
    def __init__(self, cutter: Cutter, fails: Fails, budget: Budget) -> None:
        self.cutter = cutter
        self.fails = fails
        self.budget = budget
        self.keep = list(range(cutter.count))
        self.best = cutter.case
        self._tried: set[tuple[int, ...]] = set()

    def run(self, hints: Sequence[Collection[str]]) -> Case:
        self._around(hints)
        self._front()
        self._back()
        self._chunks()
        return self._outputs(self.best)

    def _try(self, keep: Collection[int]) -> bool:
        """Take these nodes if the model of them still fails."""
        key = tuple(sorted(keep))
        if not key or key in self._tried:
            return False
        self._tried.add(key)
        chosen = frozenset(key)
        for constants in (True, False):
            case = self.cutter.cut(chosen, constants=constants)
            if self.budget.tries_out(case, self.fails, f"{len(self.keep)} nodes left"):
                assert case is not None
                self.keep, self.best = list(key), case
                return True
        return False

    def _around(self, hints: Sequence[Collection[str]]) -> None:
        """Try the nodes near each hint, then near all of them, wider every time."""
        groups = [self.cutter.makers(names) for names in hints]
        if len(groups) > 1:
            groups.append(frozenset().union(*groups))
        groups = [group for group in groups if group]
        for distance in _DISTANCES:
            for group in groups:
                near = self.cutter.around(group, distance)
                if len(near) < len(self.keep) and self._try(near):
                    return

    def _front(self) -> None:
        """Keep as few of the first nodes as possible: everything after the failure goes."""
        low, high = 1, len(self.keep)
        while low < high and not self.budget.over:
            middle = (low + high) // 2
            if self._try(self.keep[:middle]):
                high = middle
            else:
                low = middle + 1

    def _back(self) -> None:
        """Drop as many of the first nodes as possible."""
        nodes = list(self.keep)
        low, high = 0, len(nodes) - 1
        while low < high and not self.budget.over:
            middle = (low + high + 1) // 2
            if self._try(nodes[middle:]):
                low = middle
            else:
                high = middle - 1

    def _chunks(self) -> None:
        size = max(len(self.keep) // 2, 1)
        while not self.budget.over:
            before = len(self.keep)
            start = 0
            while start < len(self.keep) and not self.budget.over:
                rest = self.keep[:start] + self.keep[start + size :]
                if not self._try(rest):
                    start += size
            if size > 1:
                size = max(size // 2, 1)
            elif len(self.keep) == before:
                return

    def _outputs(self, case: Case) -> Case:
        for name in [value.name or "" for value in case.model.graph.outputs]:
            rest = [value.name or "" for value in case.model.graph.outputs if value.name != name]
            if not rest:
                break
            smaller = keep_outputs(case, rest)
            if self.budget.tries_out(smaller, self.fails, "fewer outputs"):
                case = smaller
        return case
