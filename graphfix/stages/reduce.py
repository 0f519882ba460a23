"""Shrink a model on which a pipeline fails to a small one on which it fails in the same way."""

import json
import shlex
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from graphfix.errors import ModelError, ToolError, UsageError
from graphfix.model import infer_shapes, load, save
from graphfix.pipeline import Pipeline
from graphfix.reduction import Budget, Case, Cutter, reduce_nodes, shrink_sizes
from graphfix.sandbox import Ending, Outcome, run_isolated, signal_name
from graphfix.stages import reduce_child
from graphfix.stages.apply import DEFAULT_MODE
from graphfix.stages.failure import WHOLE, Failure, Settings, Unusable, attempt
from graphfix.verify import FeedSet, Mode, load_data, model_inputs
from graphfix.verify.evaluate import evaluate
from graphfix.verify.reproducer import save_feeds

SCHEMA = 1
"""Version of the JSON report; raised when a key changes its meaning or goes away."""

_MEMORY = 16384
"""MiB that a child process may use."""
_SLOWEST = 20.0
"""A child may take this many times what the first one took, before it counts as hanging."""


@dataclass(frozen=True)
class ReduceRequest:
    """What to do. ``output=None`` means beside the input, as ``<stem>.reduced.onnx``."""

    model: Path
    pipeline: Pipeline
    output: Path | None = None
    shapes: Sequence[str] = ()
    data: Path | None = None
    seed: int = 0
    rtol: float | None = None
    atol: float | None = None
    verify: Mode = DEFAULT_MODE
    seconds: float = 120.0
    """Time for trying, without the first run of the whole model."""
    tries: int = 1000
    isolate: bool = False
    """Try every model in a process of its own; always so when the first one crashes."""
    plugins: Sequence[Path] = ()
    """Plugin files that were loaded."""
    bundled: Sequence[str] = ()
    """Names of plugins that are imported although they are not installed."""

    @property
    def target(self) -> Path:
        """The file that is written."""
        return self.output or self.model.with_name(f"{self.model.stem}.reduced.onnx")


@dataclass(frozen=True)
class ReduceReport:
    """How far the model could be shrunk; ``failure`` is ``None`` when nothing fails."""

    source: Path
    pipeline: str
    failure: Failure | None
    nodes: tuple[int, int]
    """In the model given and in the one that is written."""
    tries: int
    seconds: float
    written: tuple[Path, ...] = ()
    command: str = ""
    """What fails in the same way."""
    complete: bool = True
    """Whether the search came to its end; otherwise time or tries ran out."""

    def to_dict(self) -> dict[str, object]:
        """For JSON."""
        failure = self.failure
        return {
            "schema": SCHEMA,
            "fails": failure is not None,
            "source": str(self.source),
            "pipeline": self.pipeline,
            "pass": failure.item if failure else None,
            "kind": failure.kind if failure else None,
            "error": failure.message if failure else None,
            "nodes_before": self.nodes[0],
            "nodes_after": self.nodes[1],
            "tries": self.tries,
            "complete": self.complete,
            "seconds": round(self.seconds, 4),
            "written": [str(path) for path in self.written],
            "command": self.command,
        }


def reduce(
    request: ReduceRequest, *, progress: Callable[[str], None] = lambda text: None
) -> ReduceReport:
    """Find a small model that fails as the whole one does, and write it with its feeds.

    Raises:
        UsageError: a file or an option of the request is wrong.
        ModelError: the model cannot be read or the result not be written.
        ToolError: the first run ended without an answer for a reason that is not the model.
    """
    started = time.perf_counter()
    original = load(request.model)
    if not request.target.parent.is_dir():
        raise UsageError(f"-o {request.target}: the folder {request.target.parent} does not exist")
    size = Case(original).nodes
    with tempfile.TemporaryDirectory(prefix="graphfix-reduce-") as folder:
        progress("running the whole model")
        first = _Child(request, Path(folder), timeout=max(600.0, request.seconds))
        failure = first.run(request.model, request.pipeline, _settings(request), keep=True)
        if failure is None:
            seconds = time.perf_counter() - started
            text = str(request.pipeline)
            return ReduceReport(request.model, text, None, (size, size), 0, seconds)
        budget = Budget(request.seconds, request.tries, progress)
        pair = _Pair.found(request, first, failure)
        case = _shrunk(pair, budget, first.places)
        written, command = _write(request, pair, case)
    return ReduceReport(
        request.model,
        str(pair.pipeline),
        replace(failure, message=failure.message.splitlines()[0]),
        (size, case.nodes),
        budget.spent,
        time.perf_counter() - started,
        written,
        command,
        complete=not budget.over,
    )


