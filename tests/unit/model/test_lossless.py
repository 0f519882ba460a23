"""What a file holds survives load and save, above all what onnx-ir alone would drop."""

import logging
from collections.abc import Callable

import ml_dtypes
import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper, numpy_helper

from graphfix.errors import ModelError
from graphfix.model import diff, digest, from_bytes, to_proto
from graphfix.model.tensors import SparseTensor, StoredTensor
from graphfix.model.types import ProtoType

DEFAULT_OPSET = onnx.OperatorSetIdProto(version=21)


def base() -> onnx.ModelProto:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [2])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [2])
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"], name="r")], "g", [x], [y])
    return helper.make_model(graph, ir_version=11, opset_imports=[DEFAULT_OPSET])


def read(proto: onnx.ModelProto) -> ir.Model:
    return from_bytes(proto.SerializeToString())


def written(model: ir.Model) -> onnx.ModelProto:
    return to_proto(model, weights=True)


def metadata_everywhere(proto: onnx.ModelProto) -> None:
    for message in (proto, proto.graph, proto.graph.node[0], proto.graph.input[0]):
        message.metadata_props.add(key="b", value="1")
        message.metadata_props.add(key="a", value="2")
        message.doc_string = "said"
    weight = numpy_helper.from_array(np.zeros(2, np.float32), "w")
    weight.doc_string = "a weight"
    weight.metadata_props.add(key="k", value="v")
    proto.graph.initializer.append(weight)


def typed_weight_with_metadata(proto: onnx.ModelProto) -> None:
    weight = helper.make_tensor("w", TensorProto.FLOAT, [2], [1.0, 2.0])
    weight.metadata_props.add(key="k", value="v")
    proto.graph.initializer.append(weight)


def producer(proto: onnx.ModelProto) -> None:
    proto.producer_name, proto.producer_version = "p", "1"
    proto.domain, proto.model_version = "d", 0


def quantization(proto: onnx.ModelProto) -> None:
    for name in ("x", "y"):
        annotation = proto.graph.quantization_annotation.add(tensor_name=name)
        annotation.quant_parameter_tensor_names.add(key="SCALE_TENSOR", value="s")


def training(proto: onnx.ModelProto) -> None:
    info = proto.training_info.add()
    info.algorithm.name = "step"
    info.update_binding.add(key="w", value="w_new")


def devices(proto: onnx.ModelProto) -> None:
    proto.configuration.add(name="c", num_devices=2, device=["CPU", "NPU"])
    node = proto.graph.node[0].device_configurations.add(configuration_id="c", pipeline_stage=1)
    sharding = node.sharding_spec.add(tensor_name="x", device=[0, 1])
    sharding.sharded_dim.add(axis=0).simple_sharding.add(dim_value=2, num_shards=2)


def functions(proto: onnx.ModelProto) -> None:
    for overload in ("", "other"):
        function = proto.functions.add(name="f", domain="mine", overload=overload or None)
        function.input.append("a")
        function.output.append("b")
        function.attribute.append("alpha")
        function.attribute_proto.append(helper.make_attribute("beta", 0.5))
        node = helper.make_node("LeakyRelu", ["a"], ["b"], name="inner")
        node.attribute.add(name="alpha", ref_attr_name="alpha", type=onnx.AttributeProto.FLOAT)
        function.node.append(node)
        function.opset_import.append(DEFAULT_OPSET)
        function.value_info.append(helper.make_tensor_value_info("a", TensorProto.FLOAT, [2]))
        function.doc_string = "a function"
        function.metadata_props.add(key="k", value="v")
    proto.opset_import.append(helper.make_opsetid("mine", 1))
    proto.graph.node.append(helper.make_node("f", ["x"], ["z"], domain="mine", overload="other"))


