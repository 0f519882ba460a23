"""A damaged file is an error of the user's, or a model; never an accident of ours."""

import onnx
from hypothesis import given, settings
from hypothesis import strategies as st

from graphfix.errors import GraphfixError
from graphfix.model import check, diff, digest, for_runtime, from_bytes, to_proto

RICH = onnx.parser.parse_model(
    """<ir_version: 10, opset_import: ["" : 17, "mine" : 1], producer_name: "p",
     metadata_props: ["k": "v"]>
    main (float[N,4] x, bool c, seq(float[2]) s) => (float[N,4] y, z)
    <float[4] w = {1, 2, 3, 4}, float[N,4] t>
    {
       [a] t = Add(x, w)
       [s] u = Softmax <axis = 1> (t)
       [i] v = If (c) <
          then_branch = th () => (float[N,4] p) { [in] p = Neg(u) },
          else_branch = el () => (float[N,4] q) { q = mine.F <alpha = 0.5> (u) }>
       [k] k = Constant <value_strings = ["a", "b"]> ()
       [r] y = Relu(v)
       z = SequenceAt(s, c)
    }
    <domain: "mine", opset_import: ["" : 17]>
    F <alpha> (a) => (b) { [n] b = LeakyRelu <alpha: float = @alpha> (a) }
    """
).SerializeToString()


@settings(max_examples=600)
@given(st.data())
def test_damaged_bytes(data: st.DataObject) -> None:
    damaged = bytearray(RICH)
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(0, len(damaged) - 1))
        kind = data.draw(st.sampled_from(("change", "insert", "remove", "cut")))
        if kind == "change":
            damaged[position] = data.draw(st.integers(0, 255))
        elif kind == "insert":
            damaged[position:position] = data.draw(st.binary(min_size=1, max_size=8))
        elif kind == "remove":
            del damaged[position : position + data.draw(st.integers(1, 8))]
        else:
            damaged = damaged[: position + 1]
        damaged = damaged or bytearray(b"\0")
    try:
        model = from_bytes(bytes(damaged))
    except GraphfixError:
        return
    again = from_bytes(to_proto(model, weights=True).SerializeToString())
    assert diff(model, again).empty
    assert digest(model) == digest(again)
    for look in (check, for_runtime):
        try:
            look(model)
        except GraphfixError:
            continue
