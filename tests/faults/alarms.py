"""Correct rewrites, and what verification says of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import onnx

import graphfix_passes
from graphfix.model import from_bytes
from graphfix.pipeline import parse
from graphfix.plugins import load_registry
from graphfix.rewrite import Pass
from graphfix.verify import Mode
from tests.faults.correct import CORRECT
from tests.faults.kind import Kind
from tests.faults.models import EXAMPLES, ROOT, Example
from tests.faults.trials import Judge, Verdict, source_of, spread

BUILT_IN = ("sim{optional}", "gridsample{mode=decompose,optional},sim{optional}")
"""Pipelines that every example gets."""

CONVERSIONS = {
    "resnet": "opset{to=13}",
    "encoder": "opset{to=13}",
    "fpn": "opset{to=13}",
    "opset11": "opset{to=17}",
    "superres": "opset{to=18}",
    "lstm": "opset{to=13}",
    "starnet": "gridsample,opset{to=11},sim",
}


@dataclass(frozen=True)
class Alarm:
    """A correct rewrite, or a pipeline of built-in passes, and the verdict."""

    name: str
    example: str
    verdict: Verdict


def alarms(
    examples: Sequence[Example] = EXAMPLES,
    kinds: Sequence[Kind] = tuple(CORRECT),
    *,
    mode: Mode = Mode.FULL,
    built_in: bool = True,
) -> Iterator[Alarm]:
    """Every correct rewrite: at some places one by one, and at all places at once."""
    for example in examples:
        judge = Judge(source_of(example), mode)
        for kind in kinds:
            found = kind.sites(source_of(example))
            several: list[int | None] = [None] if len(found) > 1 else []
            for site in (*spread(found, example.sites), *several):
                yield Alarm(kind.name, example.name, judge.verdict(kind.make(site)))
        if built_in:
            yield from _built_in(example, judge)
    if built_in and any(example.name == "starnet" for example in examples):
        # The placeholder is no example of its own: what it computes is meaningless.
        model = from_bytes(onnx.load(_PLACEHOLDER).SerializeToString())
        text = "gridsample"
        yield Alarm(text, "starnet_placeholder", Judge(model, mode).verdict(*_passes(text)))


_PLACEHOLDER = ROOT / "examples" / "starnet_placeholder.onnx"


def _built_in(example: Example, judge: Judge) -> Iterator[Alarm]:
    texts = [*BUILT_IN]
    if example.name in CONVERSIONS:
        texts.append(CONVERSIONS[example.name])
    for text in texts:
        yield Alarm(text, example.name, judge.verdict(*_passes(text)))


def _passes(text: str) -> tuple[Pass, ...]:
    registry = load_registry(also={"graphfix-passes": graphfix_passes.PLUGIN})
    return parse(text, registry).passes
