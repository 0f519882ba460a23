"""Which operators hold graphs: the others are not searched for them."""

import onnx

from graphfix.rewrite.subgraphs import HOLDERS


def test_every_operator_of_onnx_that_holds_a_graph_is_known() -> None:
    kinds = (onnx.defs.OpSchema.AttrType.GRAPH, onnx.defs.OpSchema.AttrType.GRAPHS)
    assert {
        schema.name
        for schema in onnx.defs.get_all_schemas_with_history()
        if schema.domain == ""
        and any(attribute.type in kinds for attribute in schema.attributes.values())
    } == HOLDERS
