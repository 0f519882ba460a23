"""Run sites before and after on the values around them: many sites in two sessions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import onnx_ir as ir

from graphfix.contract import Contract
from graphfix.rewrite.records import Rewrite
from graphfix.rewrite.site import Site
from graphfix.runners.onnxruntime import THREADS, NotRunnable, Session
from graphfix.verify.evaluate import one_line
from graphfix.verify.regions.build import Part, build, made_by
from graphfix.verify.regions.store import ValueStore

BATCH = 128
"""Sites in one session at most."""

BATCH_BYTES = 64 << 20
"""Bytes of inputs of one session at most, unless a single site has more."""

_WORTH_THREADS = 1 << 20
"""Bytes of inputs from which a second thread is worth its start."""


@dataclass(eq=False)
class SiteRun:
    """One site, where its inputs come from, and what has been computed."""

    number: int
    """Counts the sites of a stretch of the pipeline."""
    rewrites: tuple[Rewrite, ...]
    site: Site
    contract: Contract
    keys: Mapping[str, str] = field(default_factory=dict)
    """Name of what the site reads from around it, to its name in the store."""
    extra: tuple[str, ...] = ()
    """Values it makes that later sites read."""
    before: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    """Replaced value to what it was on each feed set."""
    after: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    """Replaced value to what it is now."""
    problem: str = ""
    """Why it could not be run by itself."""
    in_end: bool = False
    """Whether the store has what it makes now, from the run of the model at the end."""

    @cached_property
    def made_before(self) -> set[str]:
        """What the nodes before make."""
        return made_by(self.site.before)

    @cached_property
    def made_after(self) -> set[str]:
        """What the nodes after make."""
        return made_by(self.site.after)

    @cached_property
    def reformed(self) -> list[tuple[str, str]]:
        """Replaced values, and those in their place, that differ in shape or dtype.

        Known once both sides have been run.
        """
        return [
            (old, new)
            for old, new in self.site.pairs
            if old in self.before and not _same_form(self.before[old], self.after[old])
        ]

    def old(self, prefix: str = "") -> Part:
        """The side before."""
        wanted = dict.fromkeys(o for o, _ in self.site.pairs if o in self.made_before)
        return Part(self.site, self.site.before, tuple(wanted), self.keys, prefix)

    def new(self, prefix: str = "") -> Part:
        """The side after."""
        names = [n for _, n in self.site.pairs if n in self.made_after]
        wanted = dict.fromkeys([*names, *self.extra])
        return Part(self.site, self.site.after, tuple(wanted), self.keys, prefix)

    def inputs(self, store: ValueStore, k: int) -> dict[str, Any]:
        """The values around it on one feed set, by their names in the store."""
        return {key: store.get(key, k) for key in self.keys.values()}


def _same_form(before: Sequence[Any], after: Sequence[Any]) -> bool:
    return all(_form(b) == _form(a) for b, a in zip(before, after, strict=True))


def _form(value: Any) -> tuple[Any, Any]:
    if isinstance(value, np.ndarray):
        return value.shape, value.dtype
    return None, None


def run_sites(sites: Sequence[SiteRun], store: ValueStore, feeds: int) -> None:
    """Fill ``before`` and ``after`` of every site, or its ``problem``.

    What later sites need of the values made here goes to the store. All sites are of one pass,
    and none reads what another of them makes.
    """
    for batch in _batches(sites, store):
        _run_batch(batch, store, feeds)


def run_part(model: ir.Model, rows: Iterable[Mapping[str, Any]], threads: int) -> list[Any]:
    """The outputs of a small model on each row of inputs.

    Raises:
        NotRunnable: onnxruntime does not load or run it.
    """
    session = Session(model, threads=threads)
    names = [value.name for value in model.graph.inputs]
    return [session.run({name: row[name] for name in names if name}) for row in rows]


def _batches(sites: Sequence[SiteRun], store: ValueStore) -> Iterable[list[SiteRun]]:
    batch: list[SiteRun] = []
    size = 0
    for site in sites:
        more = _bytes(site, store)
        if batch and (len(batch) == BATCH or size + more > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(site)
        size += more
    if batch:
        yield batch


def _bytes(site: SiteRun, store: ValueStore) -> int:
    return sum(int(store.get(key, 0).nbytes) for key in site.keys.values())


def _run_batch(batch: Sequence[SiteRun], store: ValueStore, feeds: int) -> None:
    parts_before = [site.old(f"{k}:") for k, site in enumerate(batch)]
    parts_after = [site.new(f"{k}:") for k, site in enumerate(batch) if not site.in_end]
    try:
        old = _run_side(parts_before, batch, store, feeds)
        new = _run_side(parts_after, batch, store, feeds)
    except NotRunnable as error:
        if len(batch) == 1:
            batch[0].problem = one_line(error)
            return
        half = len(batch) // 2
        _run_batch(batch[:half], store, feeds)
        _run_batch(batch[half:], store, feeds)
        return
    for number, site in enumerate(batch):
        prefix = f"{number}:"
        for name, wanted in site.site.pairs:
            site.before[name] = _column(site, name, prefix, old, store)
            site.after[name] = _column(site, wanted, prefix, new, store)
        for name in site.extra:
            for k, row in enumerate(new):
                value = row[prefix + name]
                if not hasattr(value, "nbytes"):
                    site.problem = f"{name!r}, which a later rewrite reads, is no tensor"
                    break
                store.put(f"{site.number}:{name}", k, value)


def _run_side(
    parts: Sequence[Part], batch: Sequence[SiteRun], store: ValueStore, feeds: int
) -> list[dict[str, Any]]:
    parts = [part for part in parts if part.wanted]
    if not parts:
        return [{} for _ in range(feeds)]
    keys = dict.fromkeys(key for site in batch for key in site.keys.values())
    model = build(parts, {key: store.get(key, 0) for key in keys})
    size = sum(int(store.get(key, 0).nbytes) for key in keys)
    many = size > _WORTH_THREADS or any(site.in_end for site in batch)
    rows = ({key: store.get(key, k) for key in keys} for k in range(feeds))
    return run_part(model, rows, THREADS if many else 1)


def _column(
    site: SiteRun, name: str, prefix: str, rows: Sequence[Mapping[str, Any]], store: ValueStore
) -> tuple[Any, ...]:
    """One value on all feed sets: made by the site, constant, or from around it."""
    if prefix + name in rows[0]:
        return tuple(row[prefix + name] for row in rows)
    tensor = site.site.constants.get(name)
    if tensor is not None:
        return (tensor.numpy(),) * len(rows)
    return tuple(store.get(site.keys.get(name, name), k) for k in range(len(rows)))
