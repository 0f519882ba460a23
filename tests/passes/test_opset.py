"""The ``opset`` pass on every operator: the models that onnx generates for its backend tests.

Each model goes down to 11 and 13 and up to 17 and 21, and what was taken down to 11 goes up again.
A conversion is refused with a reason, or gives a valid model with the same outputs. A second
variant of each model has its integer inputs as constants, as exporters write axes, sizes and pads.
"""

import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
from onnx import defs, numpy_helper

from graphfix.contract import Exact
from graphfix.errors import PassError
from graphfix.pipeline import parse
from graphfix.plugins import load_registry
from graphfix.rewrite.base import PassContext
from graphfix.rewrite.opsets import COMPATIBLE, NEWEST
from graphfix.rewrite.opsets.schemas import history, schema_at
from graphfix.rewrite.upgrade import raise_opset
from graphfix_passes._opset import DOWN
from graphfix_passes.opset import LOWEST, Opset

RANDOM = ("Bernoulli", "Multinomial", "Random")


@dataclass(frozen=True)
class Example:
    """A model, its inputs, and the outputs that onnx recorded for them."""

    name: str
    model: onnx.ModelProto
    inputs: list[Any]
    outputs: list[Any]

    @property
    def opset(self) -> int:
        return default_opset(self.model)

    def with_constants(self) -> "Example | None":
        """The same with small integer inputs as initializers, unless all inputs are."""
        if len(self.inputs) != len(self.model.graph.input):
            return None
        fixed = [
            isinstance(value, np.ndarray) and value.dtype.kind in "ib" and value.size <= 64
            for value in self.inputs
        ]
        if all(fixed) or not any(fixed):
            return None
        model = onnx.ModelProto()
        model.CopyFrom(self.model)
        del model.graph.input[:]
        for info, value, is_fixed in zip(self.model.graph.input, self.inputs, fixed, strict=True):
            if is_fixed:
                model.graph.initializer.append(numpy_helper.from_array(value, info.name))
            else:
                model.graph.input.append(info)
        free = [value for value, is_fixed in zip(self.inputs, fixed, strict=True) if not is_fixed]
        return Example(f"{self.name} with constants", model, free, self.outputs)


@dataclass
class Tally:
    """What became of the models."""

    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def default_opset(model: onnx.ModelProto) -> int:
    return next((item.version for item in model.opset_import if item.domain == ""), 0)


def examples() -> Iterator[Example]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from onnx.backend.test.case.node import collect_testcases

        cases = collect_testcases()
    for case in cases:
        assert case.model is not None
        assert case.data_sets is not None
        by_chance = any(node.op_type.startswith(RANDOM) for node in case.model.graph.node)
        if by_chance or not 7 <= default_opset(case.model) <= NEWEST:
            continue
        inputs, outputs = case.data_sets[0]
        example = Example(
            case.name, case.model, [loaded(x) for x in inputs], [loaded(x) for x in outputs]
        )
        yield example
        constant = example.with_constants()
        if constant is not None:
            yield constant


def loaded(value: Any) -> Any:
    if isinstance(value, onnx.TensorProto):
        return numpy_helper.to_array(value)
    if isinstance(value, onnx.SequenceProto):
        return numpy_helper.to_list(value)
    if isinstance(value, onnx.OptionalProto):
        return numpy_helper.to_optional(value)
    return value if isinstance(value, list) or value is None else np.asarray(value)


def run(model: onnx.ModelProto, inputs: Sequence[Any]) -> list[Any]:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    feeds = {info.name: value for info, value in zip(session.get_inputs(), inputs, strict=False)}
    return list(session.run(None, feeds))


