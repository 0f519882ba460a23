"""No built-in pass harms a model of onnx's own corpus.

Every pass runs with its defaults, and with the options of ``ALSO``, on every model that has one of
its operators. It may refuse with a ``PassError``. Otherwise the result must be a valid model that
computes the same within the contract of the pass, on the inputs that the corpus brings along, and a
second run must change nothing.

Models with the same operators resemble each other, so that a pass usually sees only one of them,
and of those evenly spread ones; ``--whole-corpus`` takes all, and long.
"""

from collections.abc import Iterator, Sequence
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

from graphfix.contract import Exact
from graphfix.errors import PassCrash, PassError, StructureError, UsageError
from graphfix.model import from_bytes, to_text
from graphfix.pipeline import parse
from graphfix.rewrite import Pass, PassContext, PassResult, RewritePass, Rewriter
from graphfix.verify import Status, Verifier, problems, structure
from tests import golden
from tests.test_corpus_roundtrip import _numpy, corpus

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.filterwarnings("ignore"),  # the corpus divides by zero and overflows on purpose
]

ALSO = {
    "gelu": ("gelu", "gelu{mode=restore}"),
    "groupnorm": ("groupnorm", "groupnorm{mode=restore}"),
    "hardswish": ("hardswish", "hardswish{mode=restore}"),
    "instancenorm": tuple(
        f"instancenorm{{mode={mode}}}" for mode in ("decompose", "lift", "layernorm", "restore")
    ),
    "int64-to-int32": ("int64-to-int32", "int64-to-int32{proven}"),
    "layernorm": ("layernorm", "layernorm{mode=restore}"),
    "mish": ("mish", "mish{mode=restore}"),
    "opset": ("opset{to=13}", "opset{to=17}", "opset{to=22}"),
    "prelu-slope": ("prelu-slope", "prelu-slope{decompose}"),
    "qkv-split": ("qkv-split", "qkv-split{mode=merge}"),
    "rnn-reverse": ("rnn-reverse", "rnn-reverse{mode=slice}"),
    "rnn-unroll": ("rnn-unroll", "rnn-unroll{select='op=GRU|LSTM|RNN'}"),
}
"""Passes that do nothing by default, or do something else with an option."""
SETS_OF_THEIR_OWN = {
    "auto-optimizer": "it needs a tool that nothing installs by itself",
    "cast-insert": "it needs a selection, and onnxruntime has not every operator in every type",
    "dynamic-shape": "its option names inputs of the model",
    "out-nodes": "its option names values of the model",
    "sim": "it is a program of its own, of some seconds for each model",
}
NEWEST_OPSET = 26
"""The newest that onnxruntime runs; the corpus has drafts of later ones."""
MOST = 40
"""Models of the sample for one pass."""
MOST_OF_OTHERS = 10
"""The same for passes of other projects, such as ``ir:inline``."""
CLASSICS = "model/light_"
"""Whole networks that compute their weights; running one takes as long as the rest."""


class Model:
    """A model of the corpus, made anew whenever it is asked for."""

    def __init__(self, name: str, data: bytes, feeds: list[Any] | None) -> None:
        self.name, self.data, self.feeds = name, data, feeds
        self.original = self.load()
        nodes = [*self.original.graph.all_nodes()]
        for function in self.original.functions.values():
            nodes += function.all_nodes()
        self.ops = frozenset(node.op_type for node in nodes)
        self.opset = self.original.opset_imports.get("", 1)

    @cached_property
    def text(self) -> str:
        return to_text(self.original)

    def load(self) -> ir.Model:
        return from_bytes(self.data)

    def verifier(self, folder: Path) -> Verifier:
        """One that has run the original, on the inputs of the corpus if they can be stored."""
        if self.feeds:
            path = folder / "feeds.npz"
            inputs = self.original.graph.inputs
            arrays = {
                str(value.name): _numpy(feed)
                for value, feed in zip(inputs, self.feeds, strict=False)
            }
            try:
                np.savez(path, allow_pickle=False, **arrays)
                verifier = Verifier(data=path)
                verifier.start(self.load())
                return verifier
            except (UsageError, ValueError):
                pass  # sequences, and types that numpy has not
        verifier = Verifier()
        verifier.start(self.load())
        return verifier


