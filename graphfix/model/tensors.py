"""Tensors that stay where they are stored until somebody asks for their numbers."""

import abc
import copy
import functools
import hashlib
import math
from collections.abc import Mapping, MutableMapping
from typing import Any, Final

import numpy as np
import onnx
import onnx_ir as ir

from graphfix.errors import ModelError
from graphfix.model.sources import Source

_DENSE_LIMIT: Final = 1 << 30
"""A sparse tensor that takes more bytes than this when dense stays sparse."""


_NUMPY: Final[Mapping[ir.DataType, np.dtype[Any]]] = {
    dtype: dtype.numpy()
    for dtype in ir.DataType
    if dtype not in (ir.DataType.UNDEFINED, ir.DataType.STRING) and dtype.bitwidth >= 8
}
"""The types of arrays for elements of whole bytes."""


def byte_count(dtype: ir.DataType, dims: tuple[int, ...]) -> int:
    """Return how many bytes a tensor takes in a file; sub-byte elements are packed."""
    return (dtype.bitwidth * math.prod(dims) + 7) // 8


@functools.lru_cache(maxsize=4096)
def _shape(dims: tuple[int, ...]) -> ir.Shape:
    """A shape that tensors with these dims share."""
    return ir.Shape(dims, frozen=True)


class LazyTensor:
    """What onnx-ir's ``TensorProtocol`` asks of a tensor, apart from its numbers."""

    __slots__ = ("dims", "doc_string", "dtype", "meta", "metadata_props", "name", "shape")

    raw: Any = None

    def __init__(
        self,
        dtype: ir.DataType,
        dims: tuple[int, ...],
        name: str | None,
        doc_string: str | None,
        metadata_props: dict[str, str] | None,
    ) -> None:
        self.dtype = dtype
        self.dims = dims
        self.shape: ir.ShapeProtocol = _shape(dims)
        self.name = name
        self.doc_string = doc_string
        self.metadata_props: MutableMapping[str, str] = metadata_props or {}
        self.meta: MutableMapping[str, Any] = {}

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.dims)

    @property
    def nbytes(self) -> int:
        """The number of bytes of the dense tensor; sub-byte elements are packed."""
        return byte_count(self.dtype, self.dims)

    @abc.abstractmethod
    def numpy(self) -> np.ndarray[Any, Any]:
        """Return the numbers."""

    @abc.abstractmethod
    def tobytes(self) -> bytes:
        """Return the bytes as ``raw_data`` holds them."""

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        array = self.numpy()
        return array if dtype is None else array.astype(dtype)

    def __dlpack__(self, *, stream: Any = None) -> Any:
        return self.numpy().__dlpack__(stream=stream)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.numpy().__dlpack_device__()

    def __repr__(self) -> str:
        return f"{type(self).__name__}<{self.dtype},{list(self.dims)}>(name={self.name!r})"


class StoredTensor(LazyTensor):
    """A tensor whose little-endian, packed bytes (``raw_data``) lie in a file or in memory.

    ``numpy()`` is a read-only view of them, of numpy's or ml_dtypes' type for ``dtype`` and of the
    tensor's shape; it may be unaligned. Elements of less than a byte are unpacked into a new array.
    """

    __slots__ = ("_sha256", "length", "offset", "source")

    def __init__(
        self,
        source: Source,
        offset: int,
        length: int,
        dtype: ir.DataType,
        dims: tuple[int, ...],
        *,
        name: str | None = None,
        doc_string: str | None = None,
        metadata_props: dict[str, str] | None = None,
    ) -> None:
        super().__init__(dtype, dims, name, doc_string, metadata_props)
        self.source = source
        self.offset = offset
        self.length = length
        self._sha256: bytes | None = None

    @property
    def nbytes(self) -> int:
        """The number of bytes."""
        return self.length

    def numpy(self) -> np.ndarray[Any, Any]:
        """Return the numbers: a read-only view where elements are whole bytes."""
        view = self.source.view(self.offset, self.length)
        dtype = _NUMPY.get(self.dtype)
        if dtype is None:
            proto = onnx.TensorProto(data_type=self.dtype, dims=self.dims, raw_data=bytes(view))
            return ir.serde.TensorProtoTensor(proto).numpy()
        return np.frombuffer(view, dtype).reshape(self.dims)

    def tobytes(self) -> bytes:
        """Return a copy of the stored bytes."""
        return bytes(self.source.view(self.offset, self.length))

    def tofile(self, file: Any) -> None:
        """Write the stored bytes to ``file``, a piece at a time."""
        for chunk in self.source.chunks(self.offset, self.length):
            file.write(chunk)

    def sha256(self) -> bytes:
        """Return the sha256 of the stored bytes; it is computed once."""
        if self._sha256 is None:
            state = hashlib.sha256()
            for chunk in self.source.chunks(self.offset, self.length):
                state.update(chunk)
            self._sha256 = state.digest()
        return self._sha256


