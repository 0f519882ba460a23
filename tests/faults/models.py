"""The models that are rewritten: small, of true topology, few outputs, calibrated weights."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import onnx

from tests.faults.weights import fill

ROOT = Path(__file__).parents[2]

Sizes = Mapping[str, int]


@dataclass(frozen=True)
class Input:
    """What an input may hold: the domain in which a rewrite must be right."""

    dims: tuple[int | str, ...]
    low: int | None = None
    """With ``high`` (excluded) the range of integers; ``None`` for floats."""
    high: int | None = None
    dtype: str = "float32"
    flat: tuple[float, float] | None = None
    """Range of floats that are not free."""


@dataclass(frozen=True, eq=False)
class Example:
    """A model and where it is defined."""

    name: str
    build: Callable[[], onnx.ModelProto]
    inputs: Mapping[str, Input]
    sizes: Sequence[Sizes] = ({},)
    """Sizes of the symbolic dims at which the model must be right."""
    runs: int = 40
    """How many feeds the ground truth takes."""
    sites: int = 2
    """Anchors tried for each kind of fault."""

    def proto(self) -> onnx.ModelProto:
        """A fresh copy of the model."""
        copy = onnx.ModelProto()
        copy.CopyFrom(_built(self.name))
        return copy


def _text(name: str, feeds: Mapping[str, np.ndarray]) -> onnx.ModelProto:
    text = (Path(__file__).parent / "texts" / f"{name}.txt").read_text(encoding="utf-8")
    return fill(onnx.parser.parse_model(text), feeds)


def _smooth(*shape: int) -> np.ndarray:
    """Pictures: smooth, random, signed."""
    rng = np.random.default_rng(7)
    noise = rng.standard_normal(shape)
    for axis in (-1, -2):
        noise = noise + np.roll(noise, 1, axis) + np.roll(noise, 2, axis)
    return np.asarray(noise / noise.std(), np.float32)


def _resnet() -> onnx.ModelProto:
    return _text(
        "resnet",
        {"image": _smooth(4, 3, 33, 30)},
    )


def _encoder() -> onnx.ModelProto:
    return _text(
        "encoder",
        {
            "tokens": np.random.default_rng(1).integers(0, 40, (3, 9)),
            "keep": np.random.default_rng(2).random((3, 9)) < 0.8,
        },
    )


def _lstm() -> onnx.ModelProto:
    return _text(
        "lstm",
        {
            "strip": _smooth(3, 1, 16, 10),
            "memory": np.random.default_rng(3).standard_normal((2, 3, 12)).astype(np.float32),
        },
    )


def _detection() -> onnx.ModelProto:
    return _text(
        "detection",
        {"image": _smooth(1, 3, 32, 40)},
    )


def _fpn() -> onnx.ModelProto:
    return _text(
        "fpn",
        {"image": _smooth(2, 3, 32, 40)},
    )


def _quantised() -> onnx.ModelProto:
    return _text(
        "quantised",
        {
            "picture": np.random.default_rng(5).integers(0, 256, (2, 4, 8, 8)).astype(np.uint8),
            "ids": np.random.default_rng(6).integers(0, 9, (2, 6)),
            "counts": np.arange(5, dtype=np.int32),
        },
    )


def _control() -> onnx.ModelProto:
    return _text(
        "control",
        {},
    )


def _superres() -> onnx.ModelProto:
    return _text(
        "superres",
        {
            "y": _smooth(2, 1, 12, 14),
            "grid": np.random.default_rng(8).uniform(-1.2, 1.2, (2, 5, 6, 2)).astype(np.float32),
        },
    )


def _opset11() -> onnx.ModelProto:
    return _text(
        "opset11",
        {"x": _smooth(3, 4, 6), "z": _smooth(2, 4, 6)[[0, 1, 1]]},
    )


def _file(name: str) -> Callable[[], onnx.ModelProto]:
    return lambda: onnx.load(ROOT / "examples" / name)


EXAMPLES: tuple[Example, ...] = (
    Example("resnet", _resnet, {"image": Input(("N", 3, 33, 30))}, ({"N": 1}, {"N": 3})),
    Example(
        "encoder",
        _encoder,
        {
            "tokens": Input(("N", "L"), 0, 40, "int64"),
            "keep": Input(("N", "L"), 0, 2, "bool"),
        },
        ({"N": 1, "L": 7}, {"N": 3, "L": 12}),
    ),
    Example(
        "lstm",
        _lstm,
        {"strip": Input(("N", 1, 16, "T")), "memory": Input((2, "N", 12))},
        ({"N": 1, "T": 9}, {"N": 3, "T": 14}),
    ),
    Example("detection", _detection, {"image": Input((1, 3, 32, 40))}),
    Example(
        "fpn",
        _fpn,
        {"image": Input(("N", 3, "H", "W"))},
        ({"N": 1, "H": 32, "W": 40}, {"N": 2, "H": 45, "W": 33}),
    ),
    Example(
        "quantised",
        _quantised,
        {
            "picture": Input(("N", 4, 8, 8), 0, 256, "uint8"),
            "ids": Input(("N", 6), 0, 1000, "int64"),
            "counts": Input((5,), 0, 100, "int32"),
        },
        ({"N": 1}, {"N": 3}),
    ),
    Example(
        "control",
        _control,
        {"x": Input(("N", 6)), "flip": Input((), 0, 2, "bool"), "w": Input(("N", 6))},
        ({"N": 1}, {"N": 4}),
    ),
    Example(
        "superres",
        _superres,
        {"y": Input(("N", 1, "H", "W")), "grid": Input(("N", "h", "w", 2), flat=(-1.3, 1.3))},
        ({"N": 1, "H": 12, "W": 14, "h": 5, "w": 6}, {"N": 2, "H": 13, "W": 11, "h": 4, "w": 4}),
    ),
    Example(
        "opset11",
        _opset11,
        {"x": Input(("N", 4, 6)), "z": Input(("N", 4, 6))},
        ({"N": 1}, {"N": 3}),
    ),
    Example(
        "starnet",
        _file("starnet.onnx"),
        {"x": Input(("N", 3, 32, 100))},
        ({"N": 1}, {"N": 2}),
        12,
        1,
    ),
)


@cache
def _built(name: str) -> onnx.ModelProto:
    return next(example for example in EXAMPLES if example.name == name).build()