def function_types_of_ir_version_9(proto: onnx.ModelProto) -> None:
    functions(proto)
    proto.ir_version = 9
    for function in proto.functions:
        del function.value_info[:]
    del proto.functions[1:]
    proto.graph.value_info.append(
        helper.make_tensor_value_info("mine::f/a", TensorProto.FLOAT, [2])
    )


def nested_subgraphs(proto: onnx.ModelProto) -> None:
    inner = helper.make_graph(
        [helper.make_node("Add", ["t", "x"], ["u"])],
        "inner",
        [],
        [helper.make_tensor_value_info("u", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.ones(2, np.float32), "k")],
        doc_string="inside",
        value_info=[helper.make_tensor_value_info("k", TensorProto.FLOAT, ["N"])],
    )
    outer = helper.make_graph(
        [
            helper.make_node("Neg", ["x"], ["t"]),
            helper.make_node("If", ["c"], ["v"], then_branch=inner, else_branch=inner),
        ],
        "outer",
        [],
        [helper.make_tensor_value_info("v", TensorProto.FLOAT, [2])],
        sparse_initializer=[sparse()],
    )
    proto.graph.input.append(helper.make_tensor_value_info("c", TensorProto.BOOL, []))
    proto.graph.node.append(
        helper.make_node("If", ["c"], ["z"], then_branch=outer, else_branch=outer)
    )


def odd_names(proto: onnx.ModelProto) -> None:
    for index, name in enumerate(("", "", "r", "a/b:c", "ü 中", " ")):
        proto.graph.node.append(helper.make_node("Neg", ["x"], [f"o {index}\n"], name=name))
    proto.graph.node.append(helper.make_node("Dropout", ["x", "", ""], ["d", ""]))
    proto.graph.node.append(helper.make_node("TopK", ["x", ""], ["", "i"]))


def initializer_that_is_input_and_output(proto: onnx.ModelProto) -> None:
    for name in ("i", "o"):
        proto.graph.initializer.append(numpy_helper.from_array(np.ones(2, np.float32), name))
    proto.graph.input.append(helper.make_tensor_value_info("i", TensorProto.FLOAT, ["N"]))
    proto.graph.output.append(helper.make_tensor_value_info("o", TensorProto.FLOAT, [2]))


def output_twice_and_input_as_output(proto: onnx.ModelProto) -> None:
    proto.graph.output.extend([proto.graph.output[0], proto.graph.input[0]])


def denotations(proto: onnx.ModelProto) -> None:
    type_ = proto.graph.input[0].type
    type_.denotation = "IMAGE"
    type_.tensor_type.shape.dim[0].denotation = "DATA_BATCH"
    type_.tensor_type.shape.dim.add(dim_param="N", denotation="DATA_CHANNEL")
    type_.tensor_type.shape.dim.add()


def sequence_and_optional_types(proto: onnx.ModelProto) -> None:
    tensor = helper.make_tensor_type_proto(TensorProto.BFLOAT16, ["N", 4])
    types = [
        helper.make_sequence_type_proto(tensor),
        helper.make_optional_type_proto(helper.make_sequence_type_proto(tensor)),
        helper.make_sparse_tensor_type_proto(TensorProto.FLOAT, [3]),
    ]
    types[0].denotation = "D"
    for index, type_ in enumerate(types):
        proto.graph.input.append(helper.make_value_info(f"t{index}", type_))


def types_onnx_ir_has_no_class_for(proto: onnx.ModelProto) -> None:
    value_type = helper.make_tensor_type_proto(TensorProto.FLOAT, [2])
    map_type = helper.make_map_type_proto(TensorProto.INT64, value_type)
    opaque = onnx.TypeProto()
    opaque.opaque_type.domain, opaque.opaque_type.name = "d", "n"
    bare = onnx.TypeProto()
    bare.tensor_type.shape.dim.add(dim_value=3)
    for index, type_ in enumerate((map_type, helper.make_sequence_type_proto(map_type), opaque)):
        proto.graph.input.append(helper.make_value_info(f"t{index}", type_))
    proto.graph.value_info.append(helper.make_value_info("v", bare))
    proto.graph.node.append(helper.make_node("Neg", ["x"], ["v"]))


