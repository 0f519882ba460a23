"""A stretch of the pipeline whose rewrites are judged one by one, after its passes have run.

The model at its start is run once, with what the sites read as further outputs. What a site reads
of an earlier site's new nodes comes from running that site.
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
from graphfix.verify.evaluate import one_line, select
from graphfix.verify.feeds import FeedSet
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


def run_stretch(
    passes: Sequence[Deferred],
    feeds: Sequence[FeedSet],
    arithmetic: np.dtype[Any] | None,
    seed: int,
) -> Iterator[PassRun]:
    """Judge all sites of the passes, in order."""
    started = time.perf_counter()
    store = ValueStore()
    try:
        runs = [PassRun(item) for item in passes]
        sites = _locate(runs, passes[0].before(), feeds, store)
        shared = (time.perf_counter() - started) / len(runs)
        for run, own in zip(runs, sites, strict=True):
            started = time.perf_counter()
            if not run.problem:
                _judge_pass(run, own, feeds, store, arithmetic, seed)
            run.seconds = shared + time.perf_counter() - started
            yield run
    finally:
        store.close()


def why_not(result: PassResult) -> str:
    """Why the sites of a pass cannot be judged one by one; empty when they can be."""
    if not result.observed:
        return "the pass does not make all its changes through a rewriter"
    if isinstance(result.contract, (Interface, Replaces)):
        return "its contract is about the whole model"
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
    runs: Sequence[PassRun], base: ir.Model, feeds: Sequence[FeedSet], store: ValueStore
) -> list[list[SiteRun]]:
    """Find out where every site gets its inputs from, and run the base for them."""
    known = {out.name for node in base.graph for out in node.outputs}
    known |= {value.name for value in base.graph.inputs}
    known |= {value.name for value in base.graph.initializers.values()}
    maker: dict[str, SiteRun] = {}
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
                if name in known:
                    keys[name] = name
                    wanted[name] = None
                elif name in maker:
                    keys[name] = f"{maker[name].number}:{name}"
                    maker[name].extra = tuple(dict.fromkeys((*maker[name].extra, name)))
                else:
                    run.problem = f"nothing is known of {name!r}, which {rewrite.node!r} reads"
            site.keys = keys
            own.append(site)
            maker.update(dict.fromkeys(site.made_after - known, site))
        found.append(own)
    problems = _run_base(base, tuple(wanted), feeds, store)
    for run, own in zip(runs, found, strict=True):
        missing = next((problems[k] for s in own for k in s.keys.values() if k in problems), "")
        run.problem = run.problem or missing
    return found


def _run_base(
    base: ir.Model, wanted: Sequence[str], feeds: Sequence[FeedSet], store: ValueStore
) -> dict[str, str]:
    """Put the wanted values into the store; returns what stands against those it cannot get."""
    if not wanted:
        return {}
    given = {value.name: value for value in base.graph.inputs}
    inner = tuple(name for name in wanted if name not in given)
    problems: dict[str, str] = {}
    try:
        session = Session(base, outputs=inner) if inner else None
        for k, feed in enumerate(feeds):
            row = session.run(select(feed.feed, base)) if session is not None else {}
            for name in wanted:
                value = row.get(name)
                if name in given:
                    value = feed.feed.get(name, _default(given[name]))
                if isinstance(value, np.ndarray):
                    store.put(name, k, value)
                else:
                    problems[name] = f"{name!r} is no tensor"
    except (NotRunnable, UsageError) as error:
        return dict.fromkeys(wanted, f"the model before does not run: {one_line(error)}")
    return problems


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
    for wave in _waves(sites):
        for site in wave:
            if not all(key in store for key in site.keys.values()):
                site.problem = "what it reads could not be calculated"
        run_sites([site for site in wave if not site.problem], store, len(feeds))
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


def _waves(sites: Sequence[SiteRun]) -> Iterator[list[SiteRun]]:
    """The sites in groups of which none reads what another one of it makes."""
    level: dict[int, int] = {}
    for site in sites:
        above = [level.get(int(k.split(":")[0]), -1) for n, k in site.keys.items() if k != n]
        level[site.number] = max(above, default=-1) + 1
    for wave in range(max(level.values(), default=-1) + 1):
        yield [site for site in sites if level[site.number] == wave]
