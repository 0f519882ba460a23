"""DeformableConv2D: a convolution that samples its input at displaced points."""

from collections.abc import Sequence
from string import Template

import onnx_ir as ir

from graphfix.errors import PassError
from graphfix.ops.constants import constants
from graphfix.ops.operator import Attribute, Call, Port, Shape
from graphfix.ops.specialised import SpecialisedOperator


class DeformableConv2D(SpecialisedOperator):
    """Deformable convolution, version 2 (Zhu et al. 2018); with a mask of ones it is version 1.

    ``offsets`` holds for every output point, deformable group ``g`` and kernel position
    ``k = row * kernel_width + column`` three numbers, in the order *all x, all y, all masks*:
    channel ``(part * deformable_groups + g) * kernel_height * kernel_width + k``, where part is 0
    for x, 1 for y and 2 for the mask. Exporters have other orders: see
    :mod:`graphfix.ops.offsets`.

    Memory: each of the four corners takes ``N * C * kh * kw * Ho * Wo`` floats, two or three such
    tensors live at a time.
    """

    name = "DeformableConv2D"
    inputs = (
        Port("x", "[N, C, H, W]"),
        Port("weight", "[O, C / groups, kh, kw]"),
        Port("offsets", "[N, 3 * deformable_groups * kh * kw, Ho, Wo]; x, y, masks"),
        Port("bias", "[O]", optional=True),
    )
    outputs = (Port("y", "[N, O, Ho, Wo]"),)
    attributes = (
        Attribute("strides", ir.AttributeType.INTS, "one for both axes, or height, width"),
        Attribute(
            "pads",
            ir.AttributeType.INTS,
            "one for all sides; or height, width; or top, left, bottom, right, which ATC refuses",
        ),
        Attribute("dilations", ir.AttributeType.INTS, "as strides", (1, 1)),
        Attribute("groups", ir.AttributeType.INT, "groups of the convolution", 1),
        Attribute("deformable_groups", ir.AttributeType.INT, "groups of channels of x", 1),
        Attribute("data_format", ir.AttributeType.STRING, "only NCHW", "NCHW"),
    )

    def check(self, call: Call) -> None:
        """Refuse lengths, signs and layouts that have no meaning."""
        for name, lengths, lowest in (
            ("strides", (1, 2), 1),
            ("pads", (1, 2, 4), 0),
            ("dilations", (1, 2), 1),
        ):
            values = call.attr_ints(name)
            if len(values) not in lengths or min(values) < lowest:
                counts = " or ".join(str(length) for length in lengths)
                raise PassError(
                    f"{self.name}: {name} is {list(values)}; it must be {counts} integers of at "
                    f"least {lowest}"
                )
        for name in ("groups", "deformable_groups"):
            if call.attr_int(name) < 1:
                raise PassError(
                    f"{self.name}: {name} is {call.attr_int(name)}; it must be positive"
                )
        if call.attributes["data_format"] != "NCHW":
            raise PassError(f"{self.name}: data_format must be 'NCHW'")

    def output_shapes(self, call: Call, inputs: Sequence[Shape | None]) -> tuple[Shape, ...]:
        """Batch and size from the offsets, channels from the weight."""
        offsets = inputs[2] or (None,) * 4
        weight = inputs[1] or (None,) * 4
        return ((offsets[0], weight[0], offsets[2], offsets[3]),)

    def body(self, call: Call) -> str:
        """Gather the four neighbours of every sampling point, weigh, and convolve 1 by 1."""
        top, left, bottom, right = _sides(call.attr_ints("pads"))
        fixed = constants(
            {
                "none": (),
                "i0": (0,),
                "i1": (1,),
                "i2": (2,),
                "i3": (3,),
                "zero": 0,
                "one": 1,
                "two": 2,
                "minus1": (-1,),
                "float_one": 1.0,
                "outside": -2.0,
                "strides": _pair(call.attr_ints("strides")),
                "dilations": _pair(call.attr_ints("dilations")),
                "begin": (top, left),
                "both_pads": (top + bottom, left + right),
                "groups": (call.attr_int("deformable_groups"),),
                "parts": (3,),
                "column": (-1, 1),
                "row": (1, -1),
                "box": (-1, 1, 1),
                "kernel_1x1": (1, 1),
            }
        )
        corners = "\n".join(
            _CORNER.substitute(corner=f"{dy}{dx}", dy=dy, dx=dx, side=("near", "far")[dx])
            for dy in (0, 1)
            for dx in (0, 1)
        )
        bias = ", bias" if call.inputs > 3 else ""
        return f"""
            {fixed}
            {_POSITIONS}
            {corners}
            sum_top = Add (part_00, part_01)
            sum_bottom = Add (part_10, part_11)
            sampled = Add (sum_top, sum_bottom)
            by_channel = Transpose <perm = [0, 1, 5, 2, 3, 4]> (sampled)
            columns_shape = Concat <axis = 0> (n, minus1, out_h, out_w)
            columns = Reshape (by_channel, columns_shape)
            o = Gather <axis = 0> (weight_shape, i0)
            flat_shape = Concat <axis = 0> (o, minus1, kernel_1x1)
            flat_weight = Reshape (weight, flat_shape)
            y = Conv <group = {call.attr_int("groups")}> (columns, flat_weight{bias})
        """


