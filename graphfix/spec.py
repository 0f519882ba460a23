"""What the inputs of a model look like: dtype, shape with named dims, permitted values."""

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from graphfix.errors import UsageError

Dim = int | str | None
"""A fixed size, a name shared by dims of equal size, or unknown."""

Shape = tuple[Dim, ...]
Fixed = tuple[int, ...]


@dataclass(frozen=True)
class InputSpec:
    """What is known about one model input; a field that is ``None`` is not known."""

    name: str
    dtype: str | None = None
    """ONNX element type in lower case, such as ``float32``, ``int64``, ``bfloat16``, ``string``."""
    shape: Shape | None = None
    low: float | None = None
    """Smallest value; with ``high`` it bounds every feed."""
    high: float | None = None
    """Largest value, included."""
    values: tuple[float | int | bool | str, ...] | None = None
    """The only values allowed; the feeds are drawn from them."""


@dataclass(frozen=True)
class Binding:
    """One choice of sizes: every input with a fixed shape."""

    dims: Mapping[str, int]
    shapes: Mapping[str, Fixed]

    @property
    def label(self) -> str:
        """Short text such as ``N=4 H=64``; the shapes themselves when no dim has a name."""
        if self.dims:
            return " ".join(f"{name}={size}" for name, size in self.dims.items())
        return " ".join(f"{n}:{','.join(map(str, s))}" for n, s in self.shapes.items()) or "fixed"


def parse_shape(text: str) -> tuple[str, Shape]:
    """Read ``name:1,3,?,W`` (the name may hold ``:`` and ``/``; ``?`` and ``-1`` are unknown).

    A scalar is ``name:``.

    Raises:
        UsageError: there is no ``:``, or a dim is neither a size, a name nor ``?``.
    """
    name, colon, dims = text.strip().rpartition(":")
    if not colon or not name:
        raise UsageError(f"shape {text!r} must look like input:1,3,32,100")
    if not dims.strip():
        return name, ()
    return name, tuple(_dim(part.strip(), text) for part in dims.split(","))


def parse_shapes(texts: Iterable[str]) -> dict[str, tuple[Shape, ...]]:
    """Read several shapes, separate or joined by ``;``; equal names collect in their order."""
    found: dict[str, tuple[Shape, ...]] = {}
    for text in texts:
        for part in text.split(";"):
            if part.strip():
                name, shape = parse_shape(part)
                found[name] = (*found.get(name, ()), shape)
    return found


def bindings(
    specs: Sequence[InputSpec],
    *,
    shapes: Mapping[str, Sequence[Shape]] | None = None,
    dims: Mapping[str, Sequence[int]] | None = None,
    runs: Callable[[Binding], bool] = lambda binding: True,
) -> tuple[Binding, ...]:
    """Choose sizes so that every symbolic dim takes at least two, wherever ``runs`` allows it.

    A dim name has one size everywhere; a name such as ``32*h`` is computed from ``h``, which gets a
    size if no input has it. ``shapes`` pins whole inputs: the k-th shape of each input makes the
    k-th binding (the last one is repeated). ``dims`` gives the sizes to try for a name, and nothing
    else is tried for it. A size is plausible for the place of its dim: batch 1 and 4, pictures of
    multiples of 32 and of odd sizes.
    Sizes at which ``runs`` is false are replaced by others, and by none when none works.

    Raises:
        UsageError: ``shapes`` or ``dims`` names an input or dim that is not there, or a shape has
            another rank or another fixed size than the input.
    """
    named = [_with_names(spec) for spec in specs]
    count = max((len(options) for options in (shapes or {}).values()), default=1)
    pinned = [_pin(named, shapes or {}, k) for k in range(count)]
    _require_known(dims or {}, named)
    chosen: list[Binding] = []
    for variant in pinned:
        chosen.extend(_sizes(variant, dims or {}, runs))
    return tuple({tuple(b.shapes.items()): b for b in chosen}.values())


_ATTEMPTS = 48
"""Bindings tried at most; each costs one run of the model when it is the first that fails."""


