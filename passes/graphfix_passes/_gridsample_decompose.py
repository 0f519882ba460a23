"""GridSample in operators of opset 11: index arithmetic, one Gather, one weighted sum.

The letters of the shapes below: N samples, C channels, P output points, D = 2 or 3 coordinates
(x first, as in the grid), T taps along one axis (1, 2 or 4), K = T**D taps of one point.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import onnx_ir as ir

from graphfix.rewrite import Rewriter, Skip
from graphfix_passes._fold import Fold, Number
from graphfix_passes._gridsample_sampling import Interpolation, Padding, Sampling

_MAX_FOLDED_POINTS = 1 << 16
"""A constant grid of more points is not folded: its indices and weights would bloat the model."""

_TAPS: dict[Interpolation, tuple[int, ...]] = {
    Interpolation.NEAREST: (0,),
    Interpolation.BILINEAR: (0, 1),
    Interpolation.BICUBIC: (-1, 0, 1, 2),
}
"""The pixels that count, relative to the one below the point (nearest: at the point)."""

_WEIGHTS: dict[Interpolation, np.ndarray] = {
    Interpolation.BILINEAR: np.array([[-1, 1], [1, 0]]),
    # Keys, "Cubic convolution interpolation", 1981, with a = -0.75 as in PyTorch and onnxruntime.
    Interpolation.BICUBIC: np.array(
        [[-0.75, 1.5, -0.75, 0], [1.25, -2.25, 0, 1], [-1.25, 1.5, 0.75, 0], [0.75, -0.75, 0, 0]]
    ),
}
"""Weight of each tap as a polynomial of the fraction, highest power first; exact in float32."""

_FLOATS = (ir.DataType.FLOAT16, ir.DataType.FLOAT, ir.DataType.DOUBLE)


@dataclass(frozen=True)
class Shapes:
    """What is known of the shapes; ``None`` is a dim that is only known at run time."""

    batch: int | None
    channels: int | None
    sizes: tuple[int | None, ...]
    """Extent of the picture along each coordinate, x first."""
    out: tuple[int | None, ...]

    @property
    def axes(self) -> int:
        """Number of coordinates."""
        return len(self.sizes)


def decompose(
    image: ir.Value, grid: ir.Value, result: ir.Value, sampling: Sampling, rw: Rewriter
) -> ir.Value | Skip:
    """Build what GridSample(image, grid) computes; ``result`` only tells its shape.

    ``image`` is [N, C, (depth,) height, width], ``grid`` [N, (depth,) height, width, D] in
    [-1, 1]. Both are float16, float32 or float64; the arithmetic is float32 unless one is float64.
    """
    shapes = _shapes(image, grid, result)
    if isinstance(shapes, Skip):
        return shapes
    types = (image.dtype, grid.dtype)
    for role, type_ in zip(("image", "grid"), types, strict=True):
        if type_ is None:
            return rw.skip(f"the element type of the {role} is not known")
        if type_ not in _FLOATS:
            return rw.skip(
                f"the {role} is {type_.name}, only FLOAT16, FLOAT and DOUBLE are decomposed"
            )
    double = ir.DataType.DOUBLE in types
    dtype = np.dtype(np.float64 if double else np.float32)
    # Beyond half the mantissa the neighbours of a pixel lose the fraction between them.
    largest = 1 << (np.finfo(dtype).nmant - 1)
    if any(size is not None and size > largest for size in shapes.sizes):
        return rw.skip(f"an axis has more than {largest} pixels, too many for {dtype.name}")
    return _Builder(rw, sampling, shapes, dtype).build(image, grid)


def _shapes(image: ir.Value, grid: ir.Value, result: ir.Value) -> Shapes | Skip:
    ranks = [len(v.shape) for v in (image, grid, result) if v.shape is not None]
    if not ranks:
        return Skip("the rank of image and grid is not known")
    rank = ranks[0]
    if any(other != rank for other in ranks):
        return Skip("image and grid differ in rank")
    if rank not in (4, 5):
        return Skip(f"image and grid have rank {rank}, only ranks 4 and 5 are decomposed")
    batch = _first_known(_dim(image, 0), _dim(grid, 0), _dim(result, 0))
    channels = _first_known(_dim(image, 1), _dim(result, 1))
    sizes = tuple(_dim(image, axis) for axis in range(rank - 1, 1, -1))
    out = tuple(_first_known(_dim(grid, a), _dim(result, a + 1)) for a in range(1, rank - 1))
    if 0 in (batch, channels, *sizes, *out):
        return Skip("a dimension is 0, there is nothing to sample")
    return Shapes(batch, channels, sizes, out)


def _dim(value: ir.Value, axis: int) -> int | None:
    dim = None if value.shape is None else value.shape[axis]
    return dim if isinstance(dim, int) and dim >= 0 else None


def _first_known(*dims: int | None) -> int | None:
    return next((dim for dim in dims if dim is not None), None)


class _Builder:
    """The arithmetic of one site, in one float type."""

    def __init__(
        self, rw: Rewriter, sampling: Sampling, shapes: Shapes, dtype: np.dtype[np.floating]
    ) -> None:
        self.rw = rw
        self.fold = Fold(rw)
        self.sampling = sampling
        self.shapes = shapes
        self.dtype = dtype
        self.ir_dtype = ir.DataType.from_numpy(dtype)
        self.taps = _TAPS[sampling.interpolation]
        # With zeros the picture gets a rim wide enough that a point far outside reads only rim.
        self.rim = len(self.taps) if sampling.padding is Padding.ZEROS else 0
        self.rows = np.repeat(np.arange(shapes.axes), len(self.taps))
        """Axis of each row, when every axis has one row per tap."""

    def build(self, image: ir.Value, grid: ir.Value) -> ir.Value:
        self.sizes = self._sizes(image)
        known = self.rw.constant(grid)
        if known is not None and known.size <= _MAX_FOLDED_POINTS * self.shapes.axes:
            points = self._points(self.fold, known)
        else:
            points = self._points(self.fold, grid)
        points = self._hold(points)
        nearest = self.sampling.interpolation is Interpolation.NEAREST
        below = self.fold("Round" if nearest else "Floor", points)
        index = self._index(below, grid)
        pixels = self.rw.op("Gather", self._pixel_rows(image), self.fold.value(index), axis=0)
        if not nearest:
            weights = self._weights(self.fold("Sub", points, below))
            pixels = self._sum(self.rw.op("Mul", pixels, self.fold.value(weights)))
        return self._result(pixels, grid, image.dtype)

    # Coordinates, one row per axis: [D, N, P]

    def _sizes(self, image: ir.Value) -> Number:
        """Extents of the picture, x first: int32 [D, 1, 1]."""
        count = self.shapes.axes
        known = [size for size in self.shapes.sizes if size is not None]
        if len(known) == count:
            return np.array(known, np.int32).reshape(count, 1, 1)
        axes = np.arange(count + 1, 1, -1)
        sizes = self.fold("Gather", self.rw.op("Shape", image), axes, axis=0)
        sizes = self.fold("Reshape", sizes, np.array([count, 1, 1]))
        return self.fold("Cast", sizes, to=ir.DataType.INT32)

    def _real(self, number: float) -> np.ndarray:
        return np.array(number, self.dtype)

    @cached_property
    def _extent(self) -> Number:
        """Extents of the picture as floats."""
        return self.fold("Cast", self.sizes, to=self.ir_dtype)

    @cached_property
    def _last(self) -> Number:
        """Index of the last pixel along each axis, as a float."""
        return self.fold("Sub", self._extent, self._real(1))

    def _points(self, fold: Fold, grid: Number) -> Number:
        """Where the points lie, in pixels; [-1, 1] is the picture between its outer pixels'
        centres (align_corners) or edges. Rounds exactly like ``((g + 1) * size - 1) / 2``."""
        if grid.dtype != (self.dtype if isinstance(grid, np.ndarray) else self.ir_dtype):
            grid = fold("Cast", grid, to=self.ir_dtype)
        grid = fold("Reshape", grid, np.array([0, -1, self.shapes.axes]))
        grid = fold("Transpose", grid, perm=[2, 0, 1])
        shifted = fold("Add", grid, self._real(1))
        if self.sampling.align_corners:
            return fold("Mul", shifted, fold("Mul", self._last, self._real(0.5)))
        scaled = fold("Mul", shifted, fold("Mul", self._extent, self._real(0.5)))
        return fold("Sub", scaled, self._real(0.5))

    def _hold(self, points: Number) -> Number:
        """Keep the points where index arithmetic is exact, without changing the result.

        ``Where`` rather than ``Max`` sends NaN to the lower bound too.
        """
        fold = self.fold
        if self.sampling.padding is Padding.REFLECTION:
            near = fold("Less", fold("Abs", points), self._real(2.0 ** np.finfo(self.dtype).nmant))
            return fold("Where", near, points, self._real(0))
        low, high = self._real(-1 - self.taps[-1]), self._real(-self.taps[0])
        if self.sampling.padding is Padding.BORDER and self.taps[0] == 0:
            low, high = self._real(0), self._real(-1)
        inside = fold("Where", fold("Greater", points, low), points, low)
        return fold("Min", inside, fold("Add", self._extent, high))

    # Indices and weights, one row per axis and tap [D * T, N, P], then one per tap [K, N, P]

    def _per_tap(self, rows: Number) -> Number:
        return rows if len(self.taps) == 1 else self.fold("Gather", rows, self.rows, axis=0)

    def _column(self, numbers: Sequence[float]) -> np.ndarray:
        return np.tile(np.array(numbers, self.dtype), self.shapes.axes).reshape(-1, 1, 1)

    def _combine(self, op_type: str, rows: Number) -> Number:
        """Join the rows of the axes for every combination of taps, x varying fastest."""
        count = len(self.taps)
        combinations = list(itertools.product(range(count), repeat=self.shapes.axes))
        parts = []
        for axis in range(self.shapes.axes):
            pick = np.array([axis * count + taps[-1 - axis] for taps in combinations])
            # A single tap needs no axis of its own.
            parts.append(self.fold("Gather", rows, pick if count > 1 else pick[0], axis=0))
        joined = parts[0]
        for part in parts[1:]:
            joined = self.fold(op_type, joined, part)
        return joined

    def _index(self, below: Number, grid: ir.Value) -> Number:
        """Row of each tap in the table of all pixels of all samples."""
        fold = self.fold
        taps = self._per_tap(below)
        if self.taps != (0,) or self.rim:
            taps = fold("Add", taps, self._column([tap + self.rim for tap in self.taps]))
        taps = self._pad(taps)
        to, widths = self._index_type(), fold("Add", self.sizes, np.array(2 * self.rim, np.int32))
        strides, plane = self._strides(fold("Cast", widths, to=to))
        rows = fold("Mul", fold("Cast", taps, to=to), self._per_tap(strides))
        index = self._combine("Add", rows)
        if self.shapes.batch == 1:
            return index
        return fold("Add", index, fold("Mul", self._samples(grid, to), plane))

    def _pad(self, taps: Number) -> Number:
        """Bring taps outside the picture back into it."""
        fold = self.fold
        if self.sampling.padding is Padding.BORDER:
            if self.taps[0] < 0:
                taps = fold("Max", taps, self._real(0))
            return fold("Min", taps, self._per_tap(self._last)) if self.taps[-1] > 0 else taps
        if self.sampling.padding is Padding.REFLECTION:
            # Mirrored at the outer pixels' centres or edges, the picture has this period.
            top = fold("Mul", self._last, self._real(2))
            if not self.sampling.align_corners:
                top = fold("Add", top, self._real(1))
                period = fold("Add", top, self._real(1))
            else:
                period = fold("Max", top, self._real(1))
            top, period = self._per_tap(top), self._per_tap(period)
            periods = fold("Floor", fold("Div", taps, period))
            taps = fold("Sub", taps, fold("Mul", periods, period))
            return fold("Min", taps, fold("Sub", top, taps))
        return taps

    def _index_type(self) -> ir.DataType:
        """int32, which NPUs calculate with, unless the table is known to be too long for it."""
        if self.shapes.batch is None or not isinstance(self.sizes, np.ndarray):
            return ir.DataType.INT32
        length = self.shapes.batch * int(np.prod(self.sizes + 2 * self.rim, dtype=np.int64))
        return ir.DataType.INT32 if length < 1 << 31 else ir.DataType.INT64

    def _strides(self, widths: Number) -> tuple[Number, Number]:
        """Distance in the table of neighbours along each axis [D, 1, 1]; pixels of a sample [1]."""
        fold = self.fold
        flat = fold("Reshape", widths, np.array([-1]))
        steps: list[Number] = [self._one(widths)]
        for axis in range(self.shapes.axes):
            width = fold("Gather", flat, np.array([axis]), axis=0)
            steps.append(width if axis == 0 else fold("Mul", steps[-1], width))
        strides = fold("Concat", *steps[:-1], axis=0)
        return fold("Reshape", strides, np.array([-1, 1, 1])), steps[-1]

    def _one(self, like: Number) -> np.ndarray:
        return np.array([1], like.dtype if isinstance(like, np.ndarray) else np.int32)

    def _samples(self, grid: ir.Value, to: ir.DataType) -> Number:
        """Numbers of the samples: [N, 1]."""
        if self.shapes.batch is not None:
            return np.arange(self.shapes.batch, dtype=to.numpy()).reshape(-1, 1)
        zero, one = np.array(0, np.int64), np.array(1, np.int64)
        count = self.fold("Gather", self.rw.op("Shape", grid), zero, axis=0)
        samples = self.fold("Reshape", self.fold("Range", zero, count, one), np.array([-1, 1]))
        return self.fold("Cast", samples, to=to)

    def _weights(self, fraction: Number) -> Number:
        """Weight of each tap: [K, N, P, 1]."""
        fold = self.fold
        powers = _WEIGHTS[self.sampling.interpolation].T
        fraction = self._per_tap(fraction)
        weights = fold("Mul", fraction, self._column(powers[0]))
        for factors in powers[1:-1]:
            weights = fold("Mul", fold("Add", weights, self._column(factors)), fraction)
        weights = fold("Add", weights, self._column(powers[-1]))
        return fold("Reshape", self._combine("Mul", weights), np.array([0, 0, 0, 1]))

    # Pixels

    def _pixel_rows(self, image: ir.Value) -> ir.Value:
        """The table of all pixels, channels side by side: [pixels, C]."""
        rw, count = self.rw, self.shapes.axes
        if image.dtype != self.ir_dtype:
            image = rw.op("Cast", image, to=self.ir_dtype)
        if self.rim:
            pads = [0, 0, *[self.rim] * count] * 2
            image = rw.op("Pad", image, rw.const(pads), rw.const(self._real(0)), mode="constant")
        pixels = rw.op("Transpose", image, perm=[0, *range(2, count + 2), 1])
        if self.shapes.channels is not None:
            return rw.op("Reshape", pixels, rw.const([-1, self.shapes.channels]))
        channels = rw.op("Gather", rw.op("Shape", image), rw.const([1]), axis=0)
        return rw.op("Reshape", pixels, rw.op("Concat", rw.const([-1]), channels, axis=0))

    def _sum(self, pixels: ir.Value) -> ir.Value:
        """Sum over the taps. Only this node is spelled differently before opset 13."""
        if self.rw.opset < 13:
            return self.rw.op("ReduceSum", pixels, axes=[0], keepdims=0)
        return self.rw.op("ReduceSum", pixels, self.rw.const([0]), keepdims=0)

    def _result(self, points: ir.Value, grid: ir.Value, dtype: ir.DataType | None) -> ir.Value:
        """From [N, P, C] to [N, C, ...] in the image's type."""
        rw, out = self.rw, self.shapes.out
        known = [dim for dim in out if dim is not None]
        if len(known) == len(out):
            shape = rw.const([0, 0, *known])
        else:
            dims = rw.op(
                "Gather", rw.op("Shape", grid), rw.const(list(range(1, len(out) + 1))), axis=0
            )
            shape = rw.op("Concat", rw.const([0, 0]), dims, axis=0)
        result = rw.op("Reshape", rw.op("Transpose", points, perm=[0, 2, 1]), shape)
        return result if dtype in (None, self.ir_dtype) else rw.op("Cast", result, to=dtype)