@cache
def models() -> tuple[Model, ...]:
    cases = {name: case for name, case in corpus().items() if not name.startswith(CLASSICS)}
    found = (Model(name, *case) for name, case in cases.items())
    return tuple(model for model in found if model.opset <= NEWEST_OPSET)


def passes() -> Iterator[tuple[str, Pass]]:
    registry = golden.registry()
    for name in registry.names():
        if name not in SETS_OF_THEIR_OWN:
            for text in ALSO.get(name, (name,)):
                (item,) = parse(text, registry).passes
                yield text, item


def concerned(item: Pass, *, whole: bool) -> Sequence[Model]:
    """The models that have an operator of the pass: all, or evenly spread ones that differ."""
    ops = getattr(item, "match_ops", ())
    found = [model for model in models() if not ops or not model.ops.isdisjoint(ops)]
    if whole:
        return found
    different = list({model.ops: model for model in reversed(found)}.values())[::-1]
    most = MOST_OF_OTHERS if ":" in item.name else MOST
    return different[:: -(-len(different) // most) or 1]


def faults(item: Pass, model: Model, folder: Path) -> Iterator[str]:
    try:
        result = item.run(model.load(), PassContext())
    except PassCrash as error:
        yield f"crashes: {error}"
        return
    except PassError:
        return
    text = to_text(result.model)
    if text == model.text:
        return
    if not result.rewrites and not result.notes:
        yield "changes the model and says nothing"
    try:
        structure(result.model, known=problems(model.load()))
    except StructureError as error:
        yield str(error)
    yield from numbers(result, model, folder)
    if to_text(item.run(result.model, PassContext()).model) != text:
        yield "a second run changes something"


def numbers(result: PassResult, model: Model, folder: Path) -> Iterator[str]:
    verification = model.verifier(folder).check(result, before=partial(model.load))
    if verification.status is Status.FAILED:
        yield verification.reason


class Harm(RewritePass):
    """What a pass must not do; the tests below are tested with it."""

    name = "harm"
    match_ops = ("Relu",)
    contract = Exact()


class OtherNumbers(Harm):
    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value:
        return rw.op("Abs", node.inputs[0])


class NeverDone(Harm):
    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value:
        return rw.op("Relu", rw.op("Identity", node.inputs[0]))


class OtherType(Harm):
    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value:
        return rw.op("Not", node.inputs[0])


class Crashes(Harm):
    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value:
        raise PassCrash("harm: gone")


@pytest.mark.parametrize(
    ("item", "fault"),
    [
        (OtherNumbers(), "output 'y': max |diff|"),
        (NeverDone(), "a second run changes something"),
        (OtherType(), "types or shapes contradict each other"),
        (Crashes(), "crashes: harm: gone"),
    ],
    ids=lambda item: type(item).__name__,
)
def test_harm_is_seen(item: Pass, fault: str, tmp_path: Path) -> None:
    (model,) = (model for model in models() if model.name == "node/test_relu")
    assert any(fault in found for found in faults(item, model, tmp_path))


@pytest.mark.parametrize(("text", "item"), list(passes()), ids=[text for text, _ in passes()])
def test_a_pass_does_no_harm(text: str, item: Pass, tmp_path: Path, whole_corpus: bool) -> None:
    found = []
    for model in concerned(item, whole=whole_corpus):
        try:
            found += [f"{model.name}: {fault}" for fault in faults(item, model, tmp_path)]
        except Exception as error:
            raise AssertionError(f"{text} raises on {model.name}") from error
    assert not found, "\n".join(found)