def _sizes(
    specs: Sequence[InputSpec],
    dims: Mapping[str, Sequence[int]],
    runs: Callable[[Binding], bool],
) -> list[Binding]:
    choices = {
        name: tuple(dims[name]) if name in dims else tuple(sizes)
        for name, sizes in _choices(specs, dims).items()
    }
    tried: dict[tuple[int, ...], bool] = {}

    def works(sizes: Mapping[str, int]) -> bool:
        key = tuple(sizes.values())
        if key not in tried:
            if len(tried) >= _ATTEMPTS:
                return False
            tried[key] = runs(_bind(specs, sizes))
        return tried[key]

    if not choices:
        return [_bind(specs, {})] if works({}) else []
    longest = max(len(sizes) for sizes in choices.values())
    diagonal = [
        {name: sizes[min(k, len(sizes) - 1)] for name, sizes in choices.items()}
        for k in range(longest)
    ]
    single = [
        {**{name: sizes[0] for name, sizes in choices.items()}, name: size}
        for name, sizes in choices.items()
        for size in sizes[1:]
    ]
    last = {name: sizes[-1] for name, sizes in choices.items()}
    first = next((sizes for sizes in (*diagonal, *single, last) if works(sizes)), None)
    if first is None:
        return []
    found = [first]
    for sizes in diagonal:
        if any(_adds(name, size, found, choices, dims) for name, size in sizes.items()) and works(
            sizes
        ):
            found.append(sizes)
    for name, sizes_of_name in choices.items():
        for size in sizes_of_name:
            if _adds(name, size, found, choices, dims) and works({**first, name: size}):
                found.append({**first, name: size})
    return [_bind(specs, sizes) for sizes in found]


def _adds(
    name: str,
    size: int,
    found: Sequence[Mapping[str, int]],
    choices: Mapping[str, Sequence[int]],
    given: Mapping[str, Sequence[int]],
) -> bool:
    """Whether ``size`` is still wanted: two sizes are enough unless they were given."""
    seen = {sizes[name] for sizes in found}
    return size not in seen and (len(seen) < 2 or name in given)


def _dim(part: str, text: str) -> Dim:
    if part in ("?", "-1"):
        return None
    if part.isdecimal():
        return int(part)
    if not part or part.startswith("-") or (part[0].isdigit() and not _is_expression(part)):
        raise UsageError(f"shape {text!r}: {part!r} is not a size, a dim name or '?'")
    return part


def _with_names(spec: InputSpec) -> InputSpec:
    """Give every unknown dim a name of its own."""
    if spec.shape is None:
        return spec
    shape = tuple(f"{spec.name}[{axis}]" if d is None else d for axis, d in enumerate(spec.shape))
    return replace(spec, shape=shape)


def _pin(
    specs: Sequence[InputSpec], shapes: Mapping[str, Sequence[Shape]], k: int
) -> list[InputSpec]:
    known = {spec.name for spec in specs}
    for name in shapes:
        if name not in known:
            choices = ", ".join(sorted(known)) or "none"
            raise UsageError(f"there is no input {name!r} to give a shape; inputs: {choices}")
    fixed: dict[str, int] = {}
    result = []
    for spec in specs:
        options = shapes.get(spec.name)
        if options:
            wanted = options[min(k, len(options) - 1)]
            spec = _pinned(spec, wanted, fixed)
        result.append(spec)
    return [_substitute(spec, fixed) for spec in result]


def _pinned(spec: InputSpec, wanted: Shape, fixed: dict[str, int]) -> InputSpec:
    declared = spec.shape if spec.shape is not None else (None,) * len(wanted)
    given = ",".join("?" if d is None else str(d) for d in wanted)
    if len(declared) != len(wanted):
        raise UsageError(
            f"shape {spec.name}:{given} has {len(wanted)} dims, the input has {len(declared)}"
        )
    merged: list[Dim] = []
    for axis, (old, new) in enumerate(zip(declared, wanted, strict=True)):
        if isinstance(old, int) and isinstance(new, int) and old != new:
            raise UsageError(
                f"shape {spec.name}:{given}: dim {axis} is {new}, the input fixes it to {old}"
            )
        named = isinstance(old, str) and isinstance(new, int)
        if named and fixed.setdefault(str(old), int(new or 0)) != new:
            raise UsageError(
                f"shape {spec.name}:{given}: dim {old!r} is both {fixed[str(old)]} and {new}"
            )
        merged.append(new if isinstance(new, int) or old is None else old)
    return _with_names(replace(spec, shape=tuple(merged)))


def _substitute(spec: InputSpec, fixed: Mapping[str, int]) -> InputSpec:
    if spec.shape is None:
        return spec
    shape = tuple(fixed.get(d, d) if isinstance(d, str) else d for d in spec.shape)
    return replace(spec, shape=shape)


def _require_known(dims: Mapping[str, Sequence[int]], specs: Sequence[InputSpec]) -> None:
    known = {d for spec in specs for d in spec.shape or () if isinstance(d, str)}
    known |= {unit for dim in known if (unit := _unit(dim)) is not None}
    for name in dims:
        if name not in known:
            choices = ", ".join(sorted(known)) or "none"
            raise UsageError(f"no input has a dim {name!r}; symbolic dims: {choices}")


