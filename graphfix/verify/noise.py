"""How much rounding alone moves the outputs of a model: the noise a comparison cannot see below.

Every float input and every weight is moved by one ulp, up or down at random, and the model run
again. A weight moved by one ulp does to a sum of products what rounding each product does, in every
layer, so the outputs move as any reordering of the arithmetic may move them. Measured on a
recognition network with a spatial transformer: moved weights and inputs shift its output by 1e-6
on ordinary inputs and by 7e-3 on N(0, 100), and onnxruntime's own optimisations by 2e-6 and 9e-3.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx_ir as ir

from graphfix.contract import Array
from graphfix.rewrite import constant_array
from graphfix.verify.dtypes import double, epsilon, is_inexact
from graphfix.verify.evaluate import Outputs, evaluate
from graphfix.verify.feeds import FeedSet
from graphfix.verify.tolerance import Tolerance, default_rtol

RUNS = 3
"""Perturbed runs; each has a session of its own."""

MORE_RUNS = 9
"""Runs before a difference is called a failure: a few miss the tail of what noise can do."""

NEAR = 30.0
"""Differences beyond this many times what the first runs allow are not given the further ones."""

MARGIN = 8.0
"""Times the largest movement seen in ``RUNS`` runs that reordered arithmetic is allowed. A
contract with a wider ``rtol`` than the dtype's gets as many times more."""

CONCLUSIVE = 256.0
"""Where noise raises what is allowed to more than this many times the usual (2e-3 of a tensor's
magnitude in float32), the comparison is no evidence that the models are the same."""

UNSTABLE_SHARE = 0.05
"""Share of integers (arg-max, sort order, thresholds) that may flip with the noise before the
comparison is no evidence."""


@dataclass(frozen=True)
class Noise:
    """What the noise allows in addition for one output on one feed."""

    extra: Array | None = None
    """Added to the allowed difference of floats, element by element."""
    unstable: Array | None = None
    """Which integers flip with the noise, and are not compared."""
    conclusive: bool = True


def noisy_runs(
    model: ir.Model, feeds: Sequence[FeedSet], extra: Sequence[str], seeds: Sequence[int]
) -> Iterator[tuple[Outputs | None, ...]]:
    """Run ``model`` on ``feeds`` once per seed, with inputs and weights moved."""
    for seed in seeds:
        moved = [replace(feed, feed=_moved_feed(feed, seed)) for feed in feeds]
        yield evaluate(_moved_weights(model.clone(), seed), moved, extra=extra).runs


def noise_of(before: Any, moved: Sequence[Any], allowed: Tolerance) -> Noise | None:
    """What the movement of one output allows; ``None`` when it was not measured."""
    arrays = [array for array in moved if isinstance(array, np.ndarray)]
    if not isinstance(before, np.ndarray) or not arrays or before.size == 0:
        return None
    if before.dtype.kind in "OUS" or any(array.shape != before.shape for array in arrays):
        return None
    if not is_inexact(before.dtype):
        unstable = np.any([array != before for array in arrays], axis=0)
        return Noise(unstable=unstable, conclusive=bool(unstable.mean() <= UNSTABLE_SHARE))
    if allowed.rtol is None:
        return None
    usual = double(before)
    with np.errstate(invalid="ignore", over="ignore"):
        gaps = np.stack([np.abs(double(array) - usual) for array in arrays])
    largest = np.where(np.isfinite(gaps), gaps, 0.0).max(axis=0)
    common = np.minimum(largest, np.quantile(largest, 0.99))
    typical = float(np.sqrt(np.mean(np.square(common))))
    wider = max(1.0, allowed.rtol / default_rtol(before.dtype))
    extra = np.maximum(largest, typical) * (MARGIN * wider)
    limit = allowed.allowed(usual)
    raised = float(np.median(limit + extra)) > CONCLUSIVE * float(np.median(limit))
    return Noise(extra, conclusive=not raised)


def hopeless(before: Any, after: Any, moved: Sequence[Any], allowed: Tolerance) -> bool:
    """Whether noise moves some elements so far that others may just not have been hit yet.

    Then a difference no larger than the noise says nothing.
    """
    if not isinstance(before, np.ndarray) or allowed.rtol is None or not is_inexact(before.dtype):
        return False
    if getattr(after, "shape", None) != before.shape:
        return False
    usual, now = double(before), double(after)
    if bool((np.isfinite(usual) != np.isfinite(now)).any()):
        return False
    finite = np.isfinite(usual)
    if not finite.any():
        return False
    gaps = [np.abs(double(m) - usual)[finite] for m in moved if isinstance(m, np.ndarray)]
    noise = max((float(np.nanmax(gap)) for gap in gaps), default=0.0)
    limit = float(np.median(allowed.allowed(usual)))
    return noise > CONCLUSIVE * limit and float(np.abs(now - usual)[finite].max()) <= MARGIN * noise


def _moved_feed(feeds: FeedSet, seed: int) -> dict[str, Any]:
    rng = np.random.default_rng([seed, 0x0115E])
    return {name: _move(value, rng) for name, value in feeds.feed.items()}


_WEIGHTS: dict[str, Callable[[int], bool]] = {
    "Conv": lambda port: port >= 1,
    "ConvTranspose": lambda port: port >= 1,
    "Gemm": lambda port: True,
    "MatMul": lambda port: True,
    "BatchNormalization": lambda port: 1 <= port <= 3,
    "LSTM": lambda port: 1 <= port <= 3,
    "GRU": lambda port: 1 <= port <= 3,
    "RNN": lambda port: 1 <= port <= 3,
}
"""Ports whose constants are terms of sums. Others are left alone: a factor may belong to an index
computed in floats, which an ulp moves to the next row, and is never rounded otherwise."""


def _moved_weights(model: ir.Model, seed: int) -> ir.Model:
    rng = np.random.default_rng([seed, 0x3E167])
    graph = model.graph
    moved: dict[int, ir.Value] = {}
    for node in graph:
        is_weight = _WEIGHTS.get(node.op_type)
        if is_weight is None or node.domain not in ("", "ai.onnx"):
            continue
        for port, value in enumerate(node.inputs):
            if value is None or not is_weight(port):
                continue
            if id(value) not in moved:
                array = constant_array(value)
                if array is None or not is_inexact(array.dtype) or array.size < 2:
                    continue
                tensor = ir.tensor(_move(array, rng), name=f"{value.name}/moved")
                new = ir.Value(
                    name=tensor.name,
                    type=ir.TensorType(tensor.dtype),
                    shape=ir.Shape(array.shape),
                    const_value=tensor,
                )
                graph.register_initializer(new)
                moved[id(value)] = new
            node.replace_input_with(port, moved[id(value)])
    return model


def _move(value: Any, rng: np.random.Generator) -> Any:
    """Move every number by one ulp; zero stays, as no rounding makes anything else of it."""
    if not isinstance(value, np.ndarray) or not is_inexact(value.dtype) or value.size == 0:
        return value
    wide = double(value)
    step = np.abs(wide) * epsilon(value.dtype)
    signs = np.where(rng.random(value.shape) < 0.5, -1.0, 1.0)
    with np.errstate(invalid="ignore", over="ignore"):
        moved = (wide + signs * step).astype(value.dtype)
    keep = ~np.isfinite(double(moved))
    return np.where(keep, value, moved)
