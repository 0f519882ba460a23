"""Custom operators: a call of a function in memory, a plain node of the default domain for ATC.

ATC's plugins read attributes by name and type and ignore all others; input order is that of the
functions (ONNX plugins of DeformableConv2D in hicann/ops-nn, of the others in hicann/ops-cv).
"""

from collections.abc import Callable, Mapping

import onnx_ir as ir

from graphfix.dialect.scope import Scope
from graphfix.dialect.shapes import dims_of
from graphfix.dialect.support import elsewhere
from graphfix.errors import PassError
from graphfix.ops import OPERATORS, Call, Operator, SpecialisedOperator, check_inputs, describe
from graphfix.rewrite.rewriter import AttrValue, as_attribute
from graphfix.target import Profile

_Given = dict[str, object]


def is_spelled(function: ir.Function, profile: Profile) -> bool:
    """Whether ATC has an operator for a function: one of graphfix, or one of a target file."""
    if function.domain == "ascend" and function.name in OPERATORS:
        return True
    return _target_domain(function, profile) is not None


def _target_domain(function: ir.Function, profile: Profile) -> str | None:
    """The domain in which a target file of the user has an operator of this name."""
    for domain in ("", function.domain):
        if f"{domain or 'ai.onnx'}::{function.name}" in profile.added:
            return domain
    return None


def lower(node: ir.Node, function: ir.Function, profile: Profile, scope: Scope) -> None:
    """Make a plain node of a call; the function says which attributes there are."""
    domain = _target_domain(function, profile)
    support = profile.support(node.op_type, scope.opset, domain or "")
    if support.verdict is False:
        scope.journal.refuse(node, elsewhere(node.op_type, profile, scope.opset, domain or ""))
        return
    operator = OPERATORS.get(node.op_type) if function.domain == "ascend" else None
    if operator is not None:
        if (reason := _differs(node, operator, scope.opset)) is not None:
            scope.journal.refuse(node, reason)
            return
        if node.op_type == "DeformableConv2D" and (reason := _fold_pads(node)) is not None:
            scope.journal.refuse(node, reason)
            return
    for name, attribute in function.attributes.items():
        if attribute.value is not None and name not in node.attributes:
            node.attributes.add(attribute)
    scope.journal.changed(node, f"call of {function.domain}::{function.name} made a plain node")
    node.domain, node.overload = domain or "", ""


def _differs(node: ir.Node, operator: SpecialisedOperator, opset: int) -> str | None:
    """What speaks against the call being what its attributes say."""
    try:
        overload = operator.overload(_call(node, operator, _values(node), opset))
    except PassError as error:
        return str(error)
    if overload != node.overload:
        return (
            "its function is another one than its attributes ask for, so that ATC would compute "
            "something else; insert it again with graphfix.ops.call"
        )
    return None


def _fold_pads(node: ir.Node) -> str | None:
    """ATC reads one or two pads; four are two when they are symmetric."""
    pads = tuple(node.attributes["pads"].as_ints())
    if len(pads) != 4:
        return None
    if pads[:2] != pads[2:]:
        return f"ATC takes the same pads on both sides, and they are {list(pads)}; insert a Pad"
    node.attributes.add(ir.AttrInt64s("pads", pads[:2]))
    return None


def raised_opset(node: ir.Node, opset: int) -> int:
    """The opset that the function of a plain node needs; ``opset`` if that is enough."""
    operator = OPERATORS[node.op_type]
    try:
        values = operator.read({**_known(node, operator), **_placeholders(node, operator)})
    except PassError:
        return opset  # the node will be refused with its reason
    return max(opset, operator.min_opset(values))


def raise_(node: ir.Node, operator: Operator, opset: int, scope: Scope) -> None:
    """Make a plain node a call of the function that says what it computes."""
    inputs = _inputs(node)
    try:
        check_inputs(operator, inputs)
        given = _known(node, operator)
        _report_unread(node, operator, scope)
        if (complete := _COMPLETE.get(operator.name)) is not None:
            complete(node, given, scope)
        what = _call(node, operator, given, opset)
        function = operator.function(what)
        describe(operator, what, inputs, node.outputs)
    except PassError as error:
        scope.journal.refuse(node, str(error))
        return
    node.attributes.clear()
    node.attributes.update((name, as_attribute(name, v)) for name, v in what.attributes.items())
    node.domain, node.overload = function.domain, function.overload
    if node.overload:
        scope.model.ir_version = max(scope.model.ir_version or 0, 10)
    scope.model.functions.setdefault(function.identifier(), function)
    scope.model.graph.opset_imports.setdefault(function.domain, 1)
    scope.knowledge.learned()
    scope.journal.changed(node, f"plain node made a call of {function.domain}::{function.name}")


def _call(node: ir.Node, operator: Operator, given: Mapping[str, object], opset: int) -> Call:
    dtypes = tuple(value.dtype if value is not None else None for value in _inputs(node))
    return Call(opset, dtypes, operator.read(given))


