"""RoiExtractor: RoIAlign on the level of a feature pyramid that fits the size of each region."""

from collections.abc import Mapping, Sequence
from string import Template

import onnx_ir as ir

from graphfix.errors import PassError
from graphfix.ops.constants import constants
from graphfix.ops.operator import Attribute, AttrValue, Call, Port, Shape
from graphfix.ops.specialised import OLDEST_OPSET, SpecialisedOperator


class RoiExtractor(SpecialisedOperator):
    """What mmdetection's ``SingleRoIExtractor`` computes with RoIAlign and average pooling.

    A region ``[image, x1, y1, x2, y2]`` belongs to level
    ``floor(log2(sqrt((x2 - x1) * (y2 - y1)) / finest_scale + 1e-6))``, kept within the levels there
    are. With ``roi_scale_factor`` above 0 and more than one level it is then scaled about its
    centre. RoIAlign reads it from the features of its level, times ``spatial_scale[level]``.

    RoIAlign of onnxruntime crashes on wild regions, so NaN counts as 0 and the number of the image
    is kept in range; and with ``sample_num`` 0, where the work grows with the region, regions end
    four pictures off the picture, and negative sizes, which have no sampling points, count as 0.

    Memory: the output twice.
    """

    name = "RoiExtractor"
    inputs = (
        Port("features", "one per level: [N, C, H, W], finest first"),
        Port("rois", "[R, 5]: number of the image, x1, y1, x2, y2 in the image's pixels"),
    )
    outputs = (Port("y", "[R, C, pooled_height, pooled_width]"),)
    attributes = (
        Attribute("finest_scale", ir.AttributeType.INT, "size up to which level 0 is read", 56),
        Attribute("roi_scale_factor", ir.AttributeType.FLOAT, "0 leaves regions alone", 0.0),
        Attribute(
            "spatial_scale",
            ir.AttributeType.FLOATS,
            "one per level: 1 / stride",
            (0.25, 0.125, 0.0625, 0.03125),
        ),
        Attribute("pooled_height", ir.AttributeType.INT, "rows of the output", 7),
        Attribute("pooled_width", ir.AttributeType.INT, "columns of the output", 7),
        Attribute(
            "sample_num",
            ir.AttributeType.INT,
            "sampling points per bin and axis; 0: as many as the bin has cells",
            0,
        ),
        Attribute("pool_mode", ir.AttributeType.STRING, "only avg", "avg"),
        Attribute("aligned", ir.AttributeType.INT, "1: coordinates are shifted by -0.5", 1),
    )

    def input_names(self, count: int) -> tuple[str, ...]:
        """All inputs but the last are features."""
        return (*(f"features_{level}" for level in range(count - 1)), "rois")

    def min_opset(self, attributes: Mapping[str, AttrValue]) -> int:
        """RoiAlign below 16 widens regions to one cell, as is right for ``aligned=0`` only."""
        return 16 if attributes["aligned"] else OLDEST_OPSET

    def check(self, call: Call) -> None:
        """Refuse levels without a scale and what NPU kernels refuse."""
        levels, scales = call.inputs - 1, call.attr_floats("spatial_scale")
        if levels < 1 or levels != len(scales):
            raise PassError(
                f"{self.name}: spatial_scale has {len(scales)} entries for {levels} features"
            )
        if call.attributes["pool_mode"] != "avg":
            raise PassError(f"{self.name}: pool_mode must be 'avg'")
        if call.attr_int("aligned") not in (0, 1):
            raise PassError(
                f"{self.name}: aligned is {call.attr_int('aligned')}; it must be 0 or 1"
            )
        for name, lowest in (
            ("finest_scale", 1),
            ("pooled_height", 1),
            ("pooled_width", 1),
            ("sample_num", 0),
        ):
            if call.attr_int(name) < lowest:
                raise PassError(
                    f"{self.name}: {name} is {call.attr_int(name)}; it must be at least {lowest}"
                )
        if min(scales) <= 0 or call.attr_float("roi_scale_factor") < 0:
            raise PassError(
                f"{self.name}: spatial_scale must be above 0, roi_scale_factor not below"
            )

    def output_shapes(self, call: Call, inputs: Sequence[Shape | None]) -> tuple[Shape, ...]:
        """Regions from ``rois``, channels from the features."""
        rois, features = inputs[-1] or (None,), inputs[0] or (None, None)
        return (
            (rois[0], features[1], call.attr_int("pooled_height"), call.attr_int("pooled_width")),
        )

    def body(self, call: Call) -> str:
        """RoiAlign per level on the regions of that level, put back into their order."""
        levels = call.inputs - 1
        numbers: dict[str, int | float | tuple[int, ...]] = {
            "i0": (0,),
            "i1": (1,),
            "i5": (5,),
            "minus1": (-1,),
            "float_zero": 0.0,
            "x1_at": (0,),
            "y1_at": (1,),
            "x2_at": (2,),
            "y2_at": (3,),
            "height_at": 2,
            "width_at": 3,
            "lowest": -1e9,
            "highest": 1e9,
            "minus_four": -4.0,
            "five": 5.0,
            "half": 0.5,
            "finest": float(call.attr_int("finest_scale")),
            "little": 1e-6,
            "factor": call.attr_float("roi_scale_factor"),
        }
        numbers.update({f"bound_{level}": float(2**level) for level in range(1, levels)})
        numbers.update(
            {
                f"scale_{level}": scale
                for level, scale in enumerate(call.attr_floats("spatial_scale"))
            }
        )
        text = [constants(numbers), _REGIONS]
        if levels == 1:
            text.append(_align(call, 0, "corners", "image", "y"))
            return "\n".join(text)
        text.append(_SIZES)
        corners = "corners"
        if call.attr_float("roi_scale_factor") > 0:
            text.append(_SCALED)
            corners = "scaled"
        for level in range(levels):
            text.append(_members(level, levels))
            text.append(
                f"""
                found_{level} = NonZero (member_{level})
                order_{level} = Reshape (found_{level}, minus1)
                corners_{level} = Gather <axis = 0> ({corners}, order_{level})
                image_{level} = Gather <axis = 0> (image, order_{level})
                """
            )
            text.append(
                _align(call, level, f"corners_{level}", f"image_{level}", f"pooled_{level}")
            )
        every = range(levels)
        text.append(
            f"""
            order = Concat <axis = 0> ({", ".join(f"order_{level}" for level in every)})
            pooled = Concat <axis = 0> ({", ".join(f"pooled_{level}" for level in every)})
            count = Shape (order)
            sorted, back = TopK <axis = 0, largest = 0, sorted = 1> (order, count)
            y = Gather <axis = 0> (pooled, back)
            """
        )
        return "\n".join(text)


