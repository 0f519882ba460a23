"""Element types by their ONNX names, and their limits; the only caller of untyped ml_dtypes."""

from typing import Any

import ml_dtypes
import numpy as np
import onnx_ir as ir

DType = np.dtype[Any]

_SPECIAL: dict[str, DType] = {
    "bfloat16": np.dtype(ml_dtypes.bfloat16),
    "float8e4m3fn": np.dtype(ml_dtypes.float8_e4m3fn),
    "float8e4m3fnuz": np.dtype(ml_dtypes.float8_e4m3fnuz),
    "float8e5m2": np.dtype(ml_dtypes.float8_e5m2),
    "float8e5m2fnuz": np.dtype(ml_dtypes.float8_e5m2fnuz),
    "float8e8m0": np.dtype(ml_dtypes.float8_e8m0fnu),
    "float4e2m1": np.dtype(ml_dtypes.float4_e2m1fn),
    "int4": np.dtype(ml_dtypes.int4),
    "uint4": np.dtype(ml_dtypes.uint4),
    "int2": np.dtype(ml_dtypes.int2),
    "uint2": np.dtype(ml_dtypes.uint2),
    "string": np.dtype(object),
    "float": np.dtype(np.float32),
    "double": np.dtype(np.float64),
}


def dtype_name(dtype: ir.DataType) -> str:
    """How graphfix writes an element type: ``float32``, ``int64``, ``bfloat16``, ``string`` …"""
    name = dtype.name.lower()
    return {"float": "float32", "double": "float64"}.get(name, name)


def numpy_dtype(name: str) -> DType:
    """The numpy dtype of an ONNX element type in lower case (``float8e4m3fn``, ``int4``, …)."""
    return _SPECIAL[name] if name in _SPECIAL else np.dtype(name)


def is_inexact(dtype: DType) -> bool:
    """Whether numbers of ``dtype`` are rounded: floats of all widths, and complex."""
    return dtype.kind in "fc" or (dtype.kind == "V" and "float" in dtype.name)


def is_integer(dtype: DType) -> bool:
    """Whether ``dtype`` holds integers, of 2 to 64 bits."""
    return dtype.kind in "iu" or (dtype.kind == "V" and "int" in dtype.name)


def epsilon(dtype: DType) -> float:
    """Distance from 1 to the next number of a float or complex dtype."""
    if dtype.kind == "c":
        return float(np.finfo(dtype).eps)
    return float(ml_dtypes.finfo(dtype).eps)  # type: ignore[no-untyped-call]  # ml_dtypes has none


def largest(dtype: DType) -> float:
    """The largest finite number of a float dtype."""
    return float(ml_dtypes.finfo(dtype).max)  # type: ignore[no-untyped-call]  # ml_dtypes has none


def integer_range(dtype: DType) -> tuple[int, int]:
    """Smallest and largest number of an integer dtype."""
    info = ml_dtypes.iinfo(dtype)  # type: ignore[no-untyped-call]  # ml_dtypes has none
    return int(info.min), int(info.max)


def double(array: np.ndarray[Any, DType]) -> np.ndarray[Any, DType]:
    """The same numbers in float64, or complex128."""
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


def dtype_of(value: Any) -> DType:
    """The dtype of an array or of the first element of a sequence; float32 for anything else."""
    if isinstance(value, (list, tuple)):
        value = value[0] if value else None
    return value.dtype if isinstance(value, np.ndarray) else np.dtype(np.float32)
