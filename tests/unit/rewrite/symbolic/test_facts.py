"""What is said about dims and numbers is what onnxruntime finds, at every size tried."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

from graphfix.model import from_text
from graphfix.rewrite.symbolic import Facts, Known
from graphfix.rewrite.symbolic.size import Number, evaluate, names
from graphfix.runners.onnxruntime import Session


def model(
    nodes: str, *, inputs: str = "float[N,3,H,W] x", opset: int = 13, weights: str = ""
) -> Any:
    """A model around ``nodes``; its output is ``y``."""
    constants = f"<{weights}>" if weights else ""
    return from_text(
        f'<ir_version: 8, opset_import: ["" : {opset}]>\n'
        f"main ({inputs}) => (y) {constants}\n{{\n{nodes}\n}}"
    )


def outputs(found: ir.Model) -> dict[str, ir.Value]:
    return {value.name or "": value for node in found.graph for value in node.outputs}


def text(item: object) -> str:
    if isinstance(item, Known):
        return f"[{', '.join(map(str, item.sizes))}]"
    assert isinstance(item, tuple)
    return f"({', '.join(map(str, item))})"


def hold(found: ir.Model, sizes: Mapping[str, int]) -> int:
    """Compare all that is said with one run; return how many numbers were compared."""
    facts, values = Facts(found), outputs(found)
    generator = np.random.default_rng(0)
    feeds, real = {}, dict(sizes)
    for given in found.graph.inputs:
        assert given.shape is not None
        assert given.dtype is not None
        shape = [d if isinstance(d, int) else sizes[str(d.value)] for d in given.shape]
        feeds[given.name or ""] = generator.normal(size=shape).astype(given.dtype.numpy())
    run: dict[str, Any] = {**Session(found, outputs=list(values)).run(feeds)}
    for name in values:
        real.update({f"{name}.{axis}": size for axis, size in enumerate(run[name].shape)})
    count = 0
    for name, value in values.items():
        dims, numbers = facts.dims(value), facts.value(value)
        if dims is not None:
            assert tuple(evaluate(dim, real) for dim in dims) == run[name].shape, name
        if numbers is None:
            continue
        assert numbers.data.shape == run[name].shape, name
        assert numbers.dtype.numpy() == run[name].dtype, name
        for expected, item in zip(numbers.sizes, run[name].flat, strict=True):
            if expected is not None and names_known(expected, real):
                assert float(evaluate(expected, real)) == float(item), name
                count += 1
    return count


def names_known(x: Number, real: Mapping[str, int]) -> bool:
    return names(x) <= real.keys()


CHAINS = {
    "gather": """
        s = Shape(x) i = Constant<value_ints = [2]>() y = Gather(s, i)
    """,
    "negative gather": """
        s = Shape(x) i = Constant<value_int = -1>() y = Gather(s, i)
    """,
    "slices": """
        s = Shape(x) a = Constant<value_ints=[1]>() b = Constant<value_ints=[9]>() z =
        Constant<value_ints=[0]>() st = Constant<value_ints=[2]>() y = Slice(s, a, b, z, st)
    """,
    "backwards": """
        s = Shape(x) a = Constant<value_ints=[-1]>() b = Constant<value_ints=[-9]>() z =
        Constant<value_ints=[0]>() st = Constant<value_ints=[-1]>() y = Slice(s, a, b, z, st)
    """,
    "arithmetic": """
        s = Shape(x) two = Constant<value_ints=[2]>() a = Mul(s, two) b = Add(a, s) c = Sub(b,
        two) d = Div(c, two) e = Mod(c, two) m = Max(s, two, e) n = Min(s, two) o = Neg(n) p =
        Abs(o) y = Concat<axis=0>(d, e, m, n, p)
    """,
    "floats": """
        s = Shape(x) f = Cast<to=1>(s) k = Constant<value_float=1.5>() a = Mul(f, k) b =
        Floor(a) c = Ceil(a) d = Cast<to=7>(a) e = Div(b, f) g = Round(f) h = Cast<to=7>(g) y
        = Concat<axis=0>(b, c, e, g)
    """,
    "reciprocals": """
        k = Constant<value_floats=[3.0, 0.1]>() r = Reciprocal(k) s = Shape(x) f = Cast<to=1>(s)
        i = Constant<value_ints=[2]>() g = Gather(f, i) a = Mul(g, r) y = Floor(a)
    """,
    "third": """
        s = Shape(x) f = Cast<to=1>(s) k = Constant<value_float=0.33333334>() a = Mul(f, k) y
        = Floor(a)
    """,
    "half precision": """
        s = Shape(x) f = Cast<to=10>(s) k = Constant<value_float=2.0>() h = Cast<to=10>(k) a =
        Mul(f, h) y = Cast<to=7>(a)
    """,
    "constants are rounded": """
        a = Constant<value_floats=[0.1, 3.0]>() b = Constant<value_float=3.0>() c = Div(a, b)
        d = Mul(c, a) s = Shape(x) y = Add(d, c)
    """,
    "decisions": """
        s = Shape(x) k = Constant<value_ints=[-1]>() a = Equal(s, k) b = Less(s, k) c = Not(a)
        d = And(b, c) e = Or(a, d) f = GreaterOrEqual(s, s) g = Cast<to=7>(f) t = Where(a, k,
        s) u = Cast<to=9>(t) y = Concat<axis=0>(g, t)
    """,
    "undecided": """
        s = Shape(x) k = Constant<value_ints=[5]>() a = Equal(s, k) b = Max(s, k) y = Where(a,
        k, s)
    """,
    "broadcast shapes": """
        s = Shape(x) k = Constant<value_ints=[1, 3, 1, 1]>() a = Max(s, k) b = Min(k, s) c = Max(a,
        b) y = Concat<axis=0>(a, b, c)
    """,
    "products": """
        s = Shape(x) a = ReduceProd<keepdims=0>(s) n = Size(x) b = ReduceMin(s) c = Add(a, n)
        y = Add(c, b)
    """,
    "moves": """
        s = Shape(x) r = Constant<value_ints=[2,-1]>() a = Reshape(s, r) b = Transpose(a) q =
        Constant<value_ints=[-1]>() c = Reshape(b, q) z = Constant<value_ints=[0]>() d =
        Unsqueeze(c, z) e = Squeeze(d, z) f, g = Split(e) i = Constant<value_ints=[2]>() h =
        Tile(f, i) y = Concat<axis=0>(h, g)
    """,
    "filled": """
        s = Shape(x) i = Constant<value_int=1>() c = Gather(s, i) z =
        Constant<value_ints=[0]>() d = Unsqueeze(c, z) a = ConstantOfShape<value: tensor =
        int64[1] v {7}>(d) o = Constant<value_int=1>() e = Constant<value_int=0>() b =
        Range(e, c, o) f = ConstantOfShape(d) j = Cast<to=7>(f) y = Concat<axis=0>(a, b, j, s)
    """,
    "stretched": """
        s = Shape(x) k = Constant<value_ints=[4]>() z = Constant<value_int=0>() g = Gather(s,
        z) e = Expand(g, k) y = Add(e, s)
    """,
    "partly known": """
        n = NonZero(x) s = Shape(x) t = Shape(n) y = Concat<axis=0>(s, t)
    """,
}


@pytest.mark.parametrize("nodes", CHAINS.values(), ids=CHAINS)
def test_numbers_are_those_of_a_run(nodes: str) -> None:
    found = model(nodes)
    assert hold(found, {"N": 2, "H": 7, "W": 5}) > 0
    hold(found, {"N": 1, "H": 64, "W": 33})
    hold(found, {"N": 5, "H": 1, "W": 1})


WEIGHTS = "float[8,3,3,3] w"
NETWORKS = {
    "conv": """
        a = Conv<strides=[2,2], pads=[1,1,1,1]>(x, w) b = MaxPool<kernel_shape=[3,3],
        strides=[2,2], pads=[1,1,1,1]>(a) c = AveragePool<kernel_shape=[2,2],
        strides=[2,2]>(b) d = Conv<auto_pad="SAME_UPPER", strides=[2,2]>(x, w) e =
        Conv<auto_pad="VALID">(x, w) f = Conv<dilations=[2,2], pads=[2,2,2,2]>(x, w) g =
        MaxPool<kernel_shape=[3,3], strides=[2,2], ceil_mode=1>(x) y = GlobalAveragePool(c)
    """,
    "deconv": """
        a = Conv(x, w) y = ConvTranspose<strides=[2,2], output_padding=[1,1], pads=[1,0,1,0],
        dilations=[1,2]>(x, deconv)
    """,
    "joined": """
        a = Relu(x) b = Concat<axis=1>(a, x) c = Concat<axis=-1>(b, b) d = Add(a, x) e =
        Transpose<perm=[0,2,3,1]>(c) f = Flatten(e) g = Flatten<axis=-1>(e) h = Shape(f) y =
        Concat<axis=0>(h)
    """,
    "reshaped": """
        r = Constant<value_ints=[0,-1,3]>() a = Reshape(x, r) s = Shape(x) b = Reshape(a, s) i
        = Constant<value_ints=[0,2]>() c = Gather(s, i) k = Constant<value_ints=[-1]>() d =
        Concat<axis=0>(c, k) y = Reshape(x, d)
    """,
    "sliced": """
        a = Constant<value_ints=[1]>() e = Constant<value_ints=[9223372036854775807]>() ax =
        Constant<value_ints=[3]>() b = Slice(x, a, e, ax) m = Constant<value_ints=[-1]>() z =
        Constant<value_ints=[0]>() c = Slice(x, z, m, ax) s = Shape(x) hh = Slice(s, ax, e) d
        = Slice(x, z, hh, ax) f = Constant<value_ints=[3]>() g = Slice(x, z, f, ax) y =
        Gather<axis=2>(x, z)
    """,
    "padded": """
        p = Constant<value_ints=[0,0,1,2,0,0,3,4]>() a = Pad(x, p) t =
        Constant<value_ints=[1,2,1,3]>() b = Tile(a, t) u = Constant<value_ints=[0]>() c =
        Unsqueeze(b, u) d = Squeeze(c, u) s = Shape(d) e = Constant<value_float=1.0>() f =
        Expand(e, s) y = Add(f, d)
    """,
    "resized": """
        k = Constant<value_floats=[1.0,1.0,2.0,1.5]>() a = Resize(x, , k) s = Shape(x) two =
        Constant<value_ints=[2]>() t = Mul(s, two) i = Constant<value_ints=[1,1]>() z =
        Constant<value_ints=[0]>() n = Constant<value_ints=[2]>() u = Slice(s, z, n) o =
        Constant<value_ints=[9]>() v = Slice(t, n, o) q = Concat<axis=0>(u, v) b = Resize(x, ,
        , q) h = Constant<value_floats=[1.0,1.0,0.7,0.3]>() y = Resize(x, , h)
    """,
    "parts": """
        k = Constant<value_ints=[1,2]>() a, b = Split<axis=1>(x, k) c, d, o = Split<axis=-3>(x)
        e = Concat<axis=3>(x, x) f, g = Split<axis=3>(e) h = ReduceMean<axes=[-1,1]>(f)
        i = ReduceMax<axes=[2], keepdims=0>(g) j = ArgMax<axis=2, keepdims=0>(x)
        l = ArgMin<axis=-1>(x) m = Constant<value_ints=[3]>() n = ReduceSum(x, m)
        y = ReduceSum<keepdims=0>(x)
    """,
    "chosen": """
        a = ArgMax<axis=2, keepdims=0>(x) d = Constant<value_int=5>() e = Constant<value_ints=[4]>()
        v = Constant<value_floats=[0.0,1.0]>() b = OneHot(a, d, v) c = OneHot<axis=1>(a, e, v)
        y = OneHot<axis=-2>(a, d, v)
    """,
    "counted": """
        s = Shape(x) i = Constant<value_int=3>() n = Gather(s, i) z = Constant<value_int=0>() o =
        Constant<value_int=1>() a = Range(z, n, o) m = Constant<value_int=-2>() b = Range(m, n, o)
        t = Constant<value_int=4>() c = Range(n, n, o) d = Range(z, n, t) y = Range(t, z, o)
    """,
    "recurrent": """
        z = Constant<value_ints=[0]>() a = ReduceMean<axes=[1], keepdims=0>(x)
        p = Constant<value_floats=[0.1]>() s = Constant<value_ints=[1,8,5]>() q = Expand(p, s)
        t = Constant<value_ints=[1,8,2]>() r = Expand(p, t)
        b, c, d = LSTM<hidden_size=2>(a, q, r) g = Constant<value_ints=[1,2,5]>()
        h = Expand(p, g) i = Constant<value_ints=[1,2,2]>() j = Expand(p, i)
        k, y = RNN<hidden_size=2>(a, h, j)
    """,
    "products": """
        t = Transpose<perm=[0,1,3,2]>(x) y = MatMul(x, t)
    """,
}


@pytest.mark.parametrize("nodes", NETWORKS.values(), ids=NETWORKS)
def test_dims_are_those_of_a_run(nodes: str) -> None:
    found = model(nodes, inputs=f"float[N,3,H,W] x, {WEIGHTS}, float[3,4,2,2] deconv")
    for sizes in ({"N": 2, "H": 32, "W": 17}, {"N": 1, "H": 9, "W": 64}):
        hold(found, sizes if "RNN" not in nodes else {**sizes, "W": 5})


def test_dims_are_known_all_the_way_from_the_inputs() -> None:
    found = model(
        """
        a = Conv<strides=[2,2], pads=[1,1,1,1]>(x, w)
        b = Conv<strides=[2,2], pads=[1,1,1,1]>(a, v)
        k = Constant<value_floats=[1.0,1.0,2.0,2.0]>()
        c = Resize(b, , k)
        d = Concat<axis=1>(c, a)
        s = Shape(d)
        y = Identity(s)
        """,
        inputs=f"float[N,3,H,W] x, {WEIGHTS}, float[8,8,3,3] v",
    )
    found.graph.inputs[0].shape = ir.Shape(["N", 3, "32*h", "W"])
    facts, values = Facts(found), outputs(found)
    assert text(facts.dims(values["b"])) == "(N, 8, 8*h, floor((W + 3)/4))"
    assert text(facts.value(values["y"])) == "[N, 16, 16*h, 2*floor((W + 3)/4)]"


def test_dims_without_a_name_are_different_from_each_other() -> None:
    found = model("s = Shape(x) y = Identity(s)", inputs='float["-1",3,"-1",?] x')
    assert text(Facts(found).value(outputs(found)["y"])) == "[x_dim0, 3, x_dim2, x.3]"


def test_the_larger_of_a_dim_and_1_is_the_dim_unless_it_may_be_0() -> None:
    found = model(
        """
        s = Shape(x) k = Constant<value_ints=[1, 1, 1, 5]>() larger = Max(s, k) less = Min(k, s)
        n = NonZero(x) t = Shape(n) one = Constant<value_ints=[1, 1]>() y = Max(t, one)
        """
    )
    outputs(found)["n"].shape = ir.Shape([4, None])
    facts, values = Facts(found), outputs(found)
    assert text(facts.value(values["larger"])) == "[N, 3, H, None]"
    assert text(facts.value(values["less"])) == "[1, 1, 1, None]"
    assert text(facts.value(values["y"])) == "[4, None]"


def test_names_on_outputs_are_not_trusted() -> None:
    found = model("a = NonZero(x) y = Shape(a)", inputs="float[N] x")
    found.graph.outputs.append(outputs(found)["a"])
    outputs(found)["a"].shape = ir.Shape([1, "N"])
    assert text(Facts(found).value(outputs(found)["y"])) == "[1, a.1]"


def test_a_default_that_the_caller_may_replace_is_no_constant() -> None:
    found = model("y = Identity(k)", inputs="int64[1] k", weights="int64[1] k = {3}")
    assert text(Facts(found).value(outputs(found)["y"])) == "[None]"


def test_a_loop_body_knows_only_what_holds_in_every_iteration() -> None:
    found = from_text(
        """
        <ir_version: 8, opset_import: ["" : 13]>
        main (float[N] x, int64 m) => (float[K] y)
        {
           c = Constant <value = bool {1}> ()
           y = Loop (m, c, x) <
              body = again (int64 i, bool go, float[N] z) => (bool go2, float[M] z2) {
              go2 = Identity (go)
              s = Shape (z)
              outer = Shape (x)
              z2 = Concat <axis = 0> (z, z)
           }>
        }
        """
    )
    (loop,) = [node for node in found.graph if node.op_type == "Loop"]
    inner = {v.name: v for n in loop.attributes["body"].as_graph() for v in n.outputs}
    facts = Facts(found)
    assert text(facts.value(inner["s"])) == "[z.0]"
    assert text(facts.value(inner["outer"])) == "[N]"
    assert text(facts.dims(inner["z2"])) == "(2*z.0)"


def test_a_chain_of_any_length_is_followed() -> None:
    found = model("s = Shape(x) a0 = Identity(s) y = Identity(s)")
    last = outputs(found)["a0"]
    for _ in range(5000):
        node = ir.node("Identity", [last])
        found.graph.append(node)
        last = node.outputs[0]
    assert text(Facts(found).value(last)) == "[N, 3, H, W]"


def test_nothing_is_said_of_a_split_that_cannot_be() -> None:
    """Five numbers make no four parts of two; a branch that never runs may say so."""
    nodes = "s = Shape(x) a, b, c, d = Split<num_outputs=4>(s) e, f, g, y = Split<num_outputs=4>(x)"
    found = model(nodes, inputs="float[5,2,2,2,2] x", opset=18)
    facts, values = Facts(found), outputs(found)
    assert facts.value(values["d"]) is None
    assert text(facts.dims(values["y"])) == "(y.0, 2, 2, 2, 2)"
