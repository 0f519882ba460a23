"""What can be said of adapters: for the table and for ``explain``."""

import inspect
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from graphfix.adapter import Adapter
from graphfix.atc.preprocessing import PreprocessingDocument, preprocessing_of
from graphfix.errors import PluginError, UsageError
from graphfix.plugins import Registry


@dataclass(frozen=True)
class AdapterEntry:
    """One adapter, described from its class."""

    name: str
    summary: str
    documentation: str
    upstream: str
    pipeline: str
    target: str
    inputs: tuple[str, ...]
    shapes: tuple[str, ...]
    export_options: dict[str, str]
    install: str
    """The command that brings what the export needs; empty without an export."""
    reference: str

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def list_adapters(registry: Registry) -> Sequence[AdapterEntry]:
    """All adapters by name; one whose module is broken is listed with the error as its summary."""
    entries = []
    for name in registry.adapter_names():
        try:
            entries.append(describe_adapter(registry.adapter(name)))
        except PluginError as error:
            entries.append(
                AdapterEntry(name, f"cannot be loaded: {error}", "", "", "", "", (), (), {}, "", "")
            )
    return entries


def describe_adapter(adapter: Adapter) -> AdapterEntry:
    """One adapter."""
    words = inspect.getdoc(type(adapter)) or ""
    reference = adapter.reference
    export = adapter.export
    return AdapterEntry(
        adapter.name,
        words.partition("\n")[0],
        words,
        adapter.upstream,
        adapter.pipeline,
        f"{adapter.target}, CANN {adapter.cann}",
        tuple(_input(adapter)),
        adapter.shapes,
        dict(export.options) if export is not None else {},
        export.install if export is not None else "",
        f"{reference.figure or 'first figure'} {reference.value:g}" if reference else "",
    )


def adapter_preprocessing(registry: Registry, name: str) -> PreprocessingDocument | None:
    """What the adapter ``name`` says of AIPP; ``None`` where there is no such adapter.

    Raises:
        UsageError: there is one, and it says nothing of AIPP.
    """
    if name not in registry.adapter_names():
        return None
    document = registry.adapter(name).preprocessing
    if not document:
        raise UsageError(f"--aipp {name}: AIPP cannot do what this adapter does to its samples")
    return preprocessing_of(name, document)


def _input(adapter: Adapter) -> Sequence[str]:
    lines = []
    for spec in adapter.inputs:
        shape = ",".join("?" if dim is None else str(dim) for dim in spec.shape or ())
        bounds = f" from {spec.low:g}" if spec.low is not None else ""
        bounds += f" to {spec.high:g}" if spec.high is not None else ""
        lines.append(f"{spec.name}: {spec.dtype or '?'}[{shape}]{bounds}")
    return lines