def same(one: Any, other: Any, exact: bool = False) -> bool:
    if isinstance(one, list) or isinstance(other, list):
        return (
            isinstance(one, list)
            and isinstance(other, list)
            and len(one) == len(other)
            and all(same(a, b, exact) for a, b in zip(one, other, strict=True))
        )
    if one is None or other is None:
        return one is other
    one, other = np.asarray(one), np.asarray(other)
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    if one.dtype.kind in "OUS":
        return bool((one.astype(str) == other.astype(str)).all())
    if one.dtype.kind not in "fc" or exact:
        return bool(np.array_equal(one, other, equal_nan=one.dtype.kind in "fc"))
    tolerance = 4e-3 if one.dtype == np.float16 else 2e-5
    return bool(np.allclose(one, other, rtol=tolerance, atol=tolerance, equal_nan=True))


def hold(
    label: str,
    after: ir.Model,
    example: Example,
    before: list[Any],
    tally: Tally,
    *,
    exact: bool = False,
) -> bool:
    """Check and run ``after``, and compare with ``before`` or what onnx recorded."""
    proto = ir.serde.serialize_model(after)
    try:
        onnx.checker.check_model(proto)
        outputs = run(proto, example.inputs)
    except Exception as error:  # noqa: BLE001 whatever it is, the converted model does not run
        tally.wrong.append(f"{label}: {error}")
        return False
    # onnxruntime's Attention-23 does not mask its optional score output; the recorded one does
    if same(outputs, before, exact) or same(outputs, example.outputs):
        tally.counts[label.split(":")[0]] += 1
        return True
    tally.wrong.append(f"{label}: other outputs")
    return False


@pytest.fixture(scope="module")
def tally() -> Tally:
    found = Tally()
    for example in examples():
        try:
            before = run(example.model, example.inputs)
        except Exception:  # noqa: BLE001 no kernel: what onnx recorded is the only reference
            found.counts["not run"] += 1
            continue
        found.counts["run"] += 1
        for to in (11, 13):
            if example.opset > to:
                take_down(example, to, before, found)
        for to in (17, 21):
            if example.opset <= 15:
                graph = ir.serde.deserialize_model(example.model)
                try:
                    raise_opset(graph, to)
                except PassError:
                    found.counts[f"refused up to {to}"] += 1
                    continue
                hold(f"up to {to}: {example.name}", graph, example, before, found)
    return found


def take_down(example: Example, to: int, before: list[Any], found: Tally) -> None:
    graph = ir.serde.deserialize_model(example.model)
    try:
        result = Opset(to=to).run(graph, PassContext())
    except PassError as error:
        found.counts[f"refused down to {to}"] += 1
        if not str(error).splitlines()[1:]:
            found.wrong.append(f"{example.name}: a refusal without nodes: {error}")
        return
    half = any(np.asarray(x).dtype == np.float16 for x in before if not isinstance(x, list))
    exact = isinstance(result.contract, Exact) and not half
    label = f"down to {to}: {example.name}"
    if hold(label, graph, example, before, found, exact=exact) and to == 11:
        again = Opset(to=to).run(graph, PassContext())
        assert again.rewrites == (), example.name
        raise_opset(graph, 21)
        hold(f"back up to 21: {example.name}", graph, example, before, found)


def test_no_conversion_is_wrong(tally: Tally) -> None:
    assert tally.wrong == []


@pytest.mark.parametrize(
    ("direction", "least"),
    [
        ("down to 11", 1300),
        ("down to 13", 1000),
        ("back up to 21", 1300),
        ("up to 17", 550),
        ("up to 21", 550),
    ],
)
def test_most_of_the_corpus_converts(tally: Tally, direction: str, least: int) -> None:
    assert tally.counts[direction] >= least, tally.counts


@pytest.mark.parametrize(("direction", "most"), [("down to 11", 340), ("down to 13", 260)])
def test_refusals_stay_few(tally: Tally, direction: str, most: int) -> None:
    assert tally.counts[f"refused {direction}"] <= most, tally.counts
    assert tally.counts["refused up to 17"] <= 2