def _align(call: Call, level: int, corners: str, image: str, result: str) -> str:
    mode = ""
    if call.opset >= 16:
        name = "half_pixel" if call.attr_int("aligned") else "output_half_pixel"
        mode = f', coordinate_transformation_mode = "{name}"'
    height, width = call.attr_int("pooled_height"), call.attr_int("pooled_width")
    bounded = ""
    if call.attr_int("sample_num") == 0:
        bounded = _BOUNDED.substitute(level=level, corners=corners)
        corners = f"bounded_{level}"
    return f"""
        {bounded}
        {result} = RoiAlign <
            mode = "avg", sampling_ratio = {call.attr_int("sample_num")},
            output_height = {height}, output_width = {width},
            spatial_scale = {call.attr_floats("spatial_scale")[level]!r}{mode}
        > (features_{level}, {corners}, {image})
    """


def _members(level: int, levels: int) -> str:
    """Which regions belong to ``level``: below its upper bound, and not below its lower one."""
    if level == 0:
        return f"member_0 = Less (relative, bound_{level + 1})"
    last = level == levels - 1
    name = "member" if last else "not_below"
    text = f"""
        below_{level} = Less (relative, bound_{level})
        {name}_{level} = Not (below_{level})
    """
    if not last:
        text += f"""
        under_{level} = Less (relative, bound_{level + 1})
        member_{level} = And (not_below_{level}, under_{level})
        """
    return text


