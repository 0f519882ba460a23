"""``gridsample``: GridSample in operators every target has, and its stand-ins made real."""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import onnx_ir as ir

from graphfix.contract import Close, Contract, Replaces, Substitution
from graphfix.model import infer_shapes
from graphfix.rewrite import (
    PassContext,
    PassResult,
    Rewrite,
    RewritePass,
    Rewriter,
    Skip,
    Target,
    scopes,
)
from graphfix.rewrite.upgrade import raise_opset
from graphfix_passes._gridsample_decompose import decompose
from graphfix_passes._gridsample_expansion import (
    Expansion,
    find_expansion,
    resembles_expansion,
)
from graphfix_passes._gridsample_placeholder import (
    Placeholder,
    find_placeholder,
    resembles_placeholder,
)
from graphfix_passes._gridsample_reference import grid_sample
from graphfix_passes._gridsample_sampling import Interpolation, Padding, Sampling, read_sampling

_FIRST_OPSET = 16
"""The opset that brought GridSample."""

_DECOMPOSED = 11
"""The opset of the operators that GridSample is decomposed into."""

_BICUBIC = Close(rtol=5e-5)


class Mode(enum.Enum):
    """What becomes of a GridSample and of a placeholder."""

    AUTO = "auto"
    DECOMPOSE = "decompose"
    RESTORE = "restore"


@dataclass(frozen=True, kw_only=True)
class GridSample(RewritePass):
    """Replace GridSample, or the placeholder of one, by what the target takes.

    Why
        ATC maps GridSample to an AI CPU kernel from CANN 8 on, four dimensions only, and has
        nothing for it before. Ascend's ModelZoo therefore replaces ``grid_sample`` in the sources
        by a placeholder of the same shape and plants a GridSample into the exported file.

    Rewrites
        1. GridSample (ai.onnx of any opset, com.microsoft; 4-D and 5-D; every mode and padding)
           into Gather and index arithmetic: operators of opset 11, one Gather for all neighbours,
           shapes computed beforehand where they are known.
        2. The placeholder ``Unsqueeze(2), Pad(last axis + 1), Squeeze(2), Transpose(0,3,1,2),
           Add(image)``, with the zero Adds and Transpose pairs around it, into a GridSample of
           the given interpolation, padding and align_corners; the opset is raised to 16 for it.
        3. Bilinear sampling with zeros outside that the exporter wrote out itself (paddle2onnx
           0.9.8 in 700 nodes, mmcv's ``bilinear_grid_sample``), into a GridSample.
        4. ``auto`` restores both, and decomposes every GridSample, restored ones too, unless the
           target takes it. Without a target all are decomposed.

    Leaves alone
        A GridSample that the target takes (``auto``). A GridSample whose rank or element types are
        not known, of rank other than 4 or 5, of other types than float16, float32 and float64,
        with a dimension that is 0, with an axis too long for its float type. A placeholder with
        other parameters or shapes, with values that are read elsewhere, or inside a subgraph or
        function, where its reference cannot be checked. A written-out sampling with another
        padding or other positions, or with shapes that are not known.

    Numerics
        The position of every point is rounded exactly as in onnxruntime, ``nearest`` is bit for
        bit the same, and bilinear differs in the order of a sum. onnxruntime evaluates the cubic
        weights in a form that cancels: it is up to 1e-5 (of the RMS) from the exact result, the
        replacement 1e-6; hence ``rtol=5e-5`` for float32 bicubic. float16 is calculated in float32.

        Up to 2**23 pixels from the picture results agree for every padding. Farther out the
        replacement gives 0 (zeros), the nearest edge (border) or pixel 0 (reflection), where
        onnxruntime's bilinear weights lose their sum of 1 and give 0 or twice a pixel. Infinity
        counts as far outside. NaN, for which ONNX defines nothing, counts as far outside on the
        low side; onnxruntime takes the first pixel or its edge for both.

        A restored placeholder is compared with a float64 reference of grid_sample, a written-out
        sampling with what its operators computed.
    """

    name = "gridsample"
    match_ops = ("GridSample", "Add", "Reshape")
    match_domains = ("", "ai.onnx", "com.microsoft")

    mode: Mode = Mode.AUTO
    """auto: what the target takes; decompose: only GridSample; restore: only placeholders."""
    interpolation: Interpolation = Interpolation.BILINEAR
    """Mode of the grid_sample a placeholder stands for: bilinear, nearest or bicubic."""
    padding: Padding = Padding.ZEROS
    """Padding mode of the grid_sample a placeholder stands for: zeros, border or reflection."""
    align_corners: bool = True
    """align_corners of the grid_sample a placeholder stands for; what the ModelZoo plants."""

    def matches(self, node: ir.Node) -> bool:
        """GridSample nodes, and Adds that end something like a placeholder."""
        if not super().matches(node):
            return False
        if node.op_type == "GridSample":
            return self.mode is not Mode.RESTORE
        if self.mode is Mode.DECOMPOSE:
            return False
        return resembles_placeholder(node) or resembles_expansion(node)

    def run(self, model: ir.Model, context: PassContext) -> PassResult:
        """See the class.

        Raises:
            PassError: a placeholder is to be restored and the opset cannot be raised to 16.
        """
        nodes = [node for scope in scopes(model) for node in scope]
        anchors = [node for node in nodes if self.matches(node)]
        if all(value and value.shape is not None for n in anchors for value in n.inputs):
            return self._run_typed(model, context)
        untyped = {v: v.type for node in nodes for v in node.outputs if v.shape is None}
        infer_shapes(model)
        result = self._run_typed(model, context)
        if not result.rewrites:  # a pass that does nothing leaves no traces
            for value, type_ in untyped.items():
                value.shape, value.type = None, type_
        return result

    def _run_typed(self, model: ir.Model, context: PassContext) -> PassResult:
        opset, needed = model.opset_imports.get("", 1), self._needed_opset(model, context.target)
        if opset >= needed:
            return super().run(model, context)
        raise_opset(model, needed)
        result = super().run(model, context)
        note = f"raised the opset from {opset} to {needed}"
        return replace(result, notes=(*result.notes, note))

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Mapping[ir.Value, ir.Value] | Skip:
        """Decompose a GridSample; restore a placeholder, or decompose what it stands for."""
        if node.op_type != "GridSample":
            return self._restore(node, rw)
        if self.mode is Mode.AUTO and _takes(rw.target, rw.opset):
            return rw.satisfied(f"target {_name(rw.target)} takes GridSample")
        sampling = read_sampling(node, rw)
        if isinstance(sampling, Skip):
            return sampling
        image, grid = rw.input(node, 0), rw.input(node, 1)
        assert image is not None
        assert grid is not None
        result = decompose(image, grid, node.outputs[0], sampling, rw)
        if not isinstance(result, Skip):
            rw.note(f"decomposed GridSample ({sampling}){self._because(rw)}")
            rw.promise(_close(sampling, image))
        return result

    def conclude(self, rewrites: Sequence[Rewrite], rw: Rewriter) -> Contract:
        """All references in one ``Replaces``; the loosest tolerance for the rest."""
        promised = [rewrite.contract for rewrite in rewrites]
        substitutions = [s for c in promised if isinstance(c, Replaces) for s in c.substitutions]
        close = _BICUBIC if _BICUBIC in promised else Close()
        return Replaces(tuple(substitutions), close) if substitutions else close

    def _restore(self, node: ir.Node, rw: Rewriter) -> Mapping[ir.Value, ir.Value] | Skip:
        found = _find(node)
        if isinstance(found, Skip):
            return found
        if isinstance(found, Placeholder):
            if node.graph is not rw.model.graph:
                return rw.skip(
                    "the placeholder is not in the main graph, its result cannot be checked"
                )
            sampling = Sampling(self.interpolation, self.padding, self.align_corners)
            grid = _without_inserted(found, rw)
            rw.promise(_replaces(found, sampling))
        else:
            sampling = Sampling(Interpolation.BILINEAR, Padding.ZEROS, found.align_corners)
            grid = found.grid
        if self._keeps(rw.target, rw.opset):
            attributes = sampling.attributes(rw.opset)
            result = rw.op("GridSample", found.image, grid, domain="", **attributes)
            rw.note(f"restored GridSample ({sampling}){self._because(rw)}")
            return {found.output: result}
        parts = decompose(found.image, grid, found.output, sampling, rw)
        if isinstance(parts, Skip):
            return parts
        rw.note(f"restored GridSample ({sampling}) and decomposed it{self._because(rw)}")
        return {found.output: parts}

    def _needed_opset(self, model: ir.Model, target: Target | None) -> int:
        """The opset of what this pass will put into the main graph; 0 when it will do nothing."""
        anchors = [node for node in model.graph if self.matches(node)]
        chosen = anchors if self.select is None else self.select.filter(anchors)
        found = [node.op_type == "GridSample" or _find(node) for node in chosen]
        if any(isinstance(item, Placeholder | Expansion) for item in found):
            return _FIRST_OPSET if self._keeps(target, _FIRST_OPSET) else _DECOMPOSED
        return _DECOMPOSED if True in found else 0

    def _keeps(self, target: Target | None, opset: int) -> bool:
        """Whether a restored GridSample stays one."""
        return self.mode is Mode.RESTORE or _takes(target, max(opset, _FIRST_OPSET))

    def _because(self, rw: Rewriter) -> str:
        target = rw.target
        if self.mode is not Mode.AUTO:
            return ""
        if target is None:
            return ": no target is given"
        answer = target.accepts("GridSample", max(rw.opset, _FIRST_OPSET))
        if answer is None:
            return f": nobody knows whether target {target.name} takes it"
        return f": target {target.name} {'takes' if answer else 'does not take'} it"


