"""A stretch of the pipeline whose rewrites are judged one by one, after its passes have run.

The model at its end, whose outputs are wanted anyway, is run with what the sites read as further
outputs. A site is judged by what it makes of its inputs, so it does not matter whether these come
from before or after other rewrites. Where the model at the end has lost a value, or does not run,
the one at the start is run. What only existed in between comes from running the site that made it.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx_ir as ir

from graphfix.contract import Contract, Interface, Replaces
from graphfix.errors import UsageError
from graphfix.rewrite.records import PassResult, Rewrite
from graphfix.runners.onnxruntime import NotRunnable, Session
from graphfix.verify.blame import Again
from graphfix.verify.comparer import Columns
from graphfix.verify.evaluate import one_line, select
from graphfix.verify.feeds import FeedSet
from graphfix.verify.ranges import narrowed
from graphfix.verify.regions.judge import SiteVerdict, judge
from graphfix.verify.regions.merge import as_one, drop_inner, groups
from graphfix.verify.regions.site_run import SiteRun, run_sites
from graphfix.verify.regions.store import ValueStore
from graphfix.verify.state import Source


@dataclass(frozen=True)
class Deferred:
    """A pass that has run and is not judged yet."""

    index: int
    result: PassResult
    before: Source
    again: Again


@dataclass
class PassRun:
    """What became of the sites of one pass."""

    deferred: Deferred
    verdicts: list[SiteVerdict] = field(default_factory=list)
    problem: str = ""
    """Why not all of its sites could be run by themselves, so that the whole model must be."""
    seconds: float = 0.0


@dataclass
class Stretch:
    """Passes in a row that wait for their verdicts."""

    passes: Sequence[Deferred]
    feeds: Sequence[FeedSet]
    arithmetic: np.dtype[Any] | None
    """The coarsest float narrower than 32 bits that the first model computes in."""
    seed: int
    outputs: Columns | None = None
    """What the model at the end makes, when it was run and ran."""

    def judge(self, end: ir.Model) -> list[PassRun]:
        """Judge the sites of the passes in order, up to the first pass with a failure."""
        runs = self._judge(end, steady=True)
        if any(run.problem for run in runs):
            outputs = self.outputs
            runs = self._judge(self.passes[0].before(), steady=False)
            self.outputs = outputs
        return runs

    def _judge(self, model: ir.Model, *, steady: bool) -> list[PassRun]:
        """``steady`` refuses borders that change shape or dtype: they look alike at the end."""
        started = time.perf_counter()
        store = ValueStore()
        runs = [PassRun(item) for item in self.passes]
        try:
            sites, wanted = _locate(runs, model, steady=steady)
            if any(run.problem for run in runs):
                return runs
            if steady:
                made = _mark_in_end([site for own in sites for site in own], model)
                wanted = tuple(dict.fromkeys((*wanted, *made)))
            problems, self.outputs = run_model(model, wanted, self.feeds, store)
            shared = (time.perf_counter() - started) / len(runs)
            for run, own in zip(runs, sites, strict=True):
                started = time.perf_counter()
                keys = [key for site in own for key in site.keys.values()]
                keys += [new for site in own if site.in_end for _, new in site.site.pairs]
                run.problem = next((problems[key] for key in keys if key in problems), "")
                if not run.problem:
                    run_waves(own, store, len(self.feeds))
                    if steady and any(site.reformed for site in own):
                        run.problem = "a border has changed its shape or dtype"
                        continue
                    _judge_pass(run, own, self.feeds, store, self.arithmetic, self.seed)
                run.seconds = shared + time.perf_counter() - started
                if any(verdict.failure for verdict in run.verdicts):
                    break
        finally:
            store.close()
        return runs


def why_not(result: PassResult) -> str:
    """Why the sites of a pass cannot be judged one by one; empty when they can be."""
    if not result.observed:
        return "the pass does not make all its changes through a rewriter"
    if isinstance(result.contract, (Interface, Replaces)):
        return "its contract is about the whole model"
    if narrowed(result):
        return "it narrows integers, which are looked at in the whole model"
    for rewrite in result.rewrites:
        if rewrite.site is None or isinstance(rewrite.contract, (Interface, Replaces)):
            return f"the rewrite of {rewrite.node!r} cannot be looked at by itself"
        if rewrite.site.unsuitable:
            return f"the rewrite of {rewrite.node!r} cannot be cut out: {rewrite.site.unsuitable}"
    return ""


def contract_of(rewrite: Rewrite, result: PassResult) -> Contract:
    """What holds for one rewrite: its own promise, or the pass's."""
    return rewrite.contract or result.contract


