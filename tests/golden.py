"""Golden files of passes: Markdown that is the test and the documentation at once.

``## Title`` starts a case; then prose, a block ``onnx before``, and ``onnx after`` (ONNX text) or
``ops after`` (how many of each operator), both written by ``--update-golden``. A ``toml`` block may
say more:

``pipeline``         what to run; the pass with its defaults otherwise
``feeds.<input>``    ``{ low = , high = }`` or ``{ values = [] }``
``dims.<name>``      sizes to try for a symbolic dim
``skips``            reasons the passes give, in order
``error``            the message the pipeline fails with
``unverified``       why the numbers cannot be compared
``bridge``           true when the pass needs a foreign tool: such cases run in ``tests/bridges``

A case with skips or an error and no ``after`` must leave the graph as it was; there are no numbers
to compare then.
"""

import difflib
import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import onnx_ir as ir

from graphfix.manager import PassManager
from graphfix.model import from_text, to_text
from graphfix.pipeline import Pipeline, parse
from graphfix.plugins import Registry, load_registry
from graphfix.rewrite import PassContext, SkipRecord
from graphfix.spec import InputSpec
from graphfix.verify import Status, Verifier, structure
from graphfix_passes import PLUGIN

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_BLOCK = re.compile(r"^```(onnx before|onnx after|ops after|toml)\n(.*?)^```$", re.DOTALL | re.M)
_TITLE = re.compile(r"^## (.+)$", re.M)
_KEYS = {"pipeline", "feeds", "dims", "skips", "error", "unverified", "bridge"}


class GoldenError(AssertionError):
    """A case does not hold, or a golden file is not well formed."""


@dataclass(frozen=True)
class Case:
    """One heading of a golden file."""

    file: Path
    title: str
    before: str
    after: str | None = None
    """Expected ONNX text; empty when it is still to be written."""
    ops: str | None = None
    """Expected operator counts, one ``Op count`` per line."""
    pipeline: str = ""
    feeds: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    dims: Mapping[str, Sequence[int]] = field(default_factory=dict)
    skips: tuple[str, ...] = ()
    error: str = ""
    unverified: str = ""
    bridge: bool = False

    @property
    def rewrites(self) -> bool:
        """Whether the case shows a rewrite."""
        return self.after is not None or self.ops is not None

    @property
    def name(self) -> str:
        """Readable id of the test."""
        words = re.sub(r"[^\w.=-]+", "-", self.title).strip("-")
        return f"{self.file.stem}-{words}"


def registry() -> Registry:
    """The registered passes, the checkout's own among them even when it is not installed."""
    return load_registry(also={"graphfix-passes": PLUGIN})


def file_of(name: str) -> str:
    """The golden file of a pass; passes of one family share one."""
    return f"{name.partition(':')[0]}.md"


def read(file: Path) -> tuple[Case, ...]:
    """The cases of a golden file.

    Raises:
        GoldenError: two cases share a title, a case has no ``before``, or a key is unknown.
    """
    text = file.read_text(encoding="utf-8")
    cases = []
    for title, body in _sections(text):
        blocks: dict[str, str] = {}
        for kind, content in _BLOCK.findall(body):
            if kind in blocks:
                raise GoldenError(f"{file.name}: {title!r} has two blocks {kind!r}")
            blocks[kind] = content
        if body.count("```") != 2 * len(blocks):
            raise GoldenError(f"{file.name}: {title!r} has a block of an unknown kind")
        if "onnx before" not in blocks:
            raise GoldenError(f"{file.name}: {title!r} has no block 'onnx before'")
        options = tomllib.loads(blocks.get("toml", ""))
        if unknown := set(options) - _KEYS:
            raise GoldenError(f"{file.name}: {title!r} has unknown keys {sorted(unknown)}")
        options["skips"] = tuple(options.get("skips", ()))
        options.setdefault("pipeline", file.stem)
        cases.append(
            Case(
                file,
                title,
                blocks["onnx before"],
                blocks.get("onnx after"),
                blocks.get("ops after"),
                **options,
            )
        )
    twice = [title for title, n in Counter(case.title for case in cases).items() if n > 1]
    if twice:
        raise GoldenError(f"{file.name}: two cases are called {twice[0]!r}")
    return tuple(cases)


def run(case: Case, *, update: bool = False) -> None:
    """Hold a case: graph, skips or error, structure, numbers, and that a second run does nothing.

    ``update`` writes the graph into the file instead of comparing with it.

    Raises:
        GoldenError: something does not hold; the message shows the difference.
    """
    before = load(case)
    structure(before)
    pipeline = parse(case.pipeline, registry())
    if case.error:
        _hold_error(case, pipeline)
        return
    model, skips, verified = _apply(case, pipeline)
    structure(model)
    reasons = tuple(skip.reason for skip in skips)
    if reasons != case.skips:
        raise GoldenError(f"skips differ:\n{_difference(case.skips, reasons)}")
    text, ops = to_text(model), count_ops(model)
    if update:
        _write(case, text, ops)
    else:
        _hold_graph(case, text, ops)
    if verified != case.unverified and text != to_text(load(case)):
        raise GoldenError(f"the numbers: {verified or 'verified, although they should not be'}")
    again, _, _ = _apply(case, pipeline, model=from_text(text), verify=False)
    if to_text(again) != to_text(from_text(text)):
        raise GoldenError(
            "a second run changes the graph again:\n"
            + _difference(text.splitlines(), to_text(again).splitlines())
        )


