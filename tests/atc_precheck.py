"""ATC's first look at a graph, written again from the facts about its parser.

It shares nothing with ``graphfix``: it reads protobuf and the tables in ``tools/target_tables``, so
that the audit and the lowering can be compared with it. It knows refusals only, not what is slow or
silently different. Nothing here was run beside the real ATC.

Sources: hicann/ge: ``onnx_parser.cc`` (imports, names, inputs, outputs) and
``if_subgraph_adapter.cc`` under ``parser/parser/onnx``, ``parser/parser/common/pre_checker.cc``,
``graph_metadef/register/register.cpp``; the operator plugins of hicann/ops-nn, ops-cv, ops-math.
"""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import onnx

TABLE = Path(__file__).resolve().parents[1] / "tools" / "target_tables" / "operators.csv"
COLUMNS = {"5.1": "2022-06", "6.0": "2022-06", "8.5": "8.5", "9.0": "9.0", "9.1": "9.1"}
INT_MAX = 2_147_483_647
INPUT_TYPES = (
    "FLOAT UINT8 INT8 UINT16 INT16 INT32 INT64 STRING BOOL FLOAT16 DOUBLE UINT32 UINT64 COMPLEX64 "
    "COMPLEX128 BFLOAT16 FLOAT8E5M2 FLOAT8E4M3FN"
)


@dataclass(frozen=True)
class Refusal:
    """One thing that ATC ends at."""

    code: str
    message: str
    node: str = ""

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


@cache
def _table() -> dict[tuple[str, str], dict[str, str]]:
    with TABLE.open(encoding="utf-8", newline="") as file:
        return {(row["domain"], row["operator"]): row for row in csv.DictReader(file)}


def registered(domain: str, op_type: str, opset: int, cann: str) -> bool | None:
    """Whether ``domain::opset::op_type`` is in the release's table; ``None`` when nobody knows.

    A release whose cell is empty had the operator in a closed package, if at all. It counts when
    the releases before and after have it at this opset.
    """
    row = _table().get((domain or "ai.onnx", op_type))
    if row is None or row["development"] == "none":
        return False
    column = COLUMNS.get(cann, "development" if cann == "development" else "")
    if column and row[column]:
        return _covers(row[column], opset)
    if column == "2022-06":
        return False
    later = [row[name] for name in ("8.5", "9.0", "9.1", "development") if row[name]]
    if row["2022-06"] and later and _covers(later[-1], opset):
        return True
    return None


def _covers(cell: str, opset: int) -> bool:
    if cell in ("any", "none"):
        return cell == "any"
    spans = [part.split("-") for part in cell.split()]
    return any(int(span[0]) <= opset <= int(span[-1]) for span in spans)


def precheck(model: onnx.ModelProto, cann: str, size: int = 1) -> list[Refusal]:
    """What ATC of a release refuses in a model; ``size`` is that of its file in bytes."""
    if not 0 < size <= INT_MAX:
        return [Refusal("E13015", f"File has a size of {size}, which is out of valid range")]
    graph = model.graph
    weights = {tensor.name for tensor in graph.initializer}
    if not graph.input:
        return [Refusal("E16001", "The model has no input node.")]
    if not graph.output:
        return [Refusal("E16001", "The model has no output node.")]
    if refusals := list(_imports(model, cann)):
        return refusals
    versions = {entry.domain or "ai.onnx": entry.version for entry in model.opset_import}
    only = next(iter(versions.values()))
    found = [
        *_names(graph, weights),
        *_inputs(graph, weights),
        *_outputs(graph),
    ]
    for inner, node in _walk(graph):
        domain = node.domain or "ai.onnx"
        opset = versions.get(domain, only)
        name = node.name or node.op_type
        if registered(domain, node.op_type, opset, cann) is False:
            key = f"{domain}::{opset}::{node.op_type}"
            text = f"No operator plugin is registered for Op: {name}, optype: {key}."
            found.append(Refusal("E13010", text, node.name))
            continue
        found += [Refusal("E11010", f"{name}: {text}", node.name) for text in _plugin(node, opset)]
        if node.op_type == "If":
            found += _branches(node)
        if inner and "" in node.input:
            text = f"Model assigned input node name:  cannot find in graph ({name})"
            found.append(Refusal("E19999", text, node.name))
    return found