def every_kind_of_attribute(proto: onnx.ModelProto) -> None:
    small = numpy_helper.from_array(np.ones(2, np.float32), "t")
    large = numpy_helper.from_array(np.ones(5000, np.float32), "large")
    graph = helper.make_graph([], "empty", [], [])
    type_ = helper.make_tensor_type_proto(TensorProto.FLOAT, ["N"])
    node = helper.make_node("Op", ["x"], ["z"], domain="mine")
    for name, value in {
        "i": -(1 << 63), "f": float("inf"), "s": b"\xff\x00", "t": large, "g": graph,
        "ints": [1, -1], "floats": [0.1, float("nan")], "strings": [b"a", b"\xfe"],
        "tensors": [small, large], "graphs": [graph, graph], "type": type_,
        "types": [type_, type_], "sparse": sparse(), "sparses": [sparse(), sparse()],
    }.items():  # fmt: skip
        node.attribute.append(helper.make_attribute(name, value))
        node.attribute[-1].doc_string = f"about {name}"
    for name, kind in (
        ("none", onnx.AttributeProto.INTS),
        ("nothing", onnx.AttributeProto.STRINGS),
    ):
        node.attribute.add(name=name, type=kind)
    proto.graph.node.append(node)
    proto.opset_import.append(helper.make_opsetid("mine", 1))


def sparse(name: str = "s") -> onnx.SparseTensorProto:
    values = numpy_helper.from_array(np.array([1, 2], np.float32), name)
    indices = numpy_helper.from_array(np.array([1, 5], np.int64), "where")
    return helper.make_sparse_tensor(values, indices, [2, 3])


def sparse_weights(proto: onnx.ModelProto) -> None:
    proto.graph.sparse_initializer.append(sparse())
    proto.graph.node.append(helper.make_node("Constant", [], ["k"], sparse_value=sparse("unused")))


def strings(proto: onnx.ModelProto) -> None:
    array = np.array([["a", "ü"], ["", "\n"]], dtype=object)
    proto.graph.initializer.append(numpy_helper.from_array(array, "words"))
    proto.graph.node.append(helper.make_node("Constant", [], ["k"], value_strings=["a", "b"]))


def small_weights_of_every_type(proto: onnx.ModelProto) -> None:
    for kind in TensorProto.DataType.values():
        if kind in (TensorProto.UNDEFINED, TensorProto.STRING):
            continue
        dtype = helper.tensor_dtype_to_np_dtype(kind)
        array = (np.arange(7) % 2).astype(dtype)
        proto.graph.initializer.append(numpy_helper.from_array(array, f"raw {kind}"))
        if kind in (TensorProto.FLOAT6E2M3, TensorProto.FLOAT6E3M2):
            continue
        proto.graph.initializer.append(helper.make_tensor(f"typed {kind}", kind, [7], array))


def large_weights_of_every_type(proto: onnx.ModelProto) -> None:
    for kind in TensorProto.DataType.values():
        if kind in (TensorProto.UNDEFINED, TensorProto.STRING):
            continue
        dtype = helper.tensor_dtype_to_np_dtype(kind)
        array = (np.arange(17001) % 2).astype(dtype)
        proto.graph.initializer.append(numpy_helper.from_array(array, f"raw {kind}"))