def test_every_change_of_every_operator_is_adapted_or_reviewed() -> None:
    """On the way down a new operator needs an adapter too, if only one that says why not."""
    newest = min(NEWEST, defs.onnx_opset_version())
    names = {schema.name for schema in defs.get_all_schemas_with_history() if schema.domain == ""}
    changed = {
        (name, version) for name in names for version in history(name) if LOWEST < version <= newest
    }
    listed = {(name, version) for name, versions in COMPATIBLE.items() for version in versions}
    assert changed - listed - set(DOWN.table) == set()
    assert {entry for entry in DOWN.table if entry[1] <= newest} <= changed


def test_an_adapter_overrides_the_table_only_where_it_was_meant() -> None:
    """Changes that are compatible upwards, and need more than dropping a default downwards."""
    listed = {(name, version) for name, versions in COMPATIBLE.items() for version in versions}
    assert listed & set(DOWN.table) == {
        *{(name, 12) for name in ("ArgMax", "ArgMin", "Constant", "GatherND")},
        *{(name, 13) for name in ("DequantizeLinear", "QuantizeLinear")},
        *{(name, 14) for name in ("GRU", "LSTM", "RNN", "Reshape")},
        *{(name, 16) for name in ("ScatterElements", "ScatterND")},
        *{(name, 18) for name in ("LpPool", "OptionalGetElement", "OptionalHasElement")},
        *{(name, 18) for name in ("Pad", "Resize", "ScatterElements", "ScatterND")},
        *{(name, 19) for name in ("AveragePool", "Pad", "Resize")},
        ("Shape", 15),
        ("QuantizeLinear", 21),
        ("DequantizeLinear", 23),
    }


def test_every_type_adapter_names_an_operator_that_exists() -> None:
    assert all(schema_at(op_type, NEWEST) is not None for op_type in DOWN.by_type)


def simple(text: str) -> ir.Model:
    return ir.serde.deserialize_model(onnx.parser.parse_model(text))


def test_ir_version_falls_only_as_far_as_the_model_allows() -> None:
    text = """<ir_version: 10, opset_import: ["" : 17{}]>
        g (float[2] x) => (float[2] y) {{ y = {} (x) }} {}"""
    plain = simple(text.format("", "Relu", ""))
    Opset(to=11).run(plain, PassContext())
    assert plain.ir_version == 6
    body = '<domain: "lib", opset_import: ["" : 17]> f (a) => (b) { b = Relu (a) }'
    calling = simple(text.format(', "lib" : 1', "lib.f", body))
    Opset(to=11).run(calling, PassContext())
    assert calling.ir_version == 8


def test_the_manager_undoes_a_refusal() -> None:
    from graphfix.manager import PassManager

    text = """<ir_version: 8, opset_import: ["" : 18]>
        g (float[2,3] x, int64[1] axes) => (float[2,3] y) {
           [soft] s = Softmax <axis = 0> (x)
           [mean] m = ReduceMean (s, axes)
           [sub] y = Sub (s, m)
        }"""
    registry = load_registry()
    pipeline = parse("opset{to=11}", registry)
    outcome = PassManager(pipeline).run(lambda: simple(text))
    assert [str(failure.error) for failure in outcome.failures] == [
        (
            "opset: 1 node cannot be expressed in opset 11:\n"
            "  mean (ReduceMean): its axes are computed, and must be an attribute in opset 17"
        )
    ]
    assert [node.op_type for node in outcome.model.graph] == ["Softmax", "ReduceMean", "Sub"]
    assert outcome.model.opset_imports == {"": 18}


def test_select_makes_no_sense() -> None:
    graph = simple(
        '<ir_version: 8, opset_import: ["" : 17]> g (float[2] x) => (float[2] y) { y = Relu (x) }'
    )
    item = parse("opset{to=11, select='op=Relu'}", load_registry()).passes[0]
    with pytest.raises(PassError, match=r"^an opset holds for the whole model; remove select=$"):
        item.run(graph, PassContext())