def _pair(values: tuple[int, ...]) -> tuple[int, int]:
    return values[0], values[-1]


def _sides(pads: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Top, left, bottom, right."""
    if len(pads) == 4:
        return pads[0], pads[1], pads[2], pads[3]
    height, width = _pair(pads)
    return height, width, height, width


# Sampling points y, x [N, G, K, Ho, Wo] and the rows [N * G * H * W + 1, C / G] to gather from, of
# which the last is zero and stands for everything outside. A point is kept within one cell around
# that border, where all its neighbours are outside, so that huge offsets stay integers.
_POSITIONS = """
    x_shape = Shape (x)
    n = Gather <axis = 0> (x_shape, i0)
    h = Gather <axis = 0> (x_shape, i2)
    w = Gather <axis = 0> (x_shape, i3)
    hw = Mul (h, w)
    weight_shape = Shape (weight)
    kh = Gather <axis = 0> (weight_shape, i2)
    kw = Gather <axis = 0> (weight_shape, i3)
    k = Mul (kh, kw)

    size = Concat <axis = 0> (h, w)
    kernel = Concat <axis = 0> (kh, kw)
    padded = Add (size, both_pads)
    reach_1 = Sub (kernel, i1)
    reach = Mul (reach_1, dilations)
    room_1 = Sub (padded, reach)
    room = Sub (room_1, i1)
    steps = Div (room, strides)
    out = Add (steps, i1)
    out_h = Gather <axis = 0> (out, i0)
    out_w = Gather <axis = 0> (out, i1)

    six = Concat <axis = 0> (n, parts, groups, k, out_h, out_w)
    split = Reshape (offsets, six)
    offset_x = Gather <axis = 1> (split, zero)
    offset_y = Gather <axis = 1> (split, one)
    mask = Gather <axis = 1> (split, two)

    stride_h = Gather <axis = 0> (strides, i0)
    stride_w = Gather <axis = 0> (strides, i1)
    dilation_h = Gather <axis = 0> (dilations, i0)
    dilation_w = Gather <axis = 0> (dilations, i1)
    pad_h = Gather <axis = 0> (begin, i0)
    pad_w = Gather <axis = 0> (begin, i1)
    k_scalar = Reshape (k, none)
    taps = Range (zero, k_scalar, one)
    tap_y = Div (taps, kw)
    tap_y_full = Mul (tap_y, kw)
    tap_x = Sub (taps, tap_y_full)
    tap_dy = Mul (tap_y, dilation_h)
    tap_dx = Mul (tap_x, dilation_w)
    out_h_scalar = Reshape (out_h, none)
    out_w_scalar = Reshape (out_w, none)
    rows_out = Range (zero, out_h_scalar, one)
    columns_out = Range (zero, out_w_scalar, one)
    rows_in = Mul (rows_out, stride_h)
    columns_in = Mul (columns_out, stride_w)
    first_y = Sub (rows_in, pad_h)
    first_x = Sub (columns_in, pad_w)
    tap_dy_box = Reshape (tap_dy, box)
    tap_dx_box = Reshape (tap_dx, box)
    first_y_column = Reshape (first_y, column)
    first_x_row = Reshape (first_x, row)
    base_y_int = Add (tap_dy_box, first_y_column)
    base_x_int = Add (tap_dx_box, first_x_row)
    base_y = Cast <to = 1> (base_y_int)
    base_x = Cast <to = 1> (base_x_int)
    free_y = Add (offset_y, base_y)
    free_x = Add (offset_x, base_x)
    h_scalar = Reshape (h, none)
    w_scalar = Reshape (w, none)
    h_float = Cast <to = 1> (h_scalar)
    w_float = Cast <to = 1> (w_scalar)
    beyond_h = Add (h_float, float_one)
    beyond_w = Add (w_float, float_one)
    point_y = Clip (free_y, outside, beyond_h)
    point_x = Clip (free_x, outside, beyond_w)

    floor_y = Floor (point_y)
    floor_x = Floor (point_x)
    far_y = Sub (point_y, floor_y)
    far_x = Sub (point_x, floor_x)
    near_y = Sub (float_one, far_y)
    near_x = Sub (float_one, far_x)
    masked_0 = Mul (near_y, mask)
    masked_1 = Mul (far_y, mask)
    y_0 = Cast <to = 7> (floor_y)
    x_0 = Cast <to = 7> (floor_x)
    y_1 = Add (y_0, i1)
    x_1 = Add (x_0, i1)

    channels_first = Concat <axis = 0> (n, groups, minus1, hw)
    grouped = Reshape (x, channels_first)
    channels_last = Transpose <perm = [0, 1, 3, 2]> (grouped)
    c = Gather <axis = 0> (x_shape, i1)
    group_size = Div (c, groups)
    two_dims = Concat <axis = 0> (minus1, group_size)
    inside = Reshape (channels_last, two_dims)
    one_row = Concat <axis = 0> (i1, group_size)
    zero_row = ConstantOfShape <value = float[1] {0.0}> (one_row)
    rows = Concat <axis = 0> (inside, zero_row)
    images = Mul (n, groups)
    last_row = Mul (images, hw)
    images_scalar = Reshape (images, none)
    image = Range (zero, images_scalar, one)
    image_row = Mul (image, hw)
    image_shape = Concat <axis = 0> (n, groups, i1, i1, i1)
    first_row = Reshape (image_row, image_shape)
"""

_CORNER = Template("""
    from_top_$corner = Greater (y_$dy, minus1)
    to_bottom_$corner = Less (y_$dy, h)
    from_left_$corner = Greater (x_$dx, minus1)
    to_right_$corner = Less (x_$dx, w)
    in_height_$corner = And (from_top_$corner, to_bottom_$corner)
    in_width_$corner = And (from_left_$corner, to_right_$corner)
    known_$corner = And (in_height_$corner, in_width_$corner)
    line_$corner = Mul (y_$dy, w)
    cell_$corner = Add (line_$corner, x_$dx)
    row_of_$corner = Add (cell_$corner, first_row)
    index_$corner = Where (known_$corner, row_of_$corner, last_row)
    value_$corner = Gather <axis = 0> (rows, index_$corner)
    share_$corner = Mul (masked_$dy, ${side}_x)
    share_shape_$corner = Shape (share_$corner)
    share_shape_1_$corner = Concat <axis = 0> (share_shape_$corner, i1)
    share_1_$corner = Reshape (share_$corner, share_shape_1_$corner)
    part_$corner = Mul (value_$corner, share_1_$corner)
""")
