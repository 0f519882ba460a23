"""Drive a verifier through hand-made passes, as the manager does."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from graphfix.contract import Close, Contract
from graphfix.model import from_text
from graphfix.rewrite import PassResult
from graphfix.verify import FeedSet, Verification, Verifier


@dataclass(frozen=True)
class Run:
    """The verdicts of a run."""

    steps: tuple[Verification, ...]
    final: Verification
    failing: tuple[FeedSet | None, ...]
    """What the verifier called the failing feeds after each pass."""

    @property
    def first(self) -> Verification:
        return self.steps[0]


def model(body: str, head: str = "float[2,3] x", out: str = "float[2,3] y", opset: int = 17) -> str:
    """ONNX text of a model around some nodes."""
    return f'<ir_version: 8, opset_import: ["" : {opset}]>\nmain ({head}) => ({out}) {{ {body} }}'


def drive(text: str, *steps: str | tuple[str, Contract], **options: Any) -> Run:
    """Verify passes given by the model they leave, in ONNX text; the contract is Close by default.

    Options are those of the verifier.
    """
    pairs = [step if isinstance(step, tuple) else (step, Close()) for step in steps]
    verifier = Verifier(**options)
    verifier.start(from_text(text))
    verdicts, failing = [], []
    states = [text, *(after for after, _ in pairs)]
    for index, (after, contract) in enumerate(pairs):
        result = PassResult(from_text(after), contract)
        verdicts.append(verifier.check(result, before=partial(from_text, states[index])))
        failing.append(verifier.failing_feeds)
    return Run(tuple(verdicts), verifier.finish(from_text(states[-1])), tuple(failing))
