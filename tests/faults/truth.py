"""What a rewrite really did to the outputs: many feeds, onnxruntime, and no code of graphfix.

A model's inputs are defined in ``models`` (dtype, range, sizes). Each feed is another distribution;
they go beyond what the verifier feeds in number, sizes and magnitude.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
import onnx
import onnxruntime

from tests.faults.models import EXAMPLES, Example, Input, Sizes

Array = np.ndarray[Any, Any]
Run = Mapping[str, Array]

RTOL: Final = 64 * float(np.finfo(np.float32).eps)
"""What ``Close`` allows in float32: ``|after - before| <= RTOL * (|before| + rms(before))``."""

MARGIN: Final = 8.0
"""Times the difference between onnxruntime's optimised and plain run of the same model that is
taken for rounding, on top of ``RTOL``."""

DISTRIBUTIONS: Final = (
    "normal", "pictures", "large", "normal", "uniform", "positive", "zeros", "ones", "huge",
    "wide", "negative", "sparse", "small", "normal", "ramp", "minus-ones", "pictures", "ends",
    "normal", "large",
)  # fmt: skip


@dataclass(frozen=True)
class Effect:
    """How far a rewrite moved the outputs."""

    severity: float
    """Largest |difference| / allowed over all outputs and feeds; infinite for another shape, dtype,
    place of a NaN, or a model that does not run."""
    feed: str = ""
    """The feed with the largest severity."""
    share: float = 0.0
    """Share of feeds on which something differs beyond the contract."""
    why: str = ""

    @property
    def changed(self) -> bool:
        """Whether any output differs by more than the contract."""
        return self.severity > 1


class Truth:
    """The outputs of one model over its feeds."""

    def __init__(self, example: Example) -> None:
        self.feeds = _feeds(example)
        model = example.proto().SerializeToString()
        plain, optimised = _session(model), _session(model, optimised=True)
        self.before: list[Run] = []
        self.noise: list[Mapping[str, Array]] = []
        kept = []
        for label, feed in self.feeds:
            try:
                before, other = _run(plain, feed), _run(optimised, feed)
            except Exception:  # noqa: BLE001 - onnxruntime's errors have no base class
                continue
            kept.append((label, feed))
            self.before.append(before)
            self.noise.append({name: _noise(before[name], other[name]) for name in before})
        self.feeds = kept

    def effect(self, after: onnx.ModelProto, *, exact: bool = False, rtol: float = RTOL) -> Effect:
        """Compare ``after`` with the original; ``exact`` wants the same bits."""
        try:
            session = _session(after.SerializeToString())
        except Exception as error:  # noqa: BLE001 - onnxruntime's errors have no base class
            return Effect(np.inf, why=f"does not load: {str(error)[:200]}", share=1.0)
        names = list(self.before[0])
        if [output.name for output in session.get_outputs()] != names:
            return Effect(np.inf, why="other outputs", share=1.0)
        worst, where, wrong, why = 0.0, "", 0, ""
        for (label, feed), before, noise in zip(self.feeds, self.before, self.noise, strict=True):
            try:
                now = _run(session, feed)
            except Exception as error:  # noqa: BLE001 - onnxruntime's errors have no base class
                now, found, why = {}, np.inf, f"does not run: {str(error)[:200]}"
            else:
                found = max(_severity(before[n], now[n], noise[n], exact, rtol) for n in names)
            wrong += found > 1
            if found > worst:
                worst, where = found, label
        return Effect(worst, where, wrong / len(self.feeds), why)


@cache
def truth_of(name: str) -> Truth:
    """The ground truth of an example, measured once."""
    return Truth(next(example for example in EXAMPLES if example.name == name))


def _feeds(example: Example) -> list[tuple[str, dict[str, Array]]]:
    feeds = []
    for k in range(example.runs):
        sizes = example.sizes[k % len(example.sizes)]
        kind = DISTRIBUTIONS[(k * 7 if len(DISTRIBUTIONS) % 7 else k) % len(DISTRIBUTIONS)]
        label = f"{kind} #{k} " + " ".join(f"{n}={s}" for n, s in sizes.items())
        feeds.append(
            (
                label,
                {name: _array(name, item, sizes, kind, k) for name, item in example.inputs.items()},
            )
        )
    return feeds


def _array(name: str, item: Input, sizes: Sizes, kind: str, k: int) -> Array:
    shape = tuple(sizes[dim] if isinstance(dim, str) else dim for dim in item.dims)
    rng = np.random.default_rng([k, zlib.crc32(name.encode()), 77])
    if item.low is not None and item.high is not None:
        last = item.high - 1
        if kind == "zeros":
            return np.full(shape, item.low).astype(item.dtype)
        if kind in ("ends", "huge"):
            return rng.choice([item.low, last], shape).astype(item.dtype)
        if kind in ("ones", "ramp"):
            return np.full(shape, last).astype(item.dtype)
        return rng.integers(item.low, item.high, shape).astype(item.dtype)
    values = _floats(shape, kind, rng)
    if item.flat is not None:
        low, high = item.flat
        values = low + (high - low) * (0.5 + 0.5 * np.tanh(values))
    return values.astype(np.float32)


def _floats(shape: tuple[int, ...], kind: str, rng: np.random.Generator) -> Array:
    normal = rng.standard_normal(shape)
    if kind == "pictures":
        for axis in range(max(len(shape) - 2, 0), len(shape)):
            normal = normal + np.roll(normal, 1, axis) + np.roll(normal, 2, axis)
        return np.asarray(normal / max(float(normal.std()), 1e-6))
    return {
        "normal": normal,
        "large": normal * 100,
        "huge": normal * 1000,
        "uniform": rng.random(shape),
        "positive": rng.uniform(0.5, 4.0, shape),
        "negative": -np.abs(normal) - 0.5,
        "zeros": np.zeros(shape),
        "ones": np.ones(shape),
        "minus-ones": -np.ones(shape),
        "wide": normal * 10.0 ** rng.uniform(-3, 3, shape),
        "sparse": normal * (rng.random(shape) < 0.3),
        "small": normal * 1e-3,
        "ramp": np.linspace(-2, 2, int(np.prod(shape))).reshape(shape),
        "ends": rng.choice([-3.0, 3.0], shape),
    }[kind]


def _session(model: bytes, *, optimised: bool = False) -> Any:
    options = onnxruntime.SessionOptions()
    level = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = level.ORT_ENABLE_ALL if optimised else level.ORT_DISABLE_ALL
    options.enable_mem_reuse = False
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _run(session: Any, feed: Mapping[str, Array]) -> Run:
    names = [output.name for output in session.get_outputs()]
    wanted = {item.name for item in session.get_inputs()}
    values = session.run(names, {k: v for k, v in feed.items() if k in wanted})
    return dict(zip(names, values, strict=True))


def _noise(before: Array, other: Array) -> Array:
    """What reordering moves: floats by how much, integers whether."""
    if before.shape != other.shape:
        return np.full(before.shape, np.inf)
    if before.dtype.kind != "f":
        return np.asarray(before != other)
    with np.errstate(invalid="ignore"):
        gap = np.abs(other.astype(np.float64) - before)
    gap = np.where(np.isfinite(gap), gap, 0.0)
    return np.maximum(gap, np.sqrt(np.mean(gap**2))) if gap.size else gap


def _severity(before: Array, after: Array, noise: Array, exact: bool, rtol: float) -> float:
    if before.shape != after.shape or before.dtype != after.dtype:
        return np.inf
    if before.dtype.kind != "f":
        different = before != after
        return np.inf if (different if exact else different & ~noise.astype(bool)).any() else 0.0
    b, a = before.astype(np.float64), after.astype(np.float64)
    if exact:
        same = (b == a) & (np.signbit(b) == np.signbit(a)) | np.isnan(b) & np.isnan(a)
        return 0.0 if same.all() else np.inf
    finite = np.isfinite(b)
    endless = np.isinf(b) | np.isinf(a)
    if (np.isnan(b) != np.isnan(a)).any() or (endless & (b != a)).any():
        return np.inf
    if not finite.any():
        return 0.0
    usual = np.abs(b[finite])
    allowed = rtol * (usual + np.sqrt(np.mean(usual**2))) + MARGIN * noise[finite]
    gap = np.abs(a - b)[finite]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(gap == 0, 0.0, gap / allowed)
    return float(ratio.max())
