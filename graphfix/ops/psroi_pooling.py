"""PSROIPooling: position-sensitive average pooling of regions."""

from collections.abc import Sequence

import onnx_ir as ir

from graphfix.errors import PassError
from graphfix.ops.constants import constants
from graphfix.ops.operator import Attribute, Call, Port, Shape
from graphfix.ops.specialised import SpecialisedOperator


class PSROIPooling(SpecialisedOperator):
    """Position-sensitive pooling of R-FCN (Dai et al. 2016), as in its Caffe layer.

    Corners are rounded to integers, half to even. A region begins at ``round(x1) * spatial_scale``
    and ends at ``(round(x2) + 1) * spatial_scale``, is at least 0.1 wide, and is cut into
    ``group_size`` by ``group_size`` bins. Bin ``(i, j)`` of output channel ``d`` is the mean of
    channel ``(d * group_size + i) * group_size + j`` over the cells from the floor of its begin to
    the ceiling of its end that lie on the map; 0 when there are none. NaN in ``rois`` counts as 0,
    numbers end at 1e9, that of the image at the last image.

    Memory: two running sums of ``x`` in float64. They make an infinity or NaN in ``x`` show in bins
    that do not hold it.
    """

    name = "PSROIPooling"
    inputs = (
        Port("x", "[N, output_dim * group_size * group_size, H, W]"),
        Port("rois", "[B, 5, R]: number of the image, x1, y1, x2, y2 as rows"),
    )
    outputs = (Port("y", "[B * R, output_dim, group_size, group_size]"),)
    attributes = (
        Attribute("output_dim", ir.AttributeType.INT, "channels of the output"),
        Attribute("group_size", ir.AttributeType.INT, "bins per axis, 1 to 127"),
        Attribute("spatial_scale", ir.AttributeType.FLOAT, "size of x by size of the image"),
    )

    def check(self, call: Call) -> None:
        """Refuse what the NPU's operator refuses."""
        if call.attr_int("output_dim") < 1:
            raise PassError(f"{self.name}: output_dim must be positive")
        if not 0 < call.attr_int("group_size") < 128:
            raise PassError(f"{self.name}: group_size must be from 1 to 127")
        if call.attr_float("spatial_scale") <= 0:
            raise PassError(f"{self.name}: spatial_scale must be above 0")

    def output_shapes(self, call: Call, inputs: Sequence[Shape | None]) -> tuple[Shape, ...]:
        """The number of regions is that of all batches."""
        rois = inputs[1] or (None, None, None)
        known = rois[0] is not None and rois[2] is not None
        count = rois[0] * rois[2] if rois[0] is not None and rois[2] is not None else None
        group = call.attr_int("group_size")
        return ((count if known else None, call.attr_int("output_dim"), group, group),)

    def body(self, call: Call) -> str:
        """Sums over rectangles as differences of a running sum, in float64."""
        group, depth = call.attr_int("group_size"), call.attr_int("output_dim")
        fixed = constants(
            {
                "i0": (0,),
                "i1": (1,),
                "i2": (2,),
                "i3": (3,),
                "i4": (4,),
                "minus1": (-1,),
                "axis_h": 2,
                "axis_w": 3,
                "five_wide": (-1, 5),
                "rows_of_depth": (-1, depth),
                "depth": (depth,),
                "bins": (group * group,),
                "bin_grid": (1, group, group),
                "tall": (-1, group, 1),
                "wide": (-1, 1, group),
                "box": (-1, 1, 1),
                "mean_box": (-1, group, group, 1),
                "border": (0, 0, 1, 1, 0, 0, 0, 0, 0, 0),
                "bin_numbers": tuple(range(group * group)),
                "starts": tuple(float(i) for i in range(group)),
                "ends": tuple(float(i + 1) for i in range(group)),
                "scale": call.attr_float("spatial_scale"),
                "groups": float(group),
                "smallest": 0.1,
                "lowest": -1e9,
                "highest": 1e9,
                "float_zero": 0.0,
                "float_one": 1.0,
            }
        )
        return f"""
            {fixed}
            {_RUNNING_SUM}
            {_edges("w", "i1", "i3", "wide")}
            {_edges("h", "i2", "i4", "tall")}
            {_SUMS}
        """


