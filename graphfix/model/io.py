"""Read and write models."""

import os
from pathlib import Path

import onnx
import onnx.parser
import onnx.printer
import onnx_ir as ir

from graphfix.errors import ModelError, UsageError


def load(path: Path | str) -> ir.Model:
    """Return the model in a ``.onnx`` file, or in an ONNX text file (``.onnxtxt``, ``.textproto``)."""
    path = Path(path)
    if not path.exists():
        raise UsageError(f"{path}: no such file")
    if path.suffix in (".onnxtxt", ".textproto"):
        return from_text(path.read_text(encoding="utf-8"))
    try:
        proto = onnx.load(str(path))
    except Exception as error:  # noqa: BLE001
        raise ModelError(f"{path}: not an ONNX file: {error}") from error
    return ir.from_proto(proto)


def from_bytes(data: bytes) -> ir.Model:
    """Return the model in a serialised ``ModelProto``."""
    return ir.from_proto(onnx.load_model_from_string(data))


def from_text(text: str) -> ir.Model:
    """Return the model in ONNX text."""
    try:
        return ir.from_proto(onnx.parser.parse_model(text))
    except onnx.parser.ParseError as error:
        raise ModelError(str(error)) from error


def to_text(model: ir.Model) -> str:
    """Return ``model`` as ONNX text."""
    return onnx.printer.to_text(to_proto(model, weights=True))


def save(
    model: ir.Model, path: Path | str, *, external: bool | None = None
) -> tuple[Path, ...]:
    """Write ``model`` and return the files written."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_bytes(to_proto(model, weights=True).SerializeToString())
    os.replace(temporary, path)
    return (path,)


def to_proto(model: ir.Model, *, weights: bool) -> onnx.ModelProto:
    """Return ``model`` as protobuf; ``weights=False`` leaves large tensors without data."""
    return ir.to_proto(model)
