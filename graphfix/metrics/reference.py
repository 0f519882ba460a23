"""A number that a figure is held against, and how far it may fall behind."""

from dataclasses import dataclass

from graphfix.errors import UsageError
from graphfix.metrics.score import Figure, Score, Unit


@dataclass(frozen=True)
class Reference:
    """What the original model reaches, in the unit of the figure."""

    value: float
    allowed: float = 0.01
    """How much worse a figure may be."""
    relative: bool = True
    """Whether ``allowed`` is a fraction of ``value``, or in the unit of the figure."""
    figure: str | None = None
    """Which figure is judged; ``None`` is the first."""


@dataclass(frozen=True)
class Judgement:
    """Whether a figure comes up to its reference."""

    figure: Figure
    reference: Reference
    bound: float
    """The worst value that passes."""
    passed: bool

    def __str__(self) -> str:
        allowed = self.reference.allowed
        unit = "" if self.figure.unit is Unit.FRACTION else f" {self.figure.unit.value}"
        margin = f"{allowed:.6g}{unit}, absolute"
        if self.reference.relative:
            margin = f"{allowed * 100:.6g} % of it, relative"
        drop = "rise" if self.figure.lower_is_better else "drop"
        side = "most" if self.figure.lower_is_better else "least"
        return (
            f"{self.figure.name} {self.figure.value:.6g}{unit} "
            f"{'passes' if self.passed else 'FAILS'}: must be at {side} {self.bound:.6g}{unit} "
            f"(reference {self.reference.value:.6g}{unit}, allowed {drop} {margin})"
        )

    def to_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "figure": self.figure.name,
            "reference": self.reference.value,
            "allowed_drop": self.reference.allowed,
            "relative": self.reference.relative,
            "bound": self.bound,
            "passed": self.passed,
        }


def parse_reference(value: str, allowed: str | None, figure: str | None) -> Reference:
    """Read ``0.8003`` or ``80.03%``, and an allowed drop of ``0.01`` (absolute) or ``1%`` of it.

    Raises:
        UsageError: one of them is no number, or the drop is negative.
    """
    number, percent = _number(value, "--reference")
    if allowed is None:
        return Reference(number / 100 if percent else number, figure=figure)
    drop, relative = _number(allowed, "--allowed-drop")
    if drop < 0:
        raise UsageError(f"--allowed-drop {allowed}: may not be negative")
    return Reference(
        number / 100 if percent else number, drop / 100 if relative else drop, relative, figure
    )


def judge(score: Score, reference: Reference) -> Judgement:
    """Hold the figure that ``reference`` is for against it; a figure that is NaN fails.

    Raises:
        UsageError: there is no such figure, or a reference or drop that can only be a mistake, as
            79.6 for a fraction of 1.
    """
    figure = score.figure(reference.figure)
    if figure.unit is Unit.FRACTION and reference.value > 1:
        raise UsageError(
            f"reference {reference.value:g}: {figure.name} is a fraction of 1; write "
            f"{reference.value / 100:g} or {reference.value:g}%"
        )
    drop = reference.allowed * abs(reference.value) if reference.relative else reference.allowed
    sign = -1 if figure.lower_is_better else 1
    bound = reference.value - sign * drop
    if figure.unit is Unit.FRACTION and not figure.lower_is_better and bound <= 0:
        raise UsageError(
            f"allowed drop {reference.allowed:g} from {reference.value:g}: would let everything "
            "pass; write 0.01 for one point, or 1% of the reference"
        )
    # 0.5006 - 0.01 is a little more than 0.4906, which must not fail a figure of 0.4906.
    passed = bool(sign * (figure.value - bound) >= -1e-12 * abs(bound))
    return Judgement(figure, reference, bound, passed)


def _number(text: str, option: str) -> tuple[float, bool]:
    percent = text.strip().endswith("%")
    try:
        number = float(text.strip().removesuffix("%"))
    except ValueError:
        number = float("nan")
    if not abs(number) < float("inf"):
        raise UsageError(f"{option} {text!r}: write a number, or one with %")
    return number, percent
