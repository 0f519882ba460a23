"""Which sizes a run gives to the dims that a model leaves open, and what shapes follow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from graphfix.infer.errors import InferError
from graphfix.infer.tensors import OPEN, Array, TensorDesc

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Static:
    """The model leaves nothing open."""


@dataclass(frozen=True)
class Batch:
    """``--dymBatch``: the first open dim of every input that has one."""

    size: int


@dataclass(frozen=True)
class Picture:
    """``--dymHW``: dims 2 and 3 of every input where they are open (NCHW)."""

    height: int
    width: int


@dataclass(frozen=True)
class Dims:
    """``--dymDims`` and ``--dymShape``: whole shapes by the name of the input."""

    shapes: Mapping[str, Shape] = field(default_factory=dict)


@dataclass(frozen=True)
class FromFiles:
    """``--auto_set_dymshape_mode`` and ``--auto_set_dymdims_mode``: the shape of each .npy file."""


Gear = Static | Batch | Picture | Dims | FromFiles


def parse_dims(text: str) -> Dims:
    """Read ``name:1,3,224,224;name2:1,5``; a name may hold ``:`` itself.

    Raises:
        InferError: a part has no name or no dims, or a dim is not a positive number.
    """
    shapes: dict[str, Shape] = {}
    for part in filter(None, (each.strip() for each in text.split(";"))):
        name, _, numbers = part.rpartition(":")
        dims = [each.strip() for each in numbers.split(",")]
        if not name or not all(each.isdecimal() and int(each) > 0 for each in dims):
            raise InferError(f"{part!r} is no shape; write it as input_name:1,3,224,224")
        shapes[name] = tuple(map(int, dims))
    if not shapes:
        raise InferError(f"{text!r} names no shape; write input_name:1,3,224,224")
    return Dims(shapes)


def shapes_of(inputs: Sequence[TensorDesc], gear: Gear) -> tuple[Shape, ...]:
    """The shape of every input under ``gear``.

    Raises:
        InferError: a dim stays open, or the gear names an input or sets a dim that does not exist.
    """
    if isinstance(gear, Dims):
        unknown = set(gear.shapes) - {each.name for each in inputs}
        if unknown:
            names = ", ".join(each.name for each in inputs) or "none"
            raise InferError(f"the model has no input {min(unknown)!r}; its inputs: {names}")
    shapes = tuple(_shape(each, gear) for each in inputs)
    for desc, shape in zip(inputs, shapes, strict=True):
        if OPEN in shape:
            raise InferError(_still_open(desc, gear))
    if isinstance(gear, (Batch, Picture)) and all(OPEN not in each.dims for each in inputs):
        option = "--dymBatch" if isinstance(gear, Batch) else "--dymHW"
        raise InferError(f"{option} is given, but no input of the model has a dynamic dim")
    return shapes


def gear_of_arrays(inputs: Sequence[TensorDesc], arrays: Sequence[Array], mode: str) -> Gear:
    """The gear that a mode of ``InferSession.infer`` takes from the shapes of its feeds.

    Raises:
        InferError: the mode is not one of ais_bench's, or the arrays have too few dims for it.
    """
    if mode == "static":
        return Static()
    if mode in ("dymdims", "dymshape"):
        return Dims({each.name: array.shape for each, array in zip(inputs, arrays, strict=True)})
    for desc, array in zip(inputs, arrays, strict=True):
        if OPEN not in desc.dims or array.ndim != len(desc.dims):
            continue
        if mode == "dymbatch":
            return Batch(array.shape[desc.dims.index(OPEN)])
        if mode == "dymhw" and array.ndim == 4:
            return Picture(array.shape[2], array.shape[3])
    if mode not in ("dymbatch", "dymhw"):
        raise InferError(f"mode {mode!r} is not one of static, dymbatch, dymhw, dymdims, dymshape")
    raise InferError(f"mode {mode!r}: no input has a dynamic dim that its array gives a size to")


def _shape(desc: TensorDesc, gear: Gear) -> Shape:
    dims = list(desc.dims)
    if isinstance(gear, Batch) and OPEN in dims:
        dims[dims.index(OPEN)] = gear.size
    elif isinstance(gear, Picture) and len(dims) == 4:
        for axis, size in ((2, gear.height), (3, gear.width)):
            dims[axis] = size if dims[axis] == OPEN else dims[axis]
    elif isinstance(gear, Dims) and desc.name in gear.shapes:
        given = gear.shapes[desc.name]
        fits = len(given) == len(dims) and all(
            dim in (OPEN, size) for dim, size in zip(dims, given, strict=True)
        )
        if not fits:
            raise InferError(
                f"input {desc.name!r} has the shape {_text(dims)}; {_text(given)} does not fit it"
            )
        return given
    return tuple(dims)


def _still_open(desc: TensorDesc, gear: Gear) -> str:
    what = f"input {desc.name!r} has the dynamic shape {_text(desc.dims)}"
    example = ",".join("1" if dim == OPEN else str(dim) for dim in desc.dims)
    return (
        f"{what}, and {'nothing says' if isinstance(gear, Static) else 'not everything is said of'}"
        f' its sizes; give them, as in --dymShape "{desc.name}:{example}"'
    )


def _text(dims: Sequence[int]) -> str:
    return f"[{','.join(map(str, dims))}]"
