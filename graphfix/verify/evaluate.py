"""Run a model on several feed sets: one session, outputs only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_ir as ir

from graphfix.runners.onnxruntime import NotRunnable, Session
from graphfix.verify.feeds import Feed, FeedSet

Outputs = Mapping[str, Any]
"""Output name to array, list of arrays (sequence) or ``None`` (empty optional)."""


@dataclass(frozen=True)
class Evaluation:
    """What a model made of each feed set, in their order; ``None`` where it failed."""

    names: tuple[str, ...]
    """Graph outputs, in order."""
    runs: tuple[Outputs | None, ...]
    failure: str = ""
    """Why the model does not load, or the first failed run with its feeds; empty when all ran."""
    failed: FeedSet | None = None
    """The first feed set that does not run."""
    no_kernel: bool = False
    """Whether onnxruntime lacks a kernel, which says nothing about the model."""

    def column(self, name: str) -> tuple[Any, ...]:
        """One output over all feed sets."""
        return tuple(run[name] for run in self.runs if run is not None)


def evaluate(model: ir.Model, feeds: Sequence[FeedSet], *, extra: Sequence[str] = ()) -> Evaluation:
    """Run ``model`` on every feed set, with the values ``extra`` as further outputs."""
    names = tuple(value.name or "" for value in model.graph.outputs)
    try:
        session = Session(model, outputs=tuple(extra))
    except NotRunnable as error:
        return Evaluation(names, (None,) * len(feeds), one_line(error), None, _no_kernel(error))
    runs: list[Outputs | None] = []
    failure, failed = "", None
    for item in feeds:
        try:
            runs.append(session.run(select(item.feed, model)))
        except NotRunnable as error:
            runs.append(None)
            if failed is None:
                failure, failed = f"{one_line(error)} (with {item.label})", item
    return Evaluation(names, tuple(runs), failure, failed)


def select(feed: Feed, model: ir.Model) -> dict[str, Any]:
    """The part of a feed that ``model`` has inputs for."""
    wanted = {value.name for value in model.graph.inputs}
    return {name: array for name, array in feed.items() if name in wanted}


def identical(a: Any, b: Any) -> bool:
    """Whether two results of the same output are the same bit for bit."""
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(identical(x, y) for x, y in zip(a, b, strict=True))
    if a is None or b is None:
        return a is None and b is None
    left, right = np.asarray(a), np.asarray(b)
    if left.dtype == object:
        return bool(left.shape == right.shape and (left == right).all())
    return left.shape == right.shape and left.tobytes() == right.tobytes()


def one_line(error: Exception) -> str:
    """The first line of a runtime's message, without its prefix."""
    text = str(error).strip().splitlines()
    first = text[0] if text else type(error).__name__
    return first.removeprefix("[ONNXRuntimeError] : ").strip()[:400]


def _no_kernel(error: Exception) -> bool:
    return "NOT_IMPLEMENTED" in str(error)