def _inputs(node: ir.Node) -> list[ir.Value | None]:
    """The inputs up to the last one that is given."""
    inputs = list(node.inputs)
    while inputs and inputs[-1] is None:
        inputs.pop()
    return inputs


def _values(node: ir.Node) -> _Given:
    return {
        name: tuple(item.value) if isinstance(item.value, (list, tuple)) else item.value
        for name, item in node.attributes.items()
    }


def _known(node: ir.Node, operator: Operator) -> _Given:
    """What a plugin would read: attributes of a known name and the right type."""
    types = {attribute.name: attribute.type for attribute in operator.attributes}
    return {
        name: value
        for name, value in _values(node).items()
        if name in types and types[name] in (None, node.attributes[name].type)
    }


def _report_unread(node: ir.Node, operator: Operator, scope: Scope) -> None:
    types = {attribute.name: attribute for attribute in operator.attributes}
    for name, attribute in node.attributes.items():
        if name not in types:
            scope.journal.note(node, f"ATC does not read the attribute {name!r}")
        elif (kind := types[name].type) not in (None, attribute.type):
            assert kind is not None
            scope.journal.note(
                node,
                f"ATC reads {name!r} only as {kind.name}, and it is "
                f"{attribute.type.name}; the default holds",
            )


def _placeholders(node: ir.Node, operator: Operator) -> _Given:
    """Values for what is missing, where only the opset is asked for."""
    return {
        attribute.name: (1,)
        for attribute in operator.attributes
        if attribute.type == ir.AttributeType.INTS and attribute.name not in node.attributes
    }


def _complete_deformable(node: ir.Node, given: _Given, scope: Scope) -> None:
    """Old scripts misspell attributes of DeformableConv2D or leave them out.

    Raises:
        PassError: what the file says is not what the function computes.
    """
    journal = scope.journal
    misspelt = node.attributes.get("defomable_groups")
    if misspelt is not None and misspelt.value != given.get("deformable_groups", 1):
        journal.note(
            node,
            f"'defomable_groups' is {misspelt.value}, a misspelt name that ATC "
            f"does not read; one deformable group is computed, as ATC does",
        )
    modulated = node.attributes.get("modulated")
    if modulated is not None and modulated.value == 0:
        raise PassError("modulated=0 (no masks) is not known; only version 2 is")
    if "groups" not in given:
        journal.note(node, "without 'groups' ATC takes 0; it is raised as 1")
    if "data_format" not in given:
        journal.note(node, "without 'data_format' ATC takes NHWC; it is raised as NCHW")
    if "strides" in given and "pads" in given:
        return
    given.setdefault("strides", (1, 1))
    given.setdefault("pads", _pads_of_sizes(node, given))
    journal.note(
        node,
        f"strides or pads are missing, which ATC calls an error; by the sizes of "
        f"its inputs they are {_list(given['strides'])} and {_list(given['pads'])}",
    )


def _pads_of_sizes(node: ir.Node, given: _Given) -> AttrValue:
    """The symmetric pads with which the output has the height and width of the offsets."""
    x, weight, offsets = (dims_of(value) for value in node.inputs[:3])
    strides, dilations = given["strides"], given.get("dilations", (1, 1))
    assert isinstance(strides, tuple)
    assert isinstance(dilations, tuple)
    if not strides or not dilations:
        raise PassError("strides or dilations are empty")
    pads = []
    for axis in (0, 1):
        sizes = [
            dims[2 + axis] if dims and len(dims) == 4 else None for dims in (x, weight, offsets)
        ]
        if None in sizes:
            raise PassError("pads are missing, and the sizes of the inputs do not tell them")
        length, kernel, out = (size or 0 for size in sizes)
        reach = dilations[min(axis, len(dilations) - 1)] * (kernel - 1) + 1
        total = (out - 1) * strides[min(axis, len(strides) - 1)] + reach - length
        if total < 0 or total % 2:
            raise PassError("pads are missing, and no symmetric ones fit the sizes of the inputs")
        pads.append(total // 2)
    return tuple(pads)


def _list(value: object) -> list[object]:
    assert isinstance(value, tuple)
    return list(value)


def _complete_nms(node: ir.Node, given: _Given, scope: Scope) -> None:
    """Attributes of BatchMultiClassNMS that change what it computes.

    Raises:
        PassError: one of them is set.
    """
    for name in ("transpose_box", "change_coordinate_frame"):
        attribute = node.attributes.get(name)
        if attribute is not None and attribute.value:
            raise PassError(f"{name} is set, and what it computes then is not known")


_COMPLETE: Mapping[str, Callable[[ir.Node, _Given, Scope], None]] = {
    "DeformableConv2D": _complete_deformable,
    "BatchMultiClassNMS": _complete_nms,
}
