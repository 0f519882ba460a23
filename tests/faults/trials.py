"""Commit faults, ask the verifier, and set its verdict beside the truth."""

import copy
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import onnx
import onnx_ir as ir

from graphfix.contract import Close, Contract
from graphfix.errors import GraphfixError, StructureError
from graphfix.instrumentations import CheckStructure, VerifyNumerics
from graphfix.manager import Outcome, PassManager
from graphfix.model import from_bytes, infer_shapes, to_proto
from graphfix.pipeline import Pipeline
from graphfix.rewrite import Pass, PassContext, RewritePass
from graphfix.verify import Mode, RegionVerifier, Status, Verifier
from tests.faults.kind import Kind
from tests.faults.models import Example
from tests.faults.truth import RTOL, Effect, truth_of


@dataclass(frozen=True)
class Verdict:
    """What verification said."""

    state: str
    """``passed``, ``structure`` or ``numbers`` (rejected), ``unverified`` or ``crash``."""
    reason: str = ""
    weak: bool = False
    """Whether it passed with the remark that the evidence is weak."""

    @property
    def accepted(self) -> bool:
        """Whether the model would have been written without any further word of the user."""
        return self.state == "passed"


@dataclass(frozen=True)
class Trial:
    """One fault at one place of one model."""

    kind: Kind
    example: str
    site: int
    effect: Effect
    verdict: Verdict

    @property
    def missed(self) -> bool:
        """Whether a changed model was accepted."""
        return self.effect.changed and self.verdict.accepted


@cache
def source_of(example: Example) -> ir.Model:
    """The model of an example with its shapes inferred; clone it before an edit."""
    model = from_bytes(example.proto().SerializeToString())
    infer_shapes(model)
    return model


def trials(
    examples: Iterable[Example],
    kinds: Sequence[Kind],
    *,
    sites: int | None = None,
    mode: Mode = Mode.FULL,
) -> Iterator[Trial]:
    """Every kind at up to ``sites`` places (the example's own number by default) of every model."""
    for example in examples:
        judge = Judge(source_of(example), mode)
        for kind in kinds:
            for site in spread(kind.sites(source_of(example)), sites or example.sites):
                item = kind.make(site)
                effect = measure(example, item, kind.contract)
                if effect is None:
                    continue
                yield Trial(kind, example.name, site, effect, judge.verdict(item))


def measure(example: Example, item: Pass, contract: Contract) -> Effect | None:
    """What a pass really does to the outputs; ``None`` when it does not apply after all."""
    after = after_of(example, item)
    if after is None or isinstance(after, Effect):
        return after
    rtol = RTOL
    if isinstance(contract, Close) and contract.rtol is not None:
        rtol = contract.rtol
    exact = not isinstance(contract, Close)
    return truth_of(example.name).effect(after, exact=exact, rtol=rtol)


def after_of(example: Example, item: Pass) -> onnx.ModelProto | Effect | None:
    """The model that a pass leaves, or that none can be written; ``None`` when nothing matched."""
    result = item.run(source_of(example).clone(), PassContext())
    if not result.rewrites and isinstance(item, RewritePass):
        return None
    try:
        return to_proto(result.model, weights=True)
    except (GraphfixError, ValueError) as error:
        return Effect(math.inf, why=f"cannot be written: {error}", share=1.0)


def spread(found: Sequence[int], count: int) -> list[int]:
    """At most ``count`` of ``found``, from the first to the last; one alone from the middle."""
    if len(found) <= count:
        return list(found)
    if count == 1:
        return [found[len(found) // 2]]
    return [found[round(k * (len(found) - 1) / (count - 1))] for k in range(count)]


class Judge:
    """Verifies pipelines on one model."""

    def __init__(self, source: ir.Model, mode: Mode) -> None:
        self.source = source
        self.mode = mode
        self._started: Verifier | None = None

    def verdict(self, *passes: Pass) -> Verdict:
        """What the manager makes of a pipeline of these passes."""
        numerics = self._numerics()
        looks = [CheckStructure(), numerics]
        outcome = PassManager(Pipeline(passes), instrumentations=looks).run(self.source.clone)
        return _verdict(outcome, numerics)

    def _numerics(self) -> VerifyNumerics:
        """A fresh verifier; where it may be copied, the original is run only once."""
        if self.mode is Mode.REGION:
            return VerifyNumerics(RegionVerifier())
        if self._started is None:
            self._started = Verifier()
            self._started.start(self.source.clone())
        return _Started(copy.copy(self._started))


class _Started(VerifyNumerics):
    """With a verifier that has run the original already."""

    def start(self, model: ir.Model) -> None:
        """Nothing is left to do."""


def _verdict(outcome: Outcome, numerics: VerifyNumerics) -> Verdict:
    if outcome.failures:
        error = outcome.failures[0].error
        state = "structure" if isinstance(error, StructureError) else "numbers"
        return Verdict(state, str(error))
    if outcome.rejected is not None:
        return Verdict("numbers", str(outcome.rejected))
    verifications = [*numerics.steps.values()]
    if numerics.final is not None:
        verifications.append(numerics.final)
    for one in verifications:
        if one.status is not Status.PASSED:
            return Verdict("unverified", one.reason)
    reasons = "; ".join(dict.fromkeys(one.reason for one in verifications if one.reason))
    return Verdict("passed", reasons, weak="weak evidence" in reasons)
