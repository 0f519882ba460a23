"""Calling a custom operator from a pass."""

from collections.abc import Mapping, Sequence

import onnx_ir as ir

from graphfix.errors import PassError
from graphfix.ops.batch_multi_class_nms import BatchMultiClassNMS
from graphfix.ops.deformable_conv2d import DeformableConv2D
from graphfix.ops.operator import Call, Operator, Shape
from graphfix.ops.psroi_pooling import PSROIPooling
from graphfix.ops.roi_extractor import RoiExtractor
from graphfix.ops.specialised import SpecialisedOperator
from graphfix.rewrite import Rewriter

OPERATORS: Mapping[str, SpecialisedOperator] = {
    operator.name: operator
    for operator in (BatchMultiClassNMS(), DeformableConv2D(), PSROIPooling(), RoiExtractor())
}
"""The custom operators of the ATC dialect, by name."""


def call(
    rw: Rewriter, operator: str | Operator, *inputs: ir.Value | None, **attributes: object
) -> tuple[ir.Value, ...]:
    """Insert a call of a custom operator before the anchor; return its outputs.

    ``operator`` is a name of :data:`OPERATORS`, or an operator of a plugin. The function joins the
    model unless it is there already; the outputs get types and, as far as those of the inputs are
    known, shapes. Trailing ``None`` inputs are left out.

    Raises:
        PassError: an attribute is unknown, missing or out of range; an input is missing, or its
            element type is not known or not covered; or the model's opset cannot express the
            operator (``operator.min_opset`` tells in advance).
    """
    if isinstance(operator, str):
        operator = OPERATORS[operator]
    given = list(inputs)
    while given and given[-1] is None:
        given.pop()
    what = Call(
        rw.opset,
        tuple(value.dtype if value is not None else None for value in given),
        operator.read(attributes),
    )
    check_inputs(operator, given)
    outputs = rw.call(operator.function(what), *given, **what.attributes)
    describe(operator, what, given, outputs)
    return outputs


def describe(
    operator: Operator,
    what: Call,
    given: Sequence[ir.Value | None],
    outputs: Sequence[ir.Value],
) -> None:
    """Say types and shapes of the outputs of a call; trailing outputs may be missing.

    Raises:
        PassError: an input has fewer dimensions than the operator reads.
    """
    try:
        shapes = operator.output_shapes(what, [_shape(value) for value in given])
    except IndexError as error:
        raise PassError(f"{operator.name}: an input has too few dimensions") from error
    for value, dtype, shape in zip(outputs, operator.output_dtypes(what), shapes, strict=False):
        value.type = ir.TensorType(dtype) if dtype is not None else None
        value.shape = ir.Shape(shape) if shape is not None else None


def check_inputs(operator: Operator, given: Sequence[ir.Value | None]) -> None:
    """Refuse a call with too few or too many inputs.

    Raises:
        PassError: says which one, or what the operator takes.
    """
    needed = [port for port in operator.inputs if not port.optional]
    names = operator.input_names(len(given))
    if len(given) < len(needed) or len(given) > len(names):
        wanted = ", ".join(port.name for port in operator.inputs)
        raise PassError(f"{operator.name} has {len(given)} inputs; it takes {wanted}")
    for name, value in zip(names, given, strict=True):
        if value is None:
            raise PassError(f"{operator.name}: the input {name} is missing")


def _shape(value: ir.Value | None) -> Shape | None:
    if value is None or value.shape is None:
        return None
    return tuple(dim if isinstance(dim, int) else None for dim in value.shape)