def _settings(request: ReduceRequest) -> Settings:
    return Settings(
        request.verify, request.shapes, request.data, request.seed, request.rtol, request.atol
    )


@dataclass(frozen=True)
class _Pair:
    """The model and pipeline that are shrunk, and how to see whether they still fail."""

    case: Case
    pipeline: Pipeline
    settings: Settings
    failure: Failure
    child: "_Child | None"
    """Tries every case in a process of its own."""
    folder: Path

    @classmethod
    def found(cls, request: ReduceRequest, first: "_Child", failure: Failure) -> "_Pair":
        """The failing pass alone on the model before it where that fails too, else everything."""
        settings = replace(_settings(request), data=None)
        child = first if request.isolate or first.crashed else None
        whole = Case(load(request.model))
        pairs = []
        if failure.item != WHOLE:
            alone = Pipeline((request.pipeline.passes[failure.index],))
            before = first.before()
            pairs += [(case, alone) for case in (before, whole) if case is not None]
        if failure.item == WHOLE and (before := first.before()) is not None:
            pairs.append((before, request.pipeline))
        if request.data is not None and not first.crashed:
            pairs.append((_with_data(whole, request.data), request.pipeline))
        pairs.append((whole, request.pipeline))
        for case, pipeline in pairs:
            pair = cls(case, pipeline, settings, failure, child, first.folder)
            if pair.fails(case):
                return pair
        raise ToolError(
            f"{failure.item}: the failure does not come again: {failure.message.splitlines()[0]}"
        )

    def fails(self, case: Case) -> bool:
        """Whether the pipeline fails on ``case`` in the same way."""
        return self.failure.like(self.failure_on(case))

    def failure_on(self, case: Case) -> Failure | None:
        """How the pipeline fails on ``case``."""
        settings = self._settings(case)
        try:
            if self.child is None:
                return attempt(case.model.clone, self.pipeline, settings).failure
            path = self.folder / "case.onnx"
            save(case.model, path)
        except Unusable:
            return None
        return self.child.run(path, self.pipeline, settings)

    def _settings(self, case: Case) -> Settings:
        inputs = {value.name for value in case.model.graph.inputs}
        shapes = [text for text in self.settings.shapes if text.rpartition(":")[0] in inputs]
        if not case.feed:
            return replace(self.settings, shapes=shapes)
        data = self.folder / "case.npz"
        save_feeds(data, FeedSet("case", case.feed))
        return replace(self.settings, shapes=(), data=data)

    def values(self, names: Sequence[str]) -> Mapping[str, Any] | None:
        """Values inside the model on its feed."""
        assert self.case.feed is not None
        feeds = (FeedSet("case", self.case.feed),)
        (run,) = evaluate(self.case.model, feeds, extra=names).runs
        return None if run is None else {name: run[name] for name in names}


def _with_data(whole: Case, data: Path) -> Case:
    samples = load_data(data, model_inputs(whole.model))
    return Case(whole.model, samples[0].feed)


def _shrunk(pair: _Pair, budget: Budget, places: Sequence[Sequence[str]]) -> Case:
    """The smallest case found.

    Rewrites are judged by themselves while searching, where that shows the failure: it costs a
    fraction of comparing whole models.
    """
    with suppress(ModelError):
        infer_shapes(pair.case.model)
    quick = replace(pair, settings=replace(pair.settings, mode=Mode.REGION))
    if pair.settings.mode is Mode.FULL and quick.fails(pair.case):
        case = _search(quick, budget, places)
        if pair.fails(case):
            return case
    return _search(pair, budget, places)


def _search(pair: _Pair, budget: Budget, places: Sequence[Sequence[str]]) -> Case:
    case = reduce_nodes(Cutter(pair.case, pair.values), pair.fails, budget, places)
    case = shrink_sizes(case, pair.fails, budget)
    if pair.child is None and case.nodes < pair.case.nodes:
        again = replace(pair, case=case)
        with suppress(ModelError):
            infer_shapes(case.model)
        case = reduce_nodes(Cutter(case, again.values), again.fails, budget)
    return case