def count_ops(model: ir.Model) -> str:
    """How many nodes of each operator, subgraphs included; one ``Op count`` per line, sorted."""
    names = [f"{n.domain}::{n.op_type}" if n.domain else n.op_type for n in _nodes(model)]
    return "".join(f"{name} {count}\n" for name, count in sorted(Counter(names).items()))


def _nodes(model: ir.Model) -> list[ir.Node]:
    found = list(model.graph.all_nodes())
    for function in model.functions.values():
        found += list(function.all_nodes())
    return found


def _sections(text: str) -> list[tuple[str, str]]:
    starts = list(_TITLE.finditer(text))
    ends = [match.start() for match in starts[1:]] + [len(text)]
    return [
        (match[1].strip(), text[match.end() : end]) for match, end in zip(starts, ends, strict=True)
    ]


def load(case: Case) -> ir.Model:
    """The model before, anew."""
    return from_text(case.before)


def specs(case: Case) -> list[InputSpec]:
    """What the case says about the inputs."""
    return [
        InputSpec(name, low=f.get("low"), high=f.get("high"), values=_tuple(f.get("values")))
        for name, f in case.feeds.items()
    ]


def _apply(
    case: Case, pipeline: Pipeline, *, model: ir.Model | None = None, verify: bool = True
) -> tuple[ir.Model, tuple[SkipRecord, ...], str]:
    """Run the passes one by one; the last value says why the numbers are not verified."""
    model = model or load(case)
    verifier = Verifier(specs=specs(case), dims=case.dims)
    if verify:
        verifier.start(model)
    skips: list[SkipRecord] = []
    problems: list[str] = []
    for index, item in enumerate(pipeline.passes):
        result = item.run(model, PassContext())
        skips += result.skips
        if verify:
            done = pipeline.passes[:index]
            verdict = verifier.check(result, before=partial(_replay, case, done))
            if verdict.status is Status.FAILED:
                raise GoldenError(f"{item.name}: {verdict.reason}")
            problems += [] if verdict.passed else [verdict.reason]
        model = result.model
    if verify:
        final = verifier.finish(model)
        if final.status is Status.FAILED:
            raise GoldenError(f"the whole pipeline: {final.reason}")
        problems += [] if final.passed else [final.reason]
    return model, tuple(skips), problems[0] if problems else ""


def _tuple(values: Sequence[Any] | None) -> tuple[Any, ...] | None:
    return None if values is None else tuple(values)


def _replay(case: Case, passes: Sequence[Any]) -> ir.Model:
    model = load(case)
    for item in passes:
        model = item.run(model, PassContext()).model
    return model


def _hold_error(case: Case, pipeline: Pipeline) -> None:
    outcome = PassManager(pipeline).run(lambda: load(case))
    found = str(outcome.failures[0].error) if outcome.failures else ""
    expected = {case.error, *(f"{item.name}: {case.error}" for item in pipeline.passes)}
    if found not in expected:
        raise GoldenError(f"expected the error\n  {case.error}\nbut got\n  {found or 'none'}")
    if to_text(outcome.model) != to_text(load(case)):
        raise GoldenError("the failed pass left its traces in the graph")


def _hold_graph(case: Case, text: str, ops: str) -> None:
    if not case.rewrites:
        unchanged = to_text(load(case))
        if text != unchanged:
            difference = _difference(unchanged.splitlines(), text.splitlines())
            raise GoldenError(f"the graph changes; give it a block 'onnx after':\n{difference}")
        return
    expected, found = (case.ops, ops) if case.after is None else (case.after, text)
    if (expected or "").strip() != found.strip():
        difference = _difference((expected or "").splitlines(), found.splitlines())
        raise GoldenError(
            f"the graph is not the one in {case.file.name} (if it is better, run pytest "
            f"tests/test_golden.py --update-golden and read it):\n{difference}"
        )


def _difference(expected: Sequence[str], found: Sequence[str]) -> str:
    lines = difflib.unified_diff(list(expected), list(found), "expected", "found", lineterm="")
    return "\n".join(lines)


def _write(case: Case, text: str, ops: str) -> None:
    """Put the graph into its block; a case that has none gets one when the graph changes."""
    whole = case.file.read_text(encoding="utf-8")
    (body,) = [body for title, body in _sections(whole) if title == case.title]
    if case.ops is not None:
        new = _replace(body, "ops after", ops)
    elif case.after is not None:
        new = _replace(body, "onnx after", text)
    elif text == to_text(load(case)):
        return
    else:
        end = next(m.end() for m in _BLOCK.finditer(body) if m[1] == "onnx before")
        new = f"{body[:end]}\n\n```onnx after\n{text.strip()}\n```{body[end:]}"
    if new != body:
        case.file.write_text(whole.replace(body, new), encoding="utf-8")


def _replace(body: str, kind: str, content: str) -> str:
    (match,) = [match for match in _BLOCK.finditer(body) if match[1] == kind]
    return f"{body[: match.start(2)]}{content.strip()}\n{body[match.end(2) :]}"
