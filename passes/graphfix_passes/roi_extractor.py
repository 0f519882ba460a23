"""The ``roi-extractor`` pass: the RoiAligns of a feature pyramid as one operator."""

from collections.abc import Sequence
from dataclasses import dataclass

import onnx_ir as ir

from graphfix import ops
from graphfix.contract import Close
from graphfix.rewrite import RewritePass, Rewriter, Skip
from graphfix_passes._pyramid import Part, align_of, is_last, parts_of
from graphfix_passes._roi_levels import levels_of

_HALF_PIXEL_SINCE = 16
"""The opset that brought coordinate_transformation_mode, and half_pixel as its default."""


@dataclass(frozen=True, kw_only=True)
class RoiExtractor(RewritePass):
    """Replace the RoiAligns of a feature pyramid by one RoiExtractor.

    Why
        Two-stage detectors read each region from the level of the pyramid that fits its size. They
        look with NonZero for the regions of a level, so that the data decide all sizes behind it;
        or they read every region from every level, and multiply by 0. ATC has RoiExtractor, which
        does it at once.

    Rewrites
        RoiAligns of the same regions, each with those of one level by ``floor(log2(size))``, and
        ScatterNDs, ScatterElements or Adds that write the results into zeros: to a call of
        ``ascend::RoiExtractor``. It is what mmdetection does, and torchvision for one picture.

    Leaves alone
        Groups that choose their levels by anything else, that lack a level, or of which it is not
        seen what is read and written, as with the shape arithmetic of an export in between, which
        ``fold-shapes`` and ``no-op`` remove. RoiAligns with ``mode`` max, of which RoiExtractor has
        none, that differ in more than the scale, or that make other numbers of rows than of
        columns, which kernels of RoiExtractor do not heed. Regions that were moved by half a cell
        before a RoiAlign below opset 16, which has no half_pixel: that is not the same for regions
        smaller than a cell.

    Numerics
        Those of RoiAlign. A region whose size is within a few millionths of the bound between two
        levels may be read from the other one; kernels of RoiExtractor compare in float16. A region
        of negative area has no level before, and gets zeros; RoiExtractor reads it from the first
        one. With ``sampling_ratio`` 0 the function behind RoiExtractor cuts regions off four
        pictures away from the picture.
    """

    name = "roi-extractor"
    match_ops = ("Add", "ScatterElements", "ScatterND")
    contract = Close()
    must_match = True
    reads_shapes = True

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Skip | None:
        """Begin with the last node of a group."""
        if align_of(node, rw) is None or not is_last(node, rw):
            return None
        if rw.in_function:
            return rw.skip("it is in a function, and onnxruntime runs no RoiExtractor in there")
        parts = parts_of(node, rw)
        if isinstance(parts, Skip):
            return parts
        parts = tuple(sorted(parts, key=lambda part: part.number))
        regions, levels = parts[0].regions, parts[0].levels
        if any(part.regions is not regions or part.levels is not levels for part in parts):
            return rw.skip("its RoiAligns have different regions")
        found = levels_of(levels, regions, rw)
        if isinstance(found, Skip):
            return found
        if [part.number for part in parts] != list(range(found.count)):
            return rw.skip(f"it does not have one RoiAlign for each of {found.count} levels")
        return self._called(parts, found.finest, rw)

    def _called(self, parts: Sequence[Part], finest: int, rw: Rewriter) -> ir.Value | Skip:
        kinds = {_kind(part.align, rw) for part in parts}
        if len(kinds) > 1:
            return rw.skip("its RoiAligns differ in more than the scale")
        ((mode, aligned, height, width, samples),) = kinds
        if mode != "avg":
            return rw.skip(f"its mode is {mode!r}, and RoiExtractor averages")
        if height != width:
            return rw.skip(
                f"it makes {height} by {width} bins, and kernels of RoiExtractor squares"
            )
        features = [part.align.inputs[0] for part in parts]
        types = {value.dtype for value in (*features, parts[0].regions) if value is not None}
        if not types <= {ir.DataType.FLOAT} and not types <= {ir.DataType.FLOAT16}:
            return rw.skip("its features and regions are not all float, or all float16")
        (result,) = ops.call(
            rw,
            "RoiExtractor",
            *features,
            parts[0].regions,
            finest_scale=finest,
            spatial_scale=[rw.attr_float(part.align, "spatial_scale", 1.0) for part in parts],
            pooled_height=height,
            pooled_width=width,
            sample_num=samples,
            aligned=aligned,
        )
        return result


def _kind(align: ir.Node, rw: Rewriter) -> tuple[str, int, int, int, int]:
    """Mode, whether pixels have their centre at a half, rows, columns, sampling points."""
    default = "half_pixel" if rw.opset >= _HALF_PIXEL_SINCE else "output_half_pixel"
    coordinates = rw.attr_str(align, "coordinate_transformation_mode", default)
    return (
        rw.attr_str(align, "mode", "avg"),
        int(coordinates == "half_pixel"),
        rw.attr_int(align, "output_height", 1),
        rw.attr_int(align, "output_width", 1),
        rw.attr_int(align, "sampling_ratio", 0),
    )