class SparseTensor(LazyTensor):
    """A sparse tensor: values and indices in, dense numbers out.

    ``values`` has shape [n]; ``indices`` is int64 of shape [n] (flat) or [n, rank]. ``numpy()``
    is dense and refuses to grow beyond 1 GiB with ``ModelError``.
    """

    __slots__ = ("indices", "values")

    def __init__(
        self, values: ir.TensorProtocol, indices: ir.TensorProtocol, dims: tuple[int, ...]
    ) -> None:
        super().__init__(values.dtype, dims, values.name, values.doc_string, None)
        self.values = values
        self.indices = indices

    def numpy(self) -> np.ndarray[Any, Any]:
        """Return the dense tensor; what has no index is zero."""
        if byte_count(self.dtype, self.dims) > _DENSE_LIMIT:
            raise ModelError(
                f"sparse tensor {self.name!r} of shape {list(self.dims)} is too large to be dense"
            )
        values, indices = self.values.numpy().reshape(-1), self.indices.numpy()
        dense = np.zeros(math.prod(self.dims), dtype=values.dtype)
        if len(values):
            flat = indices if indices.ndim == 1 else _flat(indices, self.dims)
            if flat.shape != values.shape or flat.min() < 0 or flat.max() >= dense.size:
                raise ModelError(f"sparse tensor {self.name!r} has an index out of range")
            dense[flat] = values
        return dense.reshape(self.dims)

    def tobytes(self) -> bytes:
        """Return the dense tensor's bytes as they would be stored."""
        return ir.Tensor(self.numpy(), dtype=self.dtype).tobytes()


def _flat(indices: np.ndarray[Any, Any], dims: tuple[int, ...]) -> np.ndarray[Any, Any]:
    if indices.shape[1:] != (len(dims),):
        return np.array([-1])
    if not ((indices >= 0) & (indices < np.array(dims))).all():
        return np.array([-1])
    return np.asarray(np.ravel_multi_index(tuple(indices.T), dims))


def renamable(tensor: ir.TensorProtocol) -> ir.TensorProtocol:
    """A tensor of the same numbers with a name of its own.

    Copies of a model share their tensors, and a value that is renamed renames its tensor. Only
    numbers that lie in a protobuf message, which has the name as well, are copied.
    """
    if isinstance(tensor, ir.serde.TensorProtoTensor):
        message = onnx.TensorProto()
        message.CopyFrom(tensor.raw)
        return ir.serde.TensorProtoTensor(message)
    return copy.copy(tensor)


def raw_bytes(tensor: ir.TensorProtocol) -> bytes | memoryview:
    """Return the bytes of ``tensor`` as ``raw_data`` holds them, copied only where necessary."""
    if isinstance(tensor, StoredTensor):
        return tensor.source.view(tensor.offset, tensor.length)
    if isinstance(tensor, ir.Tensor) and tensor.dtype.bitwidth >= 8:
        array = np.ascontiguousarray(tensor.numpy())
        return array.reshape(-1).view(np.uint8).data
    return tensor.tobytes()


def content_sha256(tensor: ir.TensorProtocol) -> bytes:
    """Return the sha256 of the bytes of ``tensor``, however they are stored."""
    if isinstance(tensor, StoredTensor):
        return tensor.sha256()
    return hashlib.sha256(raw_bytes(tensor)).digest()
