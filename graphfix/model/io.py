"""Read models lazily, write them atomically.

``load`` maps the file: initializers and constants of 4 KB and more stay where they are, as
:class:`~graphfix.model.tensors.StoredTensor`. ``save`` writes to a temporary name and renames;
weights nobody touched are copied file to file. What a rewrite of a file changes although nobody
asked for it is listed in :mod:`graphfix.model.decode`.
"""

import contextlib
import errno
import gc
import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import onnx
import onnx.parser
import onnx.printer
import onnx_ir as ir
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # no stubs here

from graphfix.errors import ModelError, UsageError
from graphfix.files import check_destination
from graphfix.model.decode import decode
from graphfix.model.encode import Piece, Weight, encode, external_fields, inline
from graphfix.model.external import ExternalFiles
from graphfix.model.sources import FileSource, MemorySource, Source, is_regular, write_all
from graphfix.model.tensors import StoredTensor, raw_bytes
from graphfix.model.wire import WireError, skeleton

TEXT_SUFFIXES: Final = (".onnxtxt", ".textproto")
"""Files of these names hold ONNX text."""

_ONE_FILE_LIMIT: Final = 2_000_000_000
"""Bytes; protobuf's limit is 2^31 - 1, and readers need some room."""
_ALIGNMENT: Final = 64
"""Bytes; so that a mapped weight is aligned for every element type."""
_BUFFER: Final = 1 << 20
_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextlib.contextmanager
def paused_gc() -> Iterator[None]:
    """Keep the garbage collector from walking a growing graph again and again.

    What was made meanwhile joins the oldest generation at once, without the walk that the next
    collection of the young one would cost (3 µs per node of the model).
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.freeze()
            gc.unfreeze()
            gc.enable()


def load(path: Path | str) -> ir.Model:
    """Return the model in a ``.onnx`` file, or in ONNX text (``.onnxtxt``, ``.textproto``).

    Weights of 4 KB and more stay in their file. External data is looked for beside the model and
    must stay there (:mod:`graphfix.model.external` has the rule). Raises ``UsageError`` when the
    file is missing or cannot be read, ``ModelError`` when it holds no model that can be trusted.
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise UsageError(f"{path}: is a folder; give the .onnx file in it")
        if not is_regular(path):
            raise UsageError(f"{path}: is not a plain file")
        source = FileSource(path)
    except FileNotFoundError as error:
        raise UsageError(f"{path}: no such file") from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        if path.suffix in TEXT_SUFFIXES:
            return _parse_text(str(source.view(0, source.size), "utf-8"), ExternalFiles(path))
        return _decode(source, ExternalFiles(path))
    except UnicodeDecodeError as error:
        raise ModelError(f"{path}: not ONNX text: it is not UTF-8") from error
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error


def from_bytes(data: bytes) -> ir.Model:
    """Return the model in a serialised ``ModelProto``; its weights stay in ``data``.

    Raises ``ModelError`` when there is none, or when it has external data.
    """
    return _decode(MemorySource(data), None)


def from_text(text: str) -> ir.Model:
    """Return the model in ONNX text (https://onnx.ai/onnx/repo-docs/Syntax.html).

    Raises ``ModelError`` with the parser's message.
    """
    return _parse_text(text, None)


def _parse_text(text: str, external: ExternalFiles | None) -> ir.Model:
    try:
        proto = onnx.parser.parse_model(text)
    except onnx.parser.ParseError as error:
        # onnx hands over its message as bytes
        reason = error.args[0].decode() if isinstance(error.args[0], bytes) else str(error)
        raise ModelError(f"not ONNX text: {' '.join(reason.split())}") from error
    with paused_gc():
        return decode(proto, locate=external.open if external else None)


def _decode(source: Source, external: ExternalFiles | None) -> ir.Model:
    data = source.scan()
    if complaint := _not_onnx(bytes(data[0 : min(source.size, 64)])):
        raise ModelError(complaint)
    with paused_gc():
        try:
            proto = _parse(skeleton(data, source.size))
            del data
        except (WireError, DecodeError, IndexError) as error:
            raise ModelError(
                f"not an ONNX file, or a damaged one ({error}); if it is a copy, its "
                f"{source.size} bytes may be cut short"
            ) from error
        if not proto.HasField("graph"):
            raise ModelError("not an ONNX model: there is no graph in it")
        return decode(proto, source, external.open if external else None)


def _not_onnx(head: bytes) -> str | None:
    """Return what the file is when its first bytes say that it is something else."""
    if not head:
        return "the file is empty"
    for magic, kind in _OTHER_FILES.items():
        if head.startswith(magic):
            return f"not an ONNX file but {kind}"
    return None


_OTHER_FILES: Final = {
    b"PK\x03\x04": "a zip archive (a PyTorch file?); export it to ONNX first",
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"\x1f\x8b": "a gzip archive; unpack it first",
    b"version https://git-lfs": "a Git LFS pointer; run 'git lfs pull' first",
    b"<!DOCTYPE": "a web page; the download failed",
    b"<html": "a web page; the download failed",
    b"<\n": "ONNX text; name it .onnxtxt",
    b"<ir_version": "ONNX text; name it .onnxtxt",
    b"ir_version": "a protobuf text file; convert it to .onnx first",
    b"\x80\x02": "a Python pickle (a PyTorch or Paddle file?); export it to ONNX first",
    b"IMOD": "an Ascend .om model; give the .onnx file it was made from",
}


def to_text(model: ir.Model) -> str:
    """Return ``model`` as ONNX text, weights included. Raises ``ModelError`` above 2 GB."""
    return onnx.printer.to_text(to_proto(model, weights=True))


