"""Deformable convolution in operators of opset 11: index arithmetic, a Gather, a Conv of 1 by 1.

The letters of the shapes below: N images, C channels, G deformable groups, K positions in the
kernel, P output points.
"""

from functools import cached_property

import numpy as np
import onnx_ir as ir

from graphfix.rewrite import Rewriter
from graphfix_passes._deform_conv_forms import Convolution, Order, size_of
from graphfix_passes._fold import Fold, Number

_FLOAT = ir.DataType.FLOAT

_RIM = (1, 2)
"""Zeros before and behind the picture: a point is kept within one cell around it, and the farther
neighbours of one just behind it are a cell beyond."""


def decompose(conv: Convolution, rw: Rewriter) -> ir.Value:
    """Build what the convolution computes; float16 is calculated in float32."""
    return _Builder(conv, rw).build()


class _Builder:
    """The arithmetic of one site, in float32."""

    def __init__(self, conv: Convolution, rw: Rewriter) -> None:
        self.conv = conv
        self.rw = rw
        self.fold = Fold(rw)
        self.batch = size_of(conv.x, 0)
        self.channels = size_of(conv.weight, 1)
        self.out = (conv.output_size(0), conv.output_size(1))

    def build(self) -> ir.Value:
        fold = self.fold
        offsets, mask = self._offsets()
        points = self._hold(fold("Add", offsets, self._places()))
        below = fold("Floor", points)
        pixels = self.rw.op("Gather", self._pixel_rows(), fold.value(self._index(below)), axis=0)
        weights = self._weights(fold("Sub", points, below), mask)
        sampled = self._sum(self.rw.op("Mul", pixels, fold.value(weights)))
        return self._convolve(self._columns(sampled))

    # Points, y before x: [2, N, G * K, P]

    def _offsets(self) -> tuple[Number, ir.Value | None]:
        """The displacements, and the masks [N, G * K, P]."""
        conv, rw = self.conv, self.rw
        positions = conv.positions
        offset = self._cast(conv.offset)
        if conv.order is Order.PACKED:
            parts = rw.op("Reshape", offset, rw.const([0, 3, positions, -1]))
            parts = rw.op("Transpose", parts, perm=[1, 0, 2, 3])
            mask = rw.op("Gather", parts, rw.const(2), axis=0)
            return rw.op("Gather", parts, rw.const([1, 0]), axis=0), mask
        turns = rw.op("Reshape", offset, rw.const([0, positions, 2, -1]))
        masks = None
        if conv.mask is not None:
            masks = rw.op("Reshape", self._cast(conv.mask), rw.const([0, positions, -1]))
        return rw.op("Transpose", turns, perm=[2, 0, 1, 3]), masks

    def _places(self) -> Number:
        """Where the kernel touches the picture without offsets: [2, 1, G * K, P].

        All terms are integers, so that the sum with an offset is rounded once.
        """
        conv = self.conv
        taps = np.indices(conv.kernel).reshape(2, 1, conv.taps, 1)
        reach = taps * np.reshape(conv.dilations, (2, 1, 1, 1))
        first = reach - np.reshape(conv.pads[:2], (2, 1, 1, 1))
        return self.fold(
            "Add",
            self.rw.const(_real(np.tile(first, (conv.deformable_groups, 1)))),
            self._grid,
        )

    @cached_property
    def _grid(self) -> Number:
        """Output points in steps of the picture: [2, 1, 1, P]."""
        fold, strides = self.fold, np.reshape(self.conv.strides, (2, 1, 1, 1))
        rows, columns = self.out
        if rows is not None and columns is not None:
            return _real(np.indices((rows, columns)).reshape(2, 1, 1, -1) * strides)
        zero, one = np.array(0), np.array(1)
        counts = [fold("Gather", self._out_shape, np.array(axis), axis=0) for axis in (0, 1)]
        steps = [
            fold("Mul", fold("Range", zero, count, one), np.array(stride))
            for count, stride in zip(counts, self.conv.strides, strict=True)
        ]
        down = fold("Expand", fold("Reshape", steps[0], np.array([-1, 1])), self._out_shape)
        across = fold("Expand", steps[1], self._out_shape)
        flat = [fold("Reshape", part, np.array([1, 1, 1, -1])) for part in (down, across)]
        return fold("Cast", fold("Concat", *flat, axis=0), to=_FLOAT)

    @cached_property
    def _out_shape(self) -> Number:
        """Rows and columns of the output, int64 [2]: those of the offsets."""
        return self.fold("Gather", self.rw.op("Shape", self.conv.offset), np.array([2, 3]), axis=0)

    def _hold(self, points: Number) -> Number:
        """Keep points within one cell around the picture, where everything is zero.

        ``Where`` rather than ``Max`` sends NaN to the lower bound too.
        """
        fold, low = self.fold, _real(-1)
        inside = fold("Where", fold("Greater", points, low), points, low)
        return fold("Min", inside, fold("Cast", self._sizes, to=_FLOAT))

    @cached_property
    def _sizes(self) -> Number:
        """Height and width of the picture: int32 [2, 1, 1, 1]."""
        height, width = size_of(self.conv.x, 2), size_of(self.conv.x, 3)
        if height is not None and width is not None:
            return np.array([height, width], np.int32).reshape(2, 1, 1, 1)
        sizes = self.fold("Gather", self.rw.op("Shape", self.conv.x), np.array([2, 3]), axis=0)
        sizes = self.fold("Reshape", sizes, np.array([2, 1, 1, 1]))
        return self.fold("Cast", sizes, to=ir.DataType.INT32)

    # The four pixels around a point, in the order of their cells: [4, N, G * K, P]

    def _index(self, below: Number) -> Number:
        """Row of each pixel in the table of all pixels of all images and groups."""
        fold, to = self.fold, self._index_type
        rim = np.array(sum(_RIM), np.int32)
        padded = fold("Cast", fold("Add", self._sizes, rim), to=to)
        height, width = (
            fold("Gather", fold("Reshape", padded, np.array([-1])), np.array([axis]), axis=0)
            for axis in (0, 1)
        )
        cells = fold("Cast", fold("Add", below, _real(_RIM[0])), to=to)
        row, column = (fold("Gather", cells, np.array([axis]), axis=0) for axis in (0, 1))
        cell = fold("Add", fold("Mul", row, width), column)
        picture = fold("Mul", self._pictures, fold("Mul", height, width))
        nothing, one = np.zeros(1, to.numpy()), np.ones(1, to.numpy())
        around = fold("Concat", nothing, one, width, fold("Add", width, one), axis=0)
        around = fold("Reshape", around, np.array([4, 1, 1, 1]))
        return fold("Add", fold("Add", cell, picture), around)

    @cached_property
    def _index_type(self) -> ir.DataType:
        """int32, which NPUs calculate with, unless the table is known to be too long for it."""
        if self.batch is None or not isinstance(self._sizes, np.ndarray):
            return ir.DataType.INT32
        area = int(np.prod(self._sizes + sum(_RIM), dtype=np.int64))
        rows = self.batch * self.conv.deformable_groups * area
        return ir.DataType.INT32 if rows < 1 << 31 else ir.DataType.INT64

    @cached_property
    def _pictures(self) -> Number:
        """Number of the picture that each position reads: [N, G * K, 1]."""
        fold, groups, to = self.fold, self.conv.deformable_groups, self._index_type
        group = np.repeat(np.arange(groups), self.conv.taps).reshape(1, -1, 1).astype(to.numpy())
        if self.batch is not None:
            images: Number = np.arange(self.batch, dtype=to.numpy()).reshape(-1, 1, 1)
        else:
            count = fold("Gather", self.rw.op("Shape", self.conv.x), np.array(0), axis=0)
            numbers = fold("Range", np.array(0), count, np.array(1))
            images = fold("Cast", fold("Reshape", numbers, np.array([-1, 1, 1])), to=to)
        return fold("Add", fold("Mul", images, np.array(groups, to.numpy())), group)

    def _weights(self, fraction: Number, mask: ir.Value | None) -> Number:
        """Share of each pixel, the mask included: [4, N, G * K, P, 1]."""
        fold = self.fold
        both = fold("Concat", fold("Sub", _real(1), fraction), fraction, axis=0)
        down = fold("Gather", both, np.array([0, 0, 2, 2]), axis=0)
        across = fold("Gather", both, np.array([1, 3, 1, 3]), axis=0)
        weights = fold("Mul", down, across)
        if mask is not None:
            weights = fold("Mul", weights, mask)
        return fold("Reshape", weights, np.array([4, 0, 0, -1, 1]))

    # Pixels

    def _pixel_rows(self) -> ir.Value:
        """The table of all pixels, the channels of a group side by side: [pixels, C / G]."""
        rw, groups = self.rw, self.conv.deformable_groups
        x = self._cast(self.conv.x)
        pads = [0, 0, _RIM[0], _RIM[0], 0, 0, _RIM[1], _RIM[1]]
        x = rw.op("Pad", x, rw.const(pads), rw.const(_real(0)), mode="constant")
        share = self._all_channels // groups
        if groups == 1:
            pixels = rw.op("Transpose", x, perm=[0, 2, 3, 1])
        else:
            flat = rw.op("Reshape", x, rw.const([0, groups, share, -1]))
            pixels = rw.op("Transpose", flat, perm=[0, 1, 3, 2])
        return rw.op("Reshape", pixels, rw.const([-1, share]))

    @property
    def _all_channels(self) -> int:
        assert self.channels is not None
        return self.channels * self.conv.groups

    def _sum(self, pixels: ir.Value) -> ir.Value:
        """Sum over the four pixels: [N, G * K, P, C / G]. ReduceSum changed in opset 13."""
        if self.rw.opset < 13:
            return self.rw.op("ReduceSum", pixels, axes=[0], keepdims=0)
        return self.rw.op("ReduceSum", pixels, self.rw.const([0]), keepdims=0)

    def _columns(self, sampled: ir.Value) -> ir.Value:
        """What the kernel sees, as channels of the output: [N, C * K, rows, columns]."""
        rw, conv = self.rw, self.conv
        channels = self._all_channels * conv.taps
        if conv.deformable_groups == 1:
            turned = rw.op("Transpose", sampled, perm=[0, 3, 1, 2])
        else:
            shape = rw.const([0, conv.deformable_groups, conv.taps, -1, self._share])
            turned = rw.op("Reshape", sampled, shape)
            turned = rw.op("Transpose", turned, perm=[0, 1, 4, 2, 3])
        if None not in self.out:
            return rw.op(
                "Reshape", turned, rw.const([0, channels, *map(int, filter(None, self.out))])
            )
        shape = self.fold.value(
            self.fold("Concat", np.array([0, channels]), self._out_shape, axis=0)
        )
        return rw.op("Reshape", turned, shape)

    @property
    def _share(self) -> int:
        return self._all_channels // self.conv.deformable_groups

    def _convolve(self, columns: ir.Value) -> ir.Value:
        rw, conv = self.rw, self.conv
        shape = np.array([0, self._all_channels // conv.groups * conv.taps, 1, 1])
        known = rw.constant(conv.weight)
        weight: Number = self._cast(conv.weight) if known is None else known.astype(np.float32)
        weight = self.fold.value(self.fold("Reshape", weight, shape))
        operands = [weight, *([self._cast(conv.bias)] if conv.bias is not None else [])]
        y = rw.op("Conv", columns, *operands, group=conv.groups, kernel_shape=[1, 1])
        dtype = conv.x.dtype
        return y if dtype in (None, _FLOAT) else rw.op("Cast", y, to=dtype)

    def _cast(self, value: ir.Value) -> ir.Value:
        if value.dtype == _FLOAT:
            return value
        return self.rw.op("Cast", value, to=_FLOAT)


def _real(number: np.ndarray | float) -> np.ndarray:
    return np.asarray(number, np.float32)