def _choices(
    specs: Sequence[InputSpec], given: Mapping[str, Sequence[int]]
) -> dict[str, tuple[int, ...]]:
    """Sizes to try for every dim name, in order of preference."""
    found: dict[str, tuple[int, ...]] = {}
    names = {d for spec in specs for d in spec.shape or () if isinstance(d, str)}
    for spec in specs:
        for axis, dim in enumerate(spec.shape or ()):
            if not isinstance(dim, str) or dim in found or _computable(dim, names):
                continue
            sizes = _plausible(dim, axis, len(spec.shape or ()))
            unit = None if dim in given else _unit(dim)
            if unit is None:
                found[dim] = sizes
            elif unit not in found:
                found[unit] = _units(dim, unit, sizes)
    return found


def _unit(dim: str) -> str | None:
    """The one name in an expression such as ``32*h`` or ``2*s - 1``, and ``None`` for a name."""
    if not _is_expression(dim):
        return None
    tree = list(ast.walk(ast.parse(dim, mode="eval")))
    used = {node.id for node in tree if isinstance(node, ast.Name)}
    by_names = any(
        isinstance(node, ast.BinOp)
        and isinstance(node.op, ast.Sub)
        and not isinstance(node.right, ast.Constant)
        for node in tree
    )  # such as batch-size, which is a name
    return used.pop() if len(used) == 1 and not by_names else None


def _units(dim: str, unit: str, sizes: Sequence[int]) -> tuple[int, ...]:
    """Sizes for the name that make the whole dim plausible, or nearly so."""
    expression = ast.parse(dim, mode="eval").body
    values = {k: _evaluate(expression, {unit: k}) for k in range(1, max(sizes) + 1)}
    nearest = (min(values, key=lambda k: abs(values[k] - size)) for size in sizes)
    return tuple(dict.fromkeys(nearest))


def _plausible(name: str, axis: int, rank: int) -> tuple[int, ...]:
    low = name.lower()
    batch = (axis == 0 and rank > 1) or low in ("n", "b", "bs", "batch", "batch_size")
    if batch:
        return (1, 4, 2, 3)
    if low in ("w", "width") or (rank >= 4 and axis == 3 and low not in ("h", "height")):
        # Not the height's, so that an exchange shows; the second pair and their halves are odd.
        return (96, 61, 64, 224, 320, 640, 33, 512, 32)
    if (rank >= 4 and axis >= 2) or low in ("h", "height"):
        return (64, 73, 96, 224, 320, 640, 33, 512, 32)
    if rank >= 4 and axis == 1:
        return (3, 1, 4)
    # Waves that hold a few frames of speech or music, of up to 4096 samples, where nothing else
    # runs: [samples], [batch, samples] and [batch, samples, parts], one such axis for each input.
    waves = (4800, 6111) if axis == int(rank > 1) else ()
    return (8, 11, 16, 32, 128, 4, 2, 1, *waves)


def _bind(specs: Sequence[InputSpec], sizes: Mapping[str, int]) -> Binding:
    shapes = {spec.name: tuple(_size(d, sizes) for d in spec.shape or ()) for spec in specs}
    return Binding(dict(sizes), shapes)


def _size(dim: Dim, sizes: Mapping[str, int]) -> int:
    if isinstance(dim, int):
        return dim
    assert dim is not None, "unknown dims were named"
    return (
        sizes[dim] if dim in sizes else max(_evaluate(ast.parse(dim, mode="eval").body, sizes), 0)
    )


def _computable(dim: str, names: set[str]) -> bool:
    """Whether ``dim`` is arithmetic over other dim names, as dynamo writes (``32*h``)."""
    if not _is_expression(dim):
        return False
    used = {n.id for n in ast.walk(ast.parse(dim, mode="eval")) if isinstance(n, ast.Name)}
    return bool(used) and used <= names and dim not in used


def _is_expression(text: str) -> bool:
    try:
        tree = ast.parse(text, mode="eval")
    except SyntaxError:
        return False
    allowed = (
        ast.Expression,
        ast.BinOp,
        ast.Name,
        ast.Load,
        ast.Constant,
        ast.Add,
        ast.Sub,
        ast.Mult,
        ast.FloorDiv,
    )
    return isinstance(tree.body, ast.BinOp) and all(
        isinstance(node, allowed) for node in ast.walk(tree)
    )


def _evaluate(node: ast.expr, sizes: Mapping[str, int]) -> int:
    if isinstance(node, ast.BinOp):
        left, right = _evaluate(node.left, sizes), _evaluate(node.right, sizes)
        if isinstance(node.op, ast.Add):
            return left + right
        if isinstance(node.op, ast.Sub):
            return left - right
        if isinstance(node.op, ast.Mult):
            return left * right
        return left // right if right else 0
    if isinstance(node, ast.Name):
        return sizes[node.id]
    assert isinstance(node, ast.Constant)
    return int(node.value) if isinstance(node.value, int) else 0
