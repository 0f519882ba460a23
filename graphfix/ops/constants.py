"""Constants in the ONNX text of a function body."""

from collections.abc import Mapping

import numpy as np

Numbers = int | float | tuple[int, ...] | tuple[float, ...]


def constants(values: Mapping[str, Numbers]) -> str:
    """Constant nodes: a number makes a scalar, a tuple a vector; ints are int64, floats float32."""
    return "\n".join(
        f"{name} = Constant <value = {_tensor(item)}> ()" for name, item in values.items()
    )


def _tensor(value: Numbers) -> str:
    items = value if isinstance(value, tuple) else (value,)
    kind = "float" if any(isinstance(item, float) for item in items) else "int64"
    size = f"[{len(items)}]" if isinstance(value, tuple) else ""
    return f"{kind}{size} {{{', '.join(_number(item) for item in items)}}}"


def _number(item: float | int) -> str:
    # Nine digits name every float32; the parser wants a point or an exponent in a float.
    if isinstance(item, int):
        return str(item)
    text = f"{np.float32(item):.9g}"
    return text if any(sign in text for sign in ".en") else f"{text}.0"