def to_proto(model: ir.Model, *, weights: bool) -> onnx.ModelProto:
    """Return ``model`` as protobuf.

    With ``weights=False`` tensors of 4 KB and more refer to an external file ``weights`` that does
    not exist: enough for shape inference and for whatever looks at the structure. With
    ``weights=True`` everything is copied into memory; raises ``ModelError`` above 2 GB.
    """
    with paused_gc():
        if not weights:
            return _parse(join(encode(model, _left_out)))
        pieces = encode(model)
        if (size := sum(map(len, pieces))) >= 1 << 31:
            raise ModelError(f"the model is too large for one protobuf message: {size} bytes")
        return _parse(join(pieces))


def _parse(data: bytes) -> onnx.ModelProto:
    proto = onnx.ModelProto()
    proto.ParseFromString(data)
    return proto


def _left_out(tensor: ir.TensorProtocol, name: str | None) -> Sequence[Piece]:
    return (external_fields("weights"),)


def join(pieces: Iterable[Piece]) -> bytes:
    """Return the message in one piece, weights included."""
    return b"".join(
        piece if isinstance(piece, bytes) else _checked(piece.tensor) for piece in pieces
    )


def save(model: ir.Model, path: Path | str, *, external: bool | None = None) -> tuple[Path, ...]:
    """Write ``model`` to ``path`` and return the files written, the model first.

    A file ``.onnxtxt`` or ``.textproto`` gets ONNX text. ``external`` moves tensors of 4 KB and
    more into ``<name>.data`` beside the model; None does so when the model would otherwise be
    close to protobuf's limit of 2 GB. Files appear under their names when they are complete; a
    link is replaced, not followed; the file the weights come from may be overwritten.

    Raises ``UsageError`` when the folder does not exist or cannot be written or the name belongs to
    a device, ``ModelError`` when the disk is full or the model cannot be expressed; then nothing
    was changed.
    """
    path = Path(path)
    check_destination(path)
    with paused_gc():
        if path.suffix in TEXT_SUFFIXES:
            return _write([(path, [to_text(model).encode()])])
        pieces = [] if external else encode(model, inline)
        size = sum(map(len, pieces))
        if external is False and size >= 1 << 31:
            raise ModelError(
                f"{path}: {size} bytes do not fit into one file (2 GB); let the weights go into a "
                f"file beside it"
            )
        if external is None:
            external = size > _ONE_FILE_LIMIT
        if not external:
            return _write([(path, pieces)])
        data = _DataFile(f"{path.name}.data")
        check_destination(path.with_name(data.location))
        pieces = encode(model, data.place)
        return _write([(path, pieces), (path.with_name(data.location), data.pieces)])


class _DataFile:
    """The contents of an external data file, as they pile up."""

    def __init__(self, location: str) -> None:
        self.location = location
        self.pieces: list[Piece] = []
        self._size = 0

    def place(self, tensor: ir.TensorProtocol, name: str | None) -> Sequence[Piece]:
        padding = -self._size % _ALIGNMENT
        weight = Weight(tensor)
        self.pieces += (bytes(padding), weight)
        offset = self._size + padding
        self._size = offset + len(weight)
        return (external_fields(self.location, offset, len(weight)),)


def _write(files: Sequence[tuple[Path, Sequence[Piece]]]) -> tuple[Path, ...]:
    """Write every file under a temporary name, then rename them, the first one last."""
    temporaries = [
        path.with_name(f".{path.name[:200]}.{secrets.token_hex(4)}.tmp") for path, _ in files
    ]
    try:
        for temporary, (_, pieces) in zip(temporaries, files, strict=True):
            _write_pieces(temporary, pieces)
        for temporary, (path, _) in reversed(list(zip(temporaries, files, strict=True))):
            os.replace(temporary, path)
    except OSError as error:
        raise _write_error(files, error) from error
    finally:
        for temporary in temporaries:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
    return tuple(path for path, _ in files)


def _write_pieces(path: Path, pieces: Iterable[Piece]) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
    target = os.open(path, flags, 0o666)
    try:
        buffer = bytearray()
        for piece in pieces:
            if isinstance(piece, bytes):
                buffer += piece
            elif len(piece) < _BUFFER and isinstance(piece.tensor, StoredTensor):
                buffer += raw_bytes(piece.tensor)
            else:
                write_all(target, buffer)
                buffer.clear()
                _copy_weight(target, piece.tensor)
            if len(buffer) > _BUFFER:
                write_all(target, buffer)
                buffer.clear()
        write_all(target, buffer)
    finally:
        os.close(target)


def _copy_weight(target: int, tensor: ir.TensorProtocol) -> None:
    if isinstance(tensor, StoredTensor):
        tensor.source.copy_to(target, tensor.offset, tensor.length)
    else:
        write_all(target, _checked(tensor))


def _checked(tensor: ir.TensorProtocol) -> bytes | memoryview:
    """Return the bytes of a tensor whose length was promised already."""
    data = raw_bytes(tensor)
    if len(data) != tensor.nbytes:
        raise ModelError(
            f"tensor {tensor.name!r} of type {tensor.dtype.name} and shape {tensor.shape} has "
            f"{len(data)} bytes instead of {tensor.nbytes}"
        )
    return data


def _write_error(
    files: Sequence[tuple[Path, Sequence[Piece]]], error: OSError
) -> ModelError | UsageError:
    path = files[0][0]
    folder = path.parent
    if error.errno in _NO_ROOM:
        need = sum(len(piece) for _, pieces in files for piece in pieces)
        return ModelError(
            f"{path}: cannot be written, no space left: {need / 1e6:.1f} MB are needed in "
            f"{folder}; make room or choose another folder"
        )
    return UsageError(f"{path}: cannot be written: {error.strerror}; choose another folder")