def _write(request: ReduceRequest, pair: _Pair, case: Case) -> tuple[tuple[Path, ...], str]:
    """Save model and feeds; the command that shows the failure."""
    target = request.target
    case.model.metadata_props.clear()
    case.model.doc_string = None
    written = list(save(case.model, target))
    words = ["graphfix", "apply", str(target), "--passes", str(pair.pipeline)]
    if case.feed:
        data = target.with_suffix(".npz")
        save_feeds(data, FeedSet("reduced", case.feed))
        written.append(data)
        words += ["--data", str(data)]
    elif request.seed:
        words += ["--seed", str(request.seed)]
    for path in request.plugins:
        words += ["--plugin", str(path)]
    if request.verify is not DEFAULT_MODE:
        words += ["--verify", request.verify.value]
    for name, value in (("--rtol", request.rtol), ("--atol", request.atol)):
        if value is not None:
            words += [name, f"{value:g}"]
    return tuple(written), shlex.join(words)


class _Child:
    """Runs pipelines in a process of its own, which may crash."""

    def __init__(self, request: ReduceRequest, folder: Path, *, timeout: float) -> None:
        self.request = request
        self.folder = folder
        self.timeout = timeout
        self.crashed = False
        """Whether the first run ended without an answer."""
        self.places: tuple[tuple[str, ...], ...] = ()
        """What each rewrite of the failing pass made in the first run."""
        self._first = True

    def run(
        self, model: Path, pipeline: Pipeline, settings: Settings, *, keep: bool = False
    ) -> Failure | None:
        """How the pipeline fails on a model file.

        Raises:
            ToolError: the first run ended with an error of ours.
        """
        for name in (reduce_child.ANSWER, reduce_child.RUNNING):
            (self.folder / name).unlink(missing_ok=True)
        outcome = run_isolated(
            str(reduce_child.__file__),
            [json.dumps(self._request(model, pipeline, settings, keep))],
            folder=self.folder,
            timeout=self.timeout,
            memory=_MEMORY,
        )
        failure = self._failure(outcome)
        if self._first:
            self._first = False
            self.timeout = max(30.0, _SLOWEST * outcome.seconds)
        return failure

    def _request(
        self, model: Path, pipeline: Pipeline, settings: Settings, keep: bool
    ) -> dict[str, object]:
        return {
            "model": str(model.resolve()),
            "pipeline": str(pipeline),
            "plugins": [str(path.resolve()) for path in self.request.plugins],
            "bundled": list(self.request.bundled),
            "mode": settings.mode.value,
            "shapes": list(settings.shapes),
            "data": str(settings.data.resolve()) if settings.data else None,
            "seed": settings.seed,
            "rtol": settings.rtol,
            "atol": settings.atol,
            "keep": keep,
        }

    def _failure(self, outcome: Outcome) -> Failure | None:
        answer = self.folder / reduce_child.ANSWER
        if outcome.ending is Ending.DONE and answer.exists():
            told = json.loads(answer.read_text(encoding="utf-8"))
            if self._first:
                self.places = tuple(map(tuple, told["places"]))
            return None if told["failure"] is None else Failure(**told["failure"])
        running = self.folder / reduce_child.RUNNING
        if outcome.ending is Ending.FAILED or not running.exists():
            if not self._first:
                return None
            raise ToolError(
                f"the pipeline could not be run on {self.request.model}:\n{outcome.last_lines()}"
            )
        self.crashed = self.crashed or self._first
        index, name = running.read_text(encoding="utf-8").split(" ", 1)
        kind = {
            Ending.CRASHED: f"killed by {signal_name(outcome.status)}",
            Ending.TIMEOUT: "out of time",
            Ending.MEMORY: "out of memory",
        }[outcome.ending]
        return Failure(name, kind, f"{name}: the process was {kind}", int(index))

    def before(self) -> Case | None:
        """The model before the pass that fails, with the feeds that show it."""
        path, data = self.folder / reduce_child.BEFORE, self.folder / reduce_child.FEEDS
        if not path.exists():
            return None
        model = load(path)
        if not data.exists():
            return Case(model)
        return _with_data(Case(model), data)
