"""The protobuf wire format, as far as reading ONNX lazily and writing it in pieces needs it.

Source: https://protobuf.dev/programming-guides/encoding and ``onnx-ml.proto`` of onnx 1.23.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from graphfix.model.sources import Windows

LAZY_BYTES: Final = 4096
"""Tensors of this many bytes and more stay in their file."""

PAYLOAD_KEY: Final = "graphfix.payload"
"""Key of the ``external_data`` entry that stands for data left behind: ``offset:length``."""

_MAX_DEPTH: Final = 100
"""Protobuf's own limit on nested messages."""

Buffer: TypeAlias = bytes | memoryview | Windows


class WireError(Exception):
    """The bytes are not a protobuf message of the expected shape."""


@dataclass(frozen=True)
class _Message:
    """Which fields of a message lead to tensors."""

    children: Mapping[int, "_Message"]


_TENSOR = _Message({})
_SPARSE = _Message({1: _TENSOR, 2: _TENSOR})
_attribute_fields: dict[int, _Message] = {5: _TENSOR, 10: _TENSOR, 22: _SPARSE, 23: _SPARSE}
_ATTRIBUTE = _Message(_attribute_fields)
_NODE = _Message({5: _ATTRIBUTE})
_GRAPH = _Message({1: _NODE, 5: _TENSOR, 15: _SPARSE})
_attribute_fields.update({6: _GRAPH, 11: _GRAPH})
_FUNCTION = _Message({7: _NODE, 11: _ATTRIBUTE})
MODEL: Final = _Message({7: _GRAPH, 25: _FUNCTION})

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_TENSOR_DATA = {(4, _BYTES), (9, _BYTES), (10, _BYTES)}
"""``float_data``, ``raw_data`` and ``double_data``: bytes that mean themselves."""


def varint(number: int) -> bytes:
    """Return ``number`` (signed 64 bit) as a varint of 1 to 10 bytes."""
    if 0 <= number < 128:
        return _SMALL[number]
    if number < 0:
        number += 1 << 64
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


_SMALL = [bytes((number,)) for number in range(128)]


def skeleton(data: Buffer, size: int) -> bytes:
    """Return the serialised model ``data[:size]`` without the data of its large tensors.

    Each tensor of ``LAZY_BYTES`` and more gets an ``external_data`` entry ``PAYLOAD_KEY`` instead,
    with offset and length of its bytes in ``data``. Tensors in ``training_info`` are left as they
    are. Raises ``WireError`` when lengths do not fit.
    """
    return b"".join(_shrink(data, 0, size, MODEL, 0) or (bytes(data[:size]),))


def _shrink(data: Buffer, start: int, end: int, kind: _Message, depth: int) -> list[bytes] | None:
    """Return the message in pieces, or None when nothing in it is large."""
    if kind is _TENSOR:
        return _shrink_tensor(data, start, end)
    if depth > _MAX_DEPTH:
        raise WireError(f"messages are nested deeper than {_MAX_DEPTH} levels")
    children = kind.children
    pieces: list[bytes] = []
    copied = position = start
    while position < end:
        field_start = position
        key = data[position]
        position += 1
        if key > 127:
            key, position = _read_varint(data, position - 1, end)
        wire_type = key & 7
        if wire_type != _BYTES:
            position = _skip(data, position, end, wire_type)
            continue
        length = data[position] if position < end else 128
        position += 1
        if length > 127:
            length, position = _read_varint(data, position - 1, end)
        value_end = position + length
        if value_end > end:
            raise WireError(f"field {key >> 3} at byte {field_start} is longer than what is left")
        if length >= LAZY_BYTES and (child := children.get(key >> 3)) is not None:
            inner = _shrink(data, position, value_end, child, depth + 1)
            if inner is not None:
                pieces.append(bytes(data[copied:field_start]))
                pieces.append(varint(key))
                pieces.append(varint(sum(map(len, inner))))
                pieces += inner
                copied = value_end
        position = value_end
    if position != end:
        raise WireError(f"a field runs past byte {end}")
    if not pieces:
        return None
    pieces.append(bytes(data[copied:end]))
    return pieces


def _shrink_tensor(data: Buffer, start: int, end: int) -> list[bytes] | None:
    """Return the tensor without its data, or None when it has to stay as it is."""
    position = start
    payload: tuple[int, int, int, int] | None = None
    while position < end:
        field_start = position
        key, position = _read_varint(data, position, end)
        if key & 7 != _BYTES:
            if (key >> 3) in (4, 10):
                return None
            position = _skip(data, position, end, key & 7)
            continue
        length, position = _read_varint(data, position, end)
        if position + length > end:
            raise WireError(f"field {key >> 3} at byte {field_start} is longer than what is left")
        if (key >> 3, _BYTES) in _TENSOR_DATA:
            if payload is not None:
                return None
            payload = (field_start, position, length, position + length)
        elif key >> 3 == 3:
            return None
        position += length
    if payload is None or payload[2] < LAZY_BYTES:
        return None
    field_start, offset, length, field_end = payload
    entry = field(1, PAYLOAD_KEY.encode()) + field(2, b"%d:%d" % (offset, length))
    return [bytes(data[start:field_start]), bytes(data[field_end:end]), field(13, entry)]


def _read_varint(data: Buffer, position: int, end: int) -> tuple[int, int]:
    result = shift = 0
    while position < end and shift < 70:
        byte = data[position]
        position += 1
        result |= (byte & 127) << shift
        if byte < 128:
            return result, position
        shift += 7
    raise WireError(f"a number at byte {position} does not end")


def _skip(data: Buffer, position: int, end: int, wire_type: int) -> int:
    if wire_type == _VARINT:
        return _read_varint(data, position, end)[1]
    if wire_type == _FIXED32:
        return position + 4
    if wire_type == _FIXED64:
        return position + 8
    raise WireError(f"wire type {wire_type} before byte {position}")


def field(number: int, payload: bytes) -> bytes:
    """Return a length-delimited field: strings, bytes, messages, packed numbers."""
    return varint(number << 3 | _BYTES) + varint(len(payload)) + payload


def number_field(number: int, value: int) -> bytes:
    """Return a varint field: int32, int64, enum."""
    return varint(number << 3) + varint(value)
