"""Small models, as files for onnxruntime and for the stand-in of ais_bench."""

from pathlib import Path

import onnx

_HEAD = '<ir_version: 8, opset_import: ["" : 16]>\n'
_PLUS_ONE = "<float one = {1.0}> { y = Add (x, one) }"

TEXTS = {
    "batch4": "main (float[4,3] x) => (float[4,3] y, float[4,1] s) "
    "<float one = {1.0}, int64[1] axis = {1}> "
    "{ y = Add (x, one) s = ReduceSum (x, axis) }",
    "batch1": f"main (float[1,3] x) => (float[1,3] y) {_PLUS_ONE}",
    "two": "main (float[2,2] a, int32[2,1] b) => (float[2,2] y) "
    "{ c = Cast <to = 1> (b) y = Add (a, c) }",
    "centred": "main (float[4,1] x) => (float[4,1] y) "
    "{ m = ReduceMean <axes = [0]> (x) y = Sub (x, m) }",
    "late": f"main (float[2,N] x) => (float[2,N] y) {_PLUS_ONE}",
    "pictures": "main (float[1,1,H,W] x, float[1,1,1,1] b) => (float[1,1,H,W] y) "
    "{ y = Add (x, b) }",
    "turned": "main (float[4,3] x) => (float[3,4] y) { y = Transpose (x) }",
    "scalar": "main (float[2,3] x) => (float y) { y = ReduceSum <keepdims = 0> (x) }",
    "scalar1": "main (float[1,3] x) => (float y) { y = ReduceSum <keepdims = 0> (x) }",
    "integers": "main (int64[1,3] x) => (int64[1,3] y) <int64 one = {1}> { y = Add (x, one) }",
    "half": "main (float16[1,3] x) => (float16[1,3] y) { y = Add (x, x) }",
    "dynamic": f"main (float[N,3] x) => (float[N,3] y) {_PLUS_ONE}",
    "picture": f"main (float[1,1,H,W] x) => (float[1,1,H,W] y) {_PLUS_ONE}",
    "free": f"main (float[A,B] x) => (float[A,B] y) {_PLUS_ONE}",
    "free2": "main (float[A,2] a, int32[A,1] b) => (float[A,2] y) "
    "{ c = Cast <to = 1> (b) y = Add (a, c) }",
}


def write_model(name: str, folder: Path) -> None:
    """Write ``m.onnx``, and ``m.om`` as the stand-ins have it."""
    data = onnx.parser.parse_model(_HEAD + TEXTS[name]).SerializeToString()
    (folder / "m.onnx").write_bytes(data)
    (folder / "m.om").write_bytes(b"IMOD" + data)
    (folder / "m.om").chmod(0o640)