def _find(node: ir.Node) -> Placeholder | Expansion | Skip:
    return find_placeholder(node) if node.op_type == "Add" else find_expansion(node)


def _takes(target: Target | None, opset: int) -> bool:
    return target is not None and target.accepts("GridSample", opset) is True


def _name(target: Target | None) -> str:
    return "" if target is None else target.name


def _close(sampling: Sampling, image: ir.Value) -> Contract:
    cubic = sampling.interpolation is Interpolation.BICUBIC
    return _BICUBIC if cubic and image.dtype == ir.DataType.FLOAT else Close()


def _without_inserted(found: Placeholder, rw: Rewriter) -> ir.Value:
    """The grid in its own shape."""
    if not found.inserted:
        return found.grid
    grid = rw.op("Reshape", found.grid, rw.const([0, 0, -1, 2]))
    grid.type = found.grid.type
    if found.grid.shape is not None:
        dims = list(found.grid.shape)
        grid.shape = ir.Shape([*dims[:2], *dims[3:]])
    return grid


def _replaces(found: Placeholder, sampling: Sampling) -> Replaces:
    reference = partial(_reference, sampling=sampling)
    inputs = (found.image.name or "", found.grid.name or "")
    substitution = Substitution(inputs, found.output.name or "", reference)
    return Replaces((substitution,), Close())


def _reference(image: np.ndarray, grid: np.ndarray, sampling: Sampling) -> np.ndarray:
    """What a placeholder stands for; its grid may still have the inserted axis."""
    return grid_sample(image, grid.squeeze(2) if grid.ndim == 5 else grid, sampling)