def unknown_operators(model: onnx.ModelProto, cann: str) -> set[str]:
    """Operators of which nobody knows whether the release has them."""
    versions = {entry.domain or "ai.onnx": entry.version for entry in model.opset_import}
    only = next(iter(versions.values()), 0)
    return {
        node.op_type
        for _, node in _walk(model.graph)
        if registered(node.domain, node.op_type, versions.get(node.domain or "ai.onnx", only), cann)
        is None
    }


def _walk(graph: onnx.GraphProto, inner: bool = False) -> Iterator[tuple[bool, onnx.NodeProto]]:
    for node in graph.node:
        yield inner, node
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from _walk(attribute.g, inner=True)


def _imports(model: onnx.ModelProto, cann: str) -> Iterator[Refusal]:
    """Up to 9.1 one import, if any node has no domain; later each domain is looked up."""
    domains = [entry.domain for entry in model.opset_import]
    plain = any(not node.domain for _, node in _walk(model.graph))
    if cann != "development" and plain and len(set(domains)) != 1:
        yield Refusal(
            "E16005",
            f"The model has {len(domains)} --domain_version fields, but only one is allowed.",
        )
        return
    known = set(domains)
    if cann == "development":
        known = {domain or "ai.onnx" for domain in domains}
    for _, node in _walk(model.graph):
        # On older releases the one entry serves nodes without a domain, whatever its name is.
        wanted = node.domain if cann != "development" else node.domain or "ai.onnx"
        if wanted and wanted not in known:
            yield Refusal(
                "E19999",
                f"The opset of domain[{wanted}] has no responding version. ({node.name})",
                node.name,
            )


def _names(graph: onnx.GraphProto, weights: set[str]) -> Iterator[Refusal]:
    """Nodes, inputs and the nodes made of initializers share one space of names."""
    names = [value.name for value in graph.input if value.name not in weights]
    names += [f"{name}_Initializer_{index}" for index, name in enumerate(sorted(weights))]
    unnamed = 0
    for node in graph.node:
        names.append(node.name or f"{node.op_type}_{unnamed}")
        unnamed += not node.name
    seen: set[str] = set()
    for name in names:
        if name in seen:
            yield Refusal("E13009", f"Operator {name} already exists in the graph.", name)
        seen.add(name)


def _inputs(graph: onnx.GraphProto, weights: set[str]) -> Iterator[Refusal]:
    for value in graph.input:
        kind = onnx.TensorProto.DataType.Name(value.type.tensor_type.elem_type)
        if value.name not in weights and kind not in INPUT_TYPES.split():
            yield Refusal(
                "E19999", f"tensor_proto data type {kind} is undefined. ({value.name})", value.name
            )


def _outputs(graph: onnx.GraphProto) -> Iterator[Refusal]:
    made = {name for node in graph.node for name in node.output}
    made |= {value.name for value in graph.input} | {tensor.name for tensor in graph.initializer}
    for value in graph.output:
        if value.name not in made:
            yield Refusal("E19999", f"Cannot find output:{value.name} in graph", value.name)


def _branches(node: onnx.NodeProto) -> Iterator[Refusal]:
    if {attribute.name for attribute in node.attribute} != {"then_branch", "else_branch"}:
        count = len(node.attribute)
        yield Refusal("E19999", f"if node attribute size:{count} must be 2", node.name)
        return
    for attribute in node.attribute:
        made = {name for inner in attribute.g.node for name in inner.output}
        made |= {tensor.name for tensor in attribute.g.initializer}
        for value in attribute.g.output:
            if value.name not in made:
                yield Refusal("E19999", f"Cannot find output:{value.name} in graph", node.name)


