"""The models of the built-in adapters in the corpus: small, by their own export scripts."""

import sys
from collections.abc import Sequence
from pathlib import Path

from graphfix.adapter import Adapter
from graphfix.plugins import load_registry
from graphfix.stages.export import ExportRequest, export

_NOT_ONNX = ("dbnet-dcn",)
"""Exported with an operator that onnxruntime lacks, so that no pass can be verified alone."""
_OPTIONS = {"ocrnet": {"size": "128x256"}}
"""Besides the width, what makes a network small."""


def export_adapters(folder: Path, only: Sequence[str], paddle: str | None) -> None:
    """Write those that are not there yet; those of Paddle need an interpreter that has it."""
    registry = load_registry()
    for name in sorted(set(registry.adapter_names()) - set(_NOT_ONNX)):
        adapter = registry.adapter(name)
        path = folder / f"adapter-{name}.onnx"
        python = _python(adapter, paddle)
        if python is None or path.exists() or not path.stem.startswith(tuple(only)):
            continue
        print("export", path.stem, file=sys.stderr, flush=True)
        options = {"width": "small", **_OPTIONS.get(name, {})}
        log = path.with_suffix(".log")
        request = ExportRequest(path, log, random_weights=True, python=python, options=options)
        export(adapter, request)


def _python(adapter: Adapter, paddle: str | None) -> str | None:
    """The interpreter for the export; ``None`` when there is none."""
    if adapter.export is None:
        return None
    return paddle if "paddle" in adapter.export.requires else sys.executable