CHANGES: list[Callable[[onnx.ModelProto], None]] = [
    denotations,
    devices,
    every_kind_of_attribute,
    function_types_of_ir_version_9,
    functions,
    initializer_that_is_input_and_output,
    large_weights_of_every_type,
    metadata_everywhere,
    nested_subgraphs,
    odd_names,
    output_twice_and_input_as_output,
    producer,
    quantization,
    sequence_and_optional_types,
    small_weights_of_every_type,
    sparse_weights,
    strings,
    training,
    typed_weight_with_metadata,
    types_onnx_ir_has_no_class_for,
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_nothing_is_lost(change: Callable[[onnx.ModelProto], None]) -> None:
    proto = base()
    change(proto)
    model = read(proto)
    result = written(model)
    assert result == proto
    assert diff(model, read(result)).empty
    assert digest(model) == digest(read(result))


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_clone_has_it_all(change: Callable[[onnx.ModelProto], None]) -> None:
    proto = base()
    change(proto)
    model = read(proto)
    assert diff(model, model.clone()).empty
    assert digest(model.clone()) == digest(model)


def test_explicit_empty_texts_are_dropped() -> None:
    proto = base()
    proto.doc_string = proto.graph.doc_string = proto.graph.node[0].domain = ""
    result = written(read(proto))
    assert not result.HasField("doc_string")
    assert not result.graph.node[0].HasField("domain")


def test_the_default_domain_has_one_name() -> None:
    proto = base()
    proto.opset_import[0].domain = proto.graph.node[0].domain = "ai.onnx"
    assert written(read(proto)) == base()


def test_value_info_of_nothing_is_dropped() -> None:
    proto = base()
    proto.graph.value_info.append(helper.make_tensor_value_info("ghost", TensorProto.FLOAT, [2]))
    proto.graph.quantization_annotation.add(tensor_name="ghost")
    assert written(read(proto)) == base()


def test_value_info_that_repeats_the_weight_is_dropped() -> None:
    proto = base()
    proto.graph.initializer.append(numpy_helper.from_array(np.ones(2, np.float32), "w"))
    expected = proto.SerializeToString()
    proto.graph.value_info.append(helper.make_tensor_value_info("w", TensorProto.FLOAT, [2]))
    assert written(read(proto)).SerializeToString() == expected


def test_fields_onnx_does_not_know_are_dropped_with_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    data = base().SerializeToString() + b"\xf2\x3f\x03new"
    with caplog.at_level(logging.WARNING):
        model = from_bytes(data)
    assert caplog.messages == ["6 bytes of fields unknown to onnx are dropped"]
    assert written(model) == base()


def test_nodes_out_of_order_are_sorted() -> None:
    proto = base()
    nodes = [
        helper.make_node("Neg", ["b"], ["c"]),
        helper.make_node("Neg", ["a"], ["b"]),
        helper.make_node("Neg", ["y"], ["a"]),
    ]
    for node in nodes:
        proto.graph.node.insert(0, node)
    proto.graph.node.insert(0, nodes[0])
    del proto.graph.node[3]
    model = read(proto)
    assert [node.outputs[0].name for node in model.graph] == ["y", "a", "b", "c"]


def test_an_attribute_without_type_gets_one() -> None:
    proto = base()
    node = helper.make_node("Softmax", ["x"], ["z"], axis=1)
    node.attribute[0].ClearField("type")
    proto.graph.node.append(node)
    attribute = read(proto).graph[1].attributes["axis"]
    assert (attribute.type, attribute.value) == (ir.AttributeType.INT, 1)


@pytest.mark.parametrize("negative", [-1, "-1", -7])
def test_negative_dimensions_become_symbols(negative: int | str) -> None:
    proto = base()
    proto.graph.input.append(
        helper.make_tensor_value_info("z", TensorProto.FLOAT, [negative, 3, negative, "z_dim2"])
    )
    for value in (proto.graph.input[0], proto.graph.output[0]):
        value.type.tensor_type.shape.dim[0].dim_value = -1
    model = read(proto)
    dims = [[str(dim) for dim in value.shape or ()] for value in model.graph.inputs]
    assert dims == [["x_dim0"], ["z_dim0", "3", "z_dim2_1", "z_dim2"]]
    assert str(model.graph.outputs[0].shape) == "[y_dim0]"
    assert diff(model, read(written(model))).empty


def test_large_weights_are_views() -> None:
    proto = base()
    large_weights_of_every_type(proto)
    model = read(proto)
    for tensor in model.graph.initializers.tensors():
        assert isinstance(tensor, StoredTensor)
        array = tensor.numpy()
        assert array.dtype == helper.tensor_dtype_to_np_dtype(tensor.dtype)
        assert array.shape == (17001,)
        assert array.flags.writeable == (tensor.dtype.bitwidth < 8)
        expected = (np.arange(17001) % 2).astype(array.dtype)
        assert np.asarray(tensor).tobytes() == expected.tobytes()
        assert isinstance(tensor, ir.TensorProtocol)
        assert tensor.size == 17001
        assert len(tensor.tobytes()) == tensor.nbytes == tensor.length
    float8 = model.graph.initializers[f"raw {TensorProto.FLOAT8E5M2}"].const_value
    assert float8 is not None
    assert float8.numpy().dtype == ml_dtypes.float8_e5m2


def test_large_typed_numbers_become_raw() -> None:
    array = np.arange(4096, dtype=np.float32)
    for dtype in (np.float32, np.float64, np.int64, np.float16):
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        proto = base()
        numbers = (array % 100).astype(dtype)
        proto.graph.initializer.append(helper.make_tensor("w", kind, [4096], numbers))
        model = read(proto)
        weight = written(model).graph.initializer[0]
        assert weight.raw_data == numbers.tobytes()
        assert digest(read(written(model))) == digest(model)
        tensor = model.graph.initializers["w"].const_value
        assert tensor is not None
        np.testing.assert_array_equal(tensor.numpy(), numbers)


def test_sparse_weights_have_dense_numbers() -> None:
    proto = base()
    sparse_weights(proto)
    tensor = read(proto).graph.initializers["s"].const_value
    assert isinstance(tensor, SparseTensor)
    assert (tensor.dtype, list(tensor.shape)) == (ir.DataType.FLOAT, [2, 3])
    np.testing.assert_array_equal(tensor.numpy(), [[0, 1, 0], [0, 0, 2]])
    indices = ir.tensor(np.array([[0, 2], [1, 0]], np.int64))
    values = ir.tensor(np.array([3, 4], np.float32))
    np.testing.assert_array_equal(
        SparseTensor(values, indices, (2, 3)).numpy(), [[0, 0, 3], [4, 0, 0]]
    )


def test_a_sparse_weight_does_not_explode() -> None:
    values, indices = ir.tensor(np.ones(1, np.float32)), ir.tensor(np.ones(1, np.int64))
    with pytest.raises(ModelError) as caught:
        SparseTensor(values, indices, (1 << 40,)).numpy()
    assert str(caught.value) == (
        "sparse tensor None of shape [1099511627776] is too large to be dense"
    )
    for wrong in ([9], [-1], [[0, 3]], [[0, 0, 0]]):
        indices = ir.tensor(np.array(wrong, np.int64))
        with pytest.raises(ModelError, match="sparse tensor None has an index out of range"):
            SparseTensor(values, indices, (2, 3)).numpy()


def test_a_map_is_kept_in_a_box() -> None:
    proto = base()
    types_onnx_ir_has_no_class_for(proto)
    type_ = read(proto).graph.inputs[1].type
    assert isinstance(type_, ProtoType)
    assert repr(type_).startswith("ProtoType(map_type { key_type: 7")


def test_weights_can_be_left_out() -> None:
    proto = base()
    proto.graph.initializer.append(numpy_helper.from_array(np.ones(5000, np.float32), "w"))
    proto.graph.initializer.append(numpy_helper.from_array(np.ones(5, np.int64), "small"))
    light = to_proto(read(proto), weights=False)
    large, small = light.graph.initializer
    assert (large.dims, large.data_location) == ([5000], TensorProto.EXTERNAL)
    assert not large.HasField("raw_data")
    assert small == proto.graph.initializer[1]
    assert light.ByteSize() < 500