def _plugin(node: onnx.NodeProto, opset: int) -> Iterator[str]:
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    rule = PLUGINS.get(node.op_type)
    if rule is not None and (not node.domain or node.domain == "ai.onnx"):
        text = rule(attributes, list(node.input), list(node.output), opset)
        if text:
            yield text


Attributes = dict[str, Any]
Plugin = Callable[[Attributes, list[str], list[str], int], str | None]


def _needs(*names: str, until: int = 99) -> Plugin:
    def rule(a: Attributes, i: list[str], o: list[str], opset: int) -> str | None:
        missing = [name for name in names if name not in a]
        return f"must input the attr of {missing[0]}" if missing and opset <= until else None

    return rule


def _conv(a: Attributes, i: list[str], o: list[str], opset: int) -> str | None:
    if not {"kernel_shape", "pads", "strides", "dilations"} & set(a):
        return "kernel_shape, pads, strides and dilations are all missing"
    pads = a.get("pads")
    odd = isinstance(pads, list) and len(pads) % 2
    return "pads have an odd length" if odd else None


def _max_pool(a: Attributes, i: list[str], o: list[str], opset: int) -> str | None:
    if len(o) > 1 and o[1]:
        return "the output Indices is not supported"
    if a.get("storage_order"):
        return "storage_order must be 0"
    return None if "kernel_shape" in a else "must input the attr of kernel_shape"


def _resize(a: Attributes, i: list[str], o: list[str], opset: int) -> str | None:
    if opset >= 11 and len(i) < 3:
        return "there are fewer than 3 inputs"
    modes = (b"nearest", b"linear") if opset < 11 else (b"nearest", b"linear", b"cubic")
    return None if a.get("mode", b"nearest") in modes else "mode is not supported"


def _clip(a: Attributes, i: list[str], o: list[str], opset: int) -> str | None:
    absent = opset >= 11 and not any(i[1:])
    return "min and max are both missing" if absent else None


def _scatter_nd(a: Attributes, i: list[str], o: list[str], opset: int) -> str | None:
    return "reduction mul is not supported" if a.get("reduction") == b"mul" else None


def _nms(a: Attributes, i: list[str], o: list[str], opset: int) -> str | None:
    return None if 2 <= len(i) <= 5 else "the number of inputs is not 2 to 5"


def _is_inf(a: Attributes, i: list[str], o: list[str], opset: int) -> str | None:
    if a.get("detect_negative", 1) == 1 and a.get("detect_positive", 1) == 1:
        return None
    return "detect_negative and detect_positive must be 1"


def _bit_shift(a: Attributes, i: list[str], o: list[str], opset: int) -> str | None:
    return "an attribute other than direction" if set(a) - {"direction"} else None


def _zero(name: str) -> Plugin:
    def rule(a: Attributes, i: list[str], o: list[str], opset: int) -> str | None:
        return f"{name} must be 0" if a.get(name) else None

    return rule


PLUGINS: dict[str, Plugin] = {
    "ArgMax": _zero("select_last_index"),
    "ArgMin": _zero("select_last_index"),
    "AveragePool": _needs("kernel_shape"),
    "BitShift": _bit_shift,
    "Cast": _needs("to"),
    "Clip": _clip,
    "Concat": _needs("axis"),
    "Conv": _conv,
    "ConvTranspose": _needs("kernel_shape"),
    "DepthToSpace": _needs("blocksize"),
    "Einsum": _needs("equation"),
    "GatherND": _zero("batch_dims"),
    "IsInf": _is_inf,
    "LRN": _needs("size"),
    "MaxPool": _max_pool,
    "MaxRoiPool": _needs("pooled_shape"),
    "MaxUnpool": _needs("kernel_shape"),
    "NonMaxSuppression": _nms,
    "Resize": _resize,
    "ScatterND": _scatter_nd,
    "SpaceToDepth": _needs("blocksize"),
    "TopK": _needs("k", until=9),
    "Transpose": _needs("perm"),
    "Unsqueeze": _needs("axes", until=12),
}
"""What the plugin of an operator refuses; attributes, inputs, outputs and opset to a reason."""