def _locate(
    runs: Sequence[PassRun], model: ir.Model, *, steady: bool
) -> tuple[list[list[SiteRun]], tuple[str, ...]]:
    """Find out where every site gets its inputs from; the names are what ``model`` must give.

    A name that became free may have been given to a new value. ``steady`` (the model at the end)
    refuses that; otherwise the new value counts from then on.
    """
    known = {out.name for node in model.graph for out in node.outputs}
    known |= {value.name for value in model.graph.inputs}
    known |= {value.name for value in model.graph.initializers.values()}
    maker: dict[str, SiteRun] = {}
    fresh: set[str] = set()
    wanted: dict[str, None] = {}
    found: list[list[SiteRun]] = []
    number = 0
    for run in runs:
        own: list[SiteRun] = []
        for rewrite in run.deferred.result.rewrites:
            assert rewrite.site is not None
            contract = contract_of(rewrite, run.deferred.result)
            site = SiteRun(number, (rewrite,), rewrite.site, contract)
            number += 1
            keys: dict[str, str] = {}
            for name in rewrite.site.reads:
                if name in known and (steady or name not in fresh):
                    keys[name] = name
                    wanted[name] = None
                elif name in maker:
                    keys[name] = f"{maker[name].number}:{name}"
                    maker[name].extra = tuple(dict.fromkeys((*maker[name].extra, name)))
                else:
                    run.problem = f"nothing is known of {name!r}, which {rewrite.node!r} reads"
            site.keys = keys
            own.append(site)
            new = site.made_after - {name for _, name in site.site.pairs}
            if steady and new & fresh:
                run.problem = f"several values were called {min(new & fresh)!r}"
            fresh |= new
            maker.update(dict.fromkeys(site.made_after - known, site))
            if not steady:
                maker.update(dict.fromkeys(new, site))
        found.append(own)
    return found, tuple(wanted)


def _mark_in_end(sites: Sequence[SiteRun], end: ir.Model) -> list[str]:
    """Mark the sites whose values now can be had from the model at the end; return their names.

    Nothing of what they put in may have been touched by a later site.
    """
    known = {out.name for node in end.graph for out in node.outputs}
    touched: set[str] = set()
    removed: set[int] = set()
    found: dict[str, None] = {}
    for site in reversed(sites):
        names = {new for _, new in site.site.pairs if new in site.made_after}
        nodes = {id(item.node) for item in site.site.after}
        if not site.extra and names <= known and not names & touched and not nodes & removed:
            site.in_end = True
            found.update(dict.fromkeys(sorted(names)))
        touched |= {name for pair in site.site.pairs for name in pair}
        removed |= {id(item.node) for item in site.site.before}
    return list(found)


def run_model(
    model: ir.Model, wanted: Sequence[str], feeds: Sequence[FeedSet], store: ValueStore
) -> tuple[dict[str, str], Columns | None]:
    """Run the model on all feeds and put the wanted values into the store.

    Returns what stands against those it cannot get, and the model's outputs if it ran.
    """
    given = {value.name: value for value in model.graph.inputs}
    inner = tuple(name for name in wanted if name not in given)
    names = tuple(value.name or "" for value in model.graph.outputs)
    problems: dict[str, str] = {}
    rows: list[dict[str, Any]] = []
    try:
        session = Session(model, outputs=inner)
        for k, feed in enumerate(feeds):
            row = session.run(select(feed.feed, model))
            rows.append({name: row[name] for name in names})
            for name in wanted:
                value = row.get(name)
                if name in given:
                    value = feed.feed.get(name, _default(given[name]))
                if isinstance(value, np.ndarray):
                    store.put(name, k, value)
                else:
                    problems[name] = f"{name!r} is no tensor"
    except (NotRunnable, UsageError) as error:
        return dict.fromkeys(wanted, f"the whole does not run: {one_line(error)}"), None
    return problems, {name: tuple(row[name] for row in rows) for name in names}


def _default(value: ir.Value) -> Any:
    tensor = value.const_value
    return None if tensor is None else tensor.numpy()


def _judge_pass(
    run: PassRun,
    sites: Sequence[SiteRun],
    feeds: Sequence[FeedSet],
    store: ValueStore,
    arithmetic: np.dtype[Any] | None,
    seed: int,
) -> None:
    for group in groups(sites):
        site = group[0]
        if len(group) > 1:
            site = as_one(group, site.number)
            run_sites([site], store, len(feeds))
            drop_inner(site, group)
        if site.problem:
            node = site.rewrites[0].node
            run.problem = f"the rewrite of {node!r} does not run by itself: {site.problem}"
            return
        verdict = judge(site, feeds, store, arithmetic, seed)
        if verdict.unclear:
            run.problem = verdict.unclear
            return
        run.verdicts.append(verdict)
        site.before.clear()
        site.after.clear()


def run_waves(sites: Sequence[SiteRun], store: ValueStore, feeds: int) -> None:
    """Run all sites of a pass, those first that others read from."""
    for wave in _waves(sites):
        for site in wave:
            if not all(key in store for key in site.keys.values()):
                site.problem = "what it reads could not be calculated"
        run_sites([site for site in wave if not site.problem], store, feeds)


def _waves(sites: Sequence[SiteRun]) -> Iterator[list[SiteRun]]:
    """The sites in groups of which none reads what another one of it makes."""
    level: dict[int, int] = {}
    for site in sites:
        above = [level.get(int(k.split(":")[0]), -1) for n, k in site.keys.items() if k != n]
        level[site.number] = max(above, default=-1) + 1
    for wave in range(max(level.values(), default=-1) + 1):
        yield [site for site in sites if level[site.number] == wave]