def _edges(axis: str, begin: str, end: str, shape: str) -> str:
    """Begin and end of the bins along one axis, in cells, and their lengths."""
    return f"""
        first_{axis} = Gather <axis = 1> (rounded, {begin})
        last_{axis} = Gather <axis = 1> (rounded, {end})
        last_1_{axis} = Add (last_{axis}, float_one)
        from_{axis} = Mul (first_{axis}, scale)
        to_{axis} = Mul (last_1_{axis}, scale)
        span_{axis} = Sub (to_{axis}, from_{axis})
        size_{axis} = Max (span_{axis}, smallest)
        bin_{axis} = Div (size_{axis}, groups)
        lower_{axis} = Mul (starts, bin_{axis})
        upper_{axis} = Mul (ends, bin_{axis})
        exact_begin_{axis} = Add (lower_{axis}, from_{axis})
        exact_end_{axis} = Add (upper_{axis}, from_{axis})
        floor_{axis} = Floor (exact_begin_{axis})
        ceil_{axis} = Ceil (exact_end_{axis})
        limit_{axis} = Cast <to = 1> ({axis})
        floor_low_{axis} = Max (floor_{axis}, float_zero)
        ceil_low_{axis} = Max (ceil_{axis}, float_zero)
        floor_in_{axis} = Min (floor_low_{axis}, limit_{axis})
        ceil_in_{axis} = Min (ceil_low_{axis}, limit_{axis})
        length_flat_{axis} = Sub (ceil_in_{axis}, floor_in_{axis})
        length_any_{axis} = Relu (length_flat_{axis})
        length_{axis} = Reshape (length_any_{axis}, {shape})
        begin_flat_{axis} = Cast <to = 7> (floor_in_{axis})
        end_flat_{axis} = Cast <to = 7> (ceil_in_{axis})
        begin_{axis} = Reshape (begin_flat_{axis}, {shape})
        end_{axis} = Reshape (end_flat_{axis}, {shape})
    """


# rows [N * bins * (H + 1) * (W + 1), output_dim]: sums of everything above and left of a corner.
_RUNNING_SUM = """
    x_shape = Shape (x)
    n = Gather <axis = 0> (x_shape, i0)
    h = Gather <axis = 0> (x_shape, i2)
    w = Gather <axis = 0> (x_shape, i3)
    x_double = Cast <to = 11> (x)
    split_shape = Concat <axis = 0> (n, depth, bins, h, w)
    split = Reshape (x_double, split_shape)
    depth_last = Transpose <perm = [0, 2, 3, 4, 1]> (split)
    bordered = Pad (depth_last, border)
    sum_h = CumSum (bordered, axis_h)
    sum_hw = CumSum (sum_h, axis_w)
    rows = Reshape (sum_hw, rows_of_depth)

    regions_last = Transpose <perm = [0, 2, 1]> (rois)
    regions = Reshape (regions_last, five_wide)
    unknown = IsNaN (regions)
    known = Where (unknown, float_zero, regions)
    near = Clip (known, lowest, highest)
    rounded = Round (near)
    last_image = Sub (n, i1)
    last_float = Cast <to = 1> (last_image)
    image_any = Gather <axis = 1> (rounded, i0)
    image_low = Max (image_any, float_zero)
    image_float = Min (image_low, last_float)
    image_flat = Cast <to = 7> (image_float)
    image = Reshape (image_flat, box)
"""

_SUMS = """
    line = Add (w, i1)
    lines = Add (h, i1)
    plane = Mul (lines, line)
    numbers = Reshape (bin_numbers, bin_grid)
    image_bins = Mul (image, bins)
    planes = Add (image_bins, numbers)
    base = Mul (planes, plane)
    begin_line = Mul (begin_h, line)
    end_line = Mul (end_h, line)
    base_begin = Add (base, begin_line)
    base_end = Add (base, end_line)
    at_begin_begin = Add (base_begin, begin_w)
    at_begin_end = Add (base_begin, end_w)
    at_end_begin = Add (base_end, begin_w)
    at_end_end = Add (base_end, end_w)
    sum_begin_begin = Gather <axis = 0> (rows, at_begin_begin)
    sum_begin_end = Gather <axis = 0> (rows, at_begin_end)
    sum_end_begin = Gather <axis = 0> (rows, at_end_begin)
    sum_end_end = Gather <axis = 0> (rows, at_end_end)
    right_part = Sub (sum_end_end, sum_begin_end)
    left_part = Sub (sum_end_begin, sum_begin_begin)
    total = Sub (right_part, left_part)
    area_flat = Mul (length_h, length_w)
    some_flat = Greater (area_flat, float_zero)
    some = Reshape (some_flat, mean_box)
    divisor_flat = Max (area_flat, float_one)
    divisor_float = Reshape (divisor_flat, mean_box)
    divisor = Cast <to = 11> (divisor_float)
    mean_double = Div (total, divisor)
    mean = Cast <to = 1> (mean_double)
    pooled = Where (some, mean, float_zero)
    y = Transpose <perm = [0, 3, 1, 2]> (pooled)
"""