_BOUNDED = Template("""
    sizes_$level = Shape (features_$level)
    rows_$level = Gather <axis = 0> (sizes_$level, height_at)
    columns_$level = Gather <axis = 0> (sizes_$level, width_at)
    rows_float_$level = Cast <to = 1> (rows_$level)
    columns_float_$level = Cast <to = 1> (columns_$level)
    tall_$level = Div (rows_float_$level, scale_$level)
    wide_$level = Div (columns_float_$level, scale_$level)
    least_y_$level = Mul (tall_$level, minus_four)
    least_x_$level = Mul (wide_$level, minus_four)
    most_y_$level = Mul (tall_$level, five)
    most_x_$level = Mul (wide_$level, five)
    given_x1_$level = Gather <axis = 1> ($corners, x1_at)
    given_y1_$level = Gather <axis = 1> ($corners, y1_at)
    given_x2_$level = Gather <axis = 1> ($corners, x2_at)
    given_y2_$level = Gather <axis = 1> ($corners, y2_at)
    near_x1_$level = Clip (given_x1_$level, least_x_$level, most_x_$level)
    near_y1_$level = Clip (given_y1_$level, least_y_$level, most_y_$level)
    near_x2_$level = Clip (given_x2_$level, least_x_$level, most_x_$level)
    near_y2_$level = Clip (given_y2_$level, least_y_$level, most_y_$level)
    right_$level = Max (near_x1_$level, near_x2_$level)
    bottom_$level = Max (near_y1_$level, near_y2_$level)
    bounded_$level = Concat <axis = 1> (near_x1_$level, near_y1_$level, right_$level, bottom_$level)
""")

_REGIONS = """
    features_shape = Shape (features_0)
    images = Gather <axis = 0> (features_shape, i0)
    last_image = Sub (images, i1)
    last_flat = Reshape (last_image, minus1)
    last_float = Cast <to = 1> (last_flat)
    unknown = IsNaN (rois)
    known = Where (unknown, float_zero, rois)
    regions = Clip (known, lowest, highest)
    image_column = Slice (regions, i0, i1, i1)
    image_flat = Reshape (image_column, minus1)
    image_low = Max (image_flat, float_zero)
    image_float = Min (image_low, last_float)
    image = Cast <to = 7> (image_float)
    corners = Slice (regions, i1, i5, i1)
"""

_SIZES = """
    x1 = Gather <axis = 1> (corners, x1_at)
    y1 = Gather <axis = 1> (corners, y1_at)
    x2 = Gather <axis = 1> (corners, x2_at)
    y2 = Gather <axis = 1> (corners, y2_at)
    width = Sub (x2, x1)
    height = Sub (y2, y1)
    area_column = Mul (width, height)
    area = Reshape (area_column, minus1)
    real_area = Relu (area)
    scale = Sqrt (real_area)
    coarse = Div (scale, finest)
    relative = Add (coarse, little)
"""

_SCALED = """
    x_sum = Add (x1, x2)
    y_sum = Add (y1, y2)
    x_middle = Mul (x_sum, half)
    y_middle = Mul (y_sum, half)
    new_width = Mul (width, factor)
    new_height = Mul (height, factor)
    half_width = Mul (new_width, half)
    half_height = Mul (new_height, half)
    new_x1 = Sub (x_middle, half_width)
    new_y1 = Sub (y_middle, half_height)
    new_x2 = Add (x_middle, half_width)
    new_y2 = Add (y_middle, half_height)
    scaled = Concat <axis = 1> (new_x1, new_y1, new_x2, new_y2)
"""
