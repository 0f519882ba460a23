"""BatchMultiClassNMS: non-maximum suppression per class, then the best of all classes."""

from collections.abc import Sequence

import onnx_ir as ir

from graphfix.errors import PassError
from graphfix.ops.constants import constants
from graphfix.ops.operator import Attribute, Call, Port, Shape
from graphfix.ops.specialised import SpecialisedOperator

_LOWEST = -3.4028234663852886e38
"""The lowest float32: the score of a box that is out of the race."""


class BatchMultiClassNMS(SpecialisedOperator):
    """Per image and class: greedy suppression among the boxes that score more than a threshold.

    A box takes part when ``score > score_threshold`` and its area is positive
    (``box[2] > box[0]`` and ``box[3] > box[1]``). The best one is kept, and the others that
    overlap it by more than ``iou_threshold`` are dropped, until ``max_size_per_class`` are kept.
    Of what all classes keep, the ``max_total_size`` best are returned, best first; of equal scores
    the lower class, then the lower box comes first. What is missing to ``max_total_size`` is zeros.

    Memory: ``20 * B * C * N`` bytes for boxes and scores of every class.
    """

    name = "BatchMultiClassNMS"
    inputs = (
        Port("boxes", "[B, N, Q, 4], Q is C or 1; two opposite corners, lower values first"),
        Port("scores", "[B, N, C]"),
    )
    outputs = (
        Port("nmsed_boxes", "[B, max_total_size, 4]"),
        Port("nmsed_scores", "[B, max_total_size]"),
        Port("nmsed_classes", "[B, max_total_size], numbers of classes as floats"),
        Port("nmsed_num", "[B], int32: how many rows are no padding"),
    )
    attributes = (
        Attribute("score_threshold", ir.AttributeType.FLOAT, "a score must be above it"),
        Attribute("iou_threshold", ir.AttributeType.FLOAT, "an overlap must not be above it"),
        Attribute("max_size_per_class", ir.AttributeType.INT, "kept per class and image"),
        Attribute("max_total_size", ir.AttributeType.INT, "kept per image; rows of the outputs"),
    )

    def check(self, call: Call) -> None:
        """Refuse sizes and thresholds out of range."""
        for name in ("max_size_per_class", "max_total_size"):
            if call.attr_int(name) < 1:
                raise PassError(
                    f"{self.name}: {name} is {call.attr_int(name)}; it must be positive"
                )
        iou = call.attr_float("iou_threshold")
        if not 0 <= iou <= 1:
            raise PassError(f"{self.name}: iou_threshold is {iou:g}; it must be from 0 to 1")

    def output_dtypes(self, call: Call) -> tuple[ir.DataType, ...]:
        """The type of the inputs, and int32 for the count."""
        return (*(self.dtype(call),) * 3, ir.DataType.INT32)

    def output_shapes(self, call: Call, inputs: Sequence[Shape | None]) -> tuple[Shape, ...]:
        """All but the batch is fixed by ``max_total_size``."""
        batch = (inputs[1] or inputs[0] or (None,))[0]
        total = call.attr_int("max_total_size")
        return ((batch, total, 4), (batch, total), (batch, total), (batch,))

    def body(self, call: Call) -> str:
        """One image per image and class for NonMaxSuppression, then TopK over what it keeps.

        A point joins the boxes: it has no area and takes no part, so there is always a box, and it
        is the zeros of the padding.
        """
        total = call.attr_int("max_total_size")
        fixed = constants(
            {
                "zero": 0,
                "one": 1,
                "two": 2,
                "three": 3,
                "none": (),
                "i0": (0,),
                "i1": (1,),
                "i2": (2,),
                "i4": (4,),
                "minus1": (-1,),
                "column": (-1, 1),
                "four_wide": (-1, 4),
                "float_zero": 0.0,
                "lowest": _LOWEST,
                "filler": (0, 0, 0, total),
                "total": (total,),
                "total_column": (total, 1),
                "per_class": call.attr_int("max_size_per_class"),
                "iou": call.attr_float("iou_threshold"),
                "threshold": call.attr_float("score_threshold"),
            }
        )
        return f"""
            {fixed}
            given_shape = Shape (scores)
            b = Gather <axis = 0> (given_shape, i0)
            c = Gather <axis = 0> (given_shape, i2)
            boxes_shape = Shape (boxes)
            q = Gather <axis = 0> (boxes_shape, i2)
            point_shape = Concat <axis = 0> (b, i1, q, i4)
            point = ConstantOfShape <value = float[1] {{0.0}}> (point_shape)
            all_boxes = Concat <axis = 1> (boxes, point)
            point_score_shape = Concat <axis = 0> (b, i1, c)
            point_score = ConstantOfShape <value = float[1] {{0.0}}> (point_score_shape)
            all_scores = Concat <axis = 1> (scores, point_score)
            scores_shape = Shape (all_scores)
            n = Gather <axis = 0> (scores_shape, i1)
            bc = Mul (b, c)
            bcn = Mul (bc, n)

            boxes_by_class = Transpose <perm = [0, 2, 1, 3]> (all_boxes)
            every_class = Concat <axis = 0> (b, c, n, i4)
            boxes_of_all = Expand (boxes_by_class, every_class)
            images_of_boxes = Concat <axis = 0> (bc, n, i4)
            box_images = Reshape (boxes_of_all, images_of_boxes)
            low_0 = Gather <axis = 2> (box_images, zero)
            low_1 = Gather <axis = 2> (box_images, one)
            high_0 = Gather <axis = 2> (box_images, two)
            high_1 = Gather <axis = 2> (box_images, three)
            wide_0 = Greater (high_0, low_0)
            wide_1 = Greater (high_1, low_1)
            solid = And (wide_0, wide_1)
            images_of_scores = Concat <axis = 0> (bc, n)
            scores_by_class = Transpose <perm = [0, 2, 1]> (all_scores)
            score_rows = Reshape (scores_by_class, images_of_scores)
            racing = Where (solid, score_rows, lowest)
            images_of_one_class = Concat <axis = 0> (bc, i1, n)
            score_images = Reshape (racing, images_of_one_class)
            selected = NonMaxSuppression (box_images, score_images, per_class, iou, threshold)

            image = Gather <axis = 1> (selected, zero)
            box = Gather <axis = 1> (selected, two)
            image_begin = Mul (image, n)
            position = Add (image_begin, box)
            flat_scores = Reshape (racing, minus1)
            kept = Gather <axis = 0> (flat_scores, position)
            nothing = ConstantOfShape <value = float[1] {{{_LOWEST!r}}}> (bcn)
            flat_kept = ScatterElements <axis = 0> (nothing, position, kept)
            cn = Mul (c, n)
            rows = Concat <axis = 0> (b, cn)
            kept_rows = Reshape (flat_kept, rows)
            filled = Pad (kept_rows, filler, lowest)
            best, best_at = TopK <axis = 1, largest = 1, sorted = 1> (filled, total)

            real = Greater (best, lowest)
            nmsed_scores = Where (real, best, float_zero)
            class = Div (best_at, n)
            class_float = Cast <to = 1> (class)
            nmsed_classes = Where (real, class_float, float_zero)
            real_float = Cast <to = 1> (real)
            ones = ConstantOfShape <value = float[1] {{1.0}}> (total_column)
            count = MatMul (real_float, ones)
            flat_count = Reshape (count, minus1)
            nmsed_num = Cast <to = 6> (flat_count)

            class_begin = Mul (class, n)
            box_at = Sub (best_at, class_begin)
            box_class = Mod (class, q)
            b_scalar = Reshape (b, none)
            batches = Range (zero, b_scalar, one)
            batch = Reshape (batches, column)
            batch_begin = Mul (batch, n)
            point_at = Sub (n, i1)
            box_or_point = Where (real, box_at, point_at)
            box_row = Add (batch_begin, box_or_point)
            box_begin = Mul (box_row, q)
            source = Add (box_begin, box_class)
            flat_boxes = Reshape (all_boxes, four_wide)
            nmsed_boxes = Gather <axis = 0> (flat_boxes, source)
        """
