"""Two results of one output, compared under a contract."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from graphfix.contract import Array
from graphfix.verify.dtypes import double, is_inexact
from graphfix.verify.noise import Noise
from graphfix.verify.tolerance import Tolerance


@dataclass(frozen=True)
class OutputComparison:
    """How one output of the model after differs from the model before."""

    output: str
    dtype: str
    shape: tuple[int, ...]
    max_abs: float
    """Largest |after - before| over the elements that are finite in both."""
    max_rel: float
    """Largest |after - before| / |before| over elements that are not tiny in their tensor."""
    allowed: float
    """What the contract allows at the worst element."""
    cosine: float
    """Cosine similarity of the flattened tensors; 1 when both are all zero."""
    index: int | None
    """Flat index of the worst element; ``None`` when nothing differs."""
    passed: bool
    why: str = ""
    """The failure in one sentence."""
    feeds: str = ""
    """The feed set this is about: the worst one."""
    conclusive: bool = True
    """Whether the comparison is evidence: rounding alone does not move the output this much."""
    severity: float = 0.0
    """|difference| / allowed at the worst element; infinite where nothing may differ."""
    relative: float = 0.0
    """``norm(after - before) / norm(before)`` over the elements that are finite in both; 0 when
    nothing differs, infinite when only ``before`` is all zero."""

    def to_dict(self) -> dict[str, Any]:
        """The fields for JSON; infinities and NaN become text."""
        fields = asdict(self)
        fields["shape"] = list(self.shape)
        for key, value in fields.items():
            if isinstance(value, float) and not np.isfinite(value):
                fields[key] = str(value)
        return fields


def compare(
    output: str,
    before: Any,
    after: Any,
    allowed: Tolerance,
    *,
    retyped: bool = False,
    noise: Noise | None = None,
) -> OutputComparison:
    """Compare arrays, lists of arrays (sequences), dicts (maps) or ``None`` (an empty optional).

    Floats and complex numbers are compared in double precision within ``allowed``; integers, bool
    and strings exactly, unless the contract is a cosine; NaN and infinity must stand in the same
    places. Another shape is a failure, another dtype too unless ``retyped``. ``noise`` is what
    rounding alone does to the output.
    """
    if isinstance(before, dict) and isinstance(after, dict):
        if sorted(before, key=str) != sorted(after, key=str):
            blank = OutputComparison(output, "map", (), 0.0, 0.0, 0.0, 1.0, None, True)
            return _failed(blank, "the keys differ")
        after = [np.asarray(after[key]) for key in before]
        before = [np.asarray(value) for value in before.values()]
    if isinstance(before, (list, tuple)) or isinstance(after, (list, tuple)):
        return _sequence(output, before, after, allowed, retyped)
    if before is None or after is None:
        same = before is None and after is None
        why = "" if same else f"output {output!r}: empty in only one of the two models"
        return OutputComparison(output, "optional", (), 0, 0, 0, 1, None, same, why)
    before, after = np.asarray(before), np.asarray(after)
    blank = OutputComparison(output, str(after.dtype), after.shape, 0.0, 0.0, 0.0, 1.0, None, True)
    if before.shape != after.shape:
        return _failed(blank, f"shape {_dims(after)} after, {_dims(before)} before")
    if before.dtype != after.dtype and not retyped:
        return _failed(blank, f"dtype {after.dtype} after, {before.dtype} before")
    if before.dtype.kind in "OUS" or after.dtype.kind in "OUS":
        return _text(blank, before, after)
    if before.size == 0:
        return blank
    if allowed.exact or not (is_inexact(before.dtype) or allowed.cosine is not None):
        stable = None if noise is None or noise.unstable is None else ~noise.unstable
        return _exactly(blank, before, after, stable)
    extra = None if noise is None else noise.extra
    return _closely(blank, double(before), double(after), allowed, extra)


def worst(comparisons: Iterable[OutputComparison]) -> OutputComparison:
    """The one to report for an output over all feeds: failures first, then the largest severity."""
    return max(comparisons, key=lambda c: (not c.passed, c.severity, c.max_abs))


def _exactly(
    blank: OutputComparison, before: Array, after: Array, stable: Array | None
) -> OutputComparison:
    if before.dtype == after.dtype and before.tobytes() == after.tobytes():
        return blank
    different = _differs(before, after)
    if stable is not None:
        different &= stable
    if not different.any():
        return blank
    if not (is_inexact(before.dtype) or before.dtype.kind == "b"):
        return _unequal_integers(blank, before, after, different)
    b, a = double(before), double(after)
    compared = _measure(blank, b, a)
    if (misplaced := _misplaced(b, a)).any():
        return _out_of_place(compared, b, a, misplaced)
    return _beyond(compared, before, after, different, np.zeros(before.shape))


def _differs(before: Array, after: Array) -> Array:
    """Where two arrays differ bit for bit, all NaN being equal and -0 not being 0."""
    if not is_inexact(before.dtype):
        return np.asarray(before != after)
    b, a = double(before), double(after)
    parts = ((b.real, a.real), (b.imag, a.imag)) if b.dtype.kind == "c" else ((b, a),)
    different = np.zeros(b.shape, bool)
    for left, right in parts:
        unequal = (left != right) | (np.signbit(left) != np.signbit(right))
        different |= unequal & ~(np.isnan(left) & np.isnan(right))
    return different


def _unequal_integers(
    blank: OutputComparison, before: Array, after: Array, different: Array
) -> OutputComparison:
    """Differences of 64-bit integers do not fit a double: a few are calculated as Python does."""
    places = np.flatnonzero(different.reshape(-1))[:10000]
    gaps = [abs(int(after.reshape(-1)[k]) - int(before.reshape(-1)[k])) for k in places]
    largest = int(places[int(np.argmax(np.asarray(gaps, float)))])
    compared = replace(
        _measure(blank, double(before), double(after)), max_abs=float(max(gaps)), index=largest
    )
    b, a = before.reshape(-1)[largest], after.reshape(-1)[largest]
    return _failed(
        replace(compared, severity=np.inf),
        f"max |diff| {compared.max_abs:.3g} at flat index {largest} ({a!s} after, {b!s} before); "
        f"{int(different.sum())} of {before.size} elements differ",
    )


def _closely(
    blank: OutputComparison, before: Array, after: Array, allowed: Tolerance, noise: Array | None
) -> OutputComparison:
    compared = _measure(blank, before, after)
    if (misplaced := _misplaced(before, after)).any():
        return _out_of_place(compared, before, after, misplaced)
    if allowed.cosine is not None:
        return _approximately(compared, allowed.cosine, allowed.relative)
    limit = allowed.allowed(before)
    if noise is not None:
        limit = np.minimum(limit + noise, allowed.ceiling(before))
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        gap = np.where(np.isfinite(before), np.abs(after - before), 0.0)
        ratio = np.where(gap == 0, 0.0, gap / limit)
    index = int(np.argmax(ratio))
    compared = replace(
        compared,
        index=index if gap.any() else None,
        allowed=float(limit.reshape(-1)[index]),
        severity=float(ratio.reshape(-1)[index]),
    )
    if compared.severity <= 1:
        return compared
    return _beyond(compared, before, after, ratio > 1, limit)


def _approximately(
    compared: OutputComparison, cosine: float, relative: float | None
) -> OutputComparison:
    if compared.cosine < cosine:
        why = f"cosine {compared.cosine:.6f}, must reach {cosine:g}"
    elif relative is not None and compared.relative > relative:
        why = f"relative error {compared.relative:.3g}, allowed {relative:g}"
    else:
        return compared
    return _failed(replace(compared, severity=np.inf), why)


def _misplaced(before: Array, after: Array) -> Array:
    """Where NaN and infinities (with their sign) are not the same."""
    parts: tuple[tuple[Array, Array], ...] = ((before, after),)
    if before.dtype.kind == "c" or after.dtype.kind == "c":
        parts = ((before.real, after.real), (before.imag, after.imag))
    wrong = np.zeros(before.shape, bool)
    for b, a in parts:
        wrong |= np.isnan(b) != np.isnan(a)
        wrong |= (np.isinf(b) | np.isinf(a)) & (b != a) & ~(np.isnan(b) & np.isnan(a))
    return wrong


def _out_of_place(
    compared: OutputComparison, before: Array, after: Array, misplaced: Array
) -> OutputComparison:
    index = int(np.argmax(misplaced))
    b, a = before.reshape(-1)[index], after.reshape(-1)[index]
    return _failed(
        replace(compared, index=index, severity=np.inf),
        f"{a:g} where before has {b:g}, at flat index {index} "
        f"({int(misplaced.sum())} of {before.size} NaN or infinities out of place)",
    )


def _measure(blank: OutputComparison, before: Array, after: Array) -> OutputComparison:
    finite = np.isfinite(before) & np.isfinite(after)
    b, a = np.where(finite, before, 0), np.where(finite, after, 0)
    size = np.abs(b)
    peak = float(max(size.max(), np.abs(a).max()))
    if peak == 0:
        return blank
    with np.errstate(over="ignore"):
        gap = np.abs(a - b)
    usual = size > 1e-6 * peak
    max_rel = float((gap[usual] / size[usual]).max()) if usual.any() else float(gap.max() > 0)
    norm_b, norm_a = np.linalg.norm(b / peak), np.linalg.norm(a / peak)
    cosine = 0.0
    if norm_b > 0 and norm_a > 0:
        cosine = float(np.real(np.vdot(b / peak / norm_b, a / peak / norm_a)))
    return replace(
        blank,
        max_abs=float(gap.max()),
        max_rel=max_rel,
        cosine=min(cosine, 1.0),
        relative=_relative(float(np.linalg.norm(a / peak - b / peak)), float(norm_b)),
        index=int(np.argmax(gap)) if gap.any() else None,
    )


def _relative(error: float, usual: float) -> float:
    if error == 0:
        return 0.0
    return error / usual if usual > 0 else float("inf")


def _sequence(
    output: str, before: Any, after: Any, allowed: Tolerance, retyped: bool
) -> OutputComparison:
    blank = OutputComparison(output, "sequence", (), 0.0, 0.0, 0.0, 1.0, None, True)
    if not isinstance(before, (list, tuple)) or not isinstance(after, (list, tuple)):
        return _failed(blank, "a sequence in only one of the two models")
    blank = replace(blank, shape=(len(after),))
    if len(before) != len(after):
        return _failed(blank, f"{len(after)} elements after, {len(before)} before")
    elements = [
        compare(f"{output}[{k}]", b, a, allowed, retyped=retyped)
        for k, (b, a) in enumerate(zip(before, after, strict=True))
    ]
    if not elements:
        return blank
    return replace(worst(elements), output=output)


def _text(blank: OutputComparison, before: Array, after: Array) -> OutputComparison:
    different = before.astype(str) != after.astype(str)
    if not different.any():
        return blank
    index = int(np.argmax(different))
    b, a = before.reshape(-1)[index], after.reshape(-1)[index]
    compared = replace(blank, index=index, severity=np.inf)
    return _failed(compared, f"{a!r} where before has {b!r}, at flat index {index}")


def _beyond(
    compared: OutputComparison, before: Array, after: Array, wrong: Array, limit: Array
) -> OutputComparison:
    """Fail with the numbers at the largest difference among the elements that are wrong."""
    with np.errstate(over="ignore", invalid="ignore"):
        gap = np.abs(double(after) - double(before))
    index = int(np.argmax(np.where(wrong & np.isfinite(gap), gap, -1.0)))
    b, a, allowed = (x.reshape(-1)[index] for x in (before, after, limit))
    return _failed(
        replace(compared, index=index, allowed=float(allowed)),
        f"max |diff| {gap.reshape(-1)[index]:.3g} at flat index {index} ({a!s} after, {b!s} "
        f"before), allowed {allowed:.3g}; {int(wrong.sum())} of {before.size} elements differ "
        "beyond it",
    )


def _failed(compared: OutputComparison, why: str) -> OutputComparison:
    severity = compared.severity if compared.severity > 1 else np.inf
    return replace(
        compared, passed=False, why=f"output {compared.output!r}: {why}", severity=float(severity)
    )


def _dims(array: Array) -> str:
    return "[" + ",".join(map(str, array.shape)) + "]"
