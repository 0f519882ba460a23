"""Each rule about command lines finds its fault, and only then."""

import dataclasses
from pathlib import Path

import pytest

from graphfix.atc.check import check
from graphfix.atc.model_facts import ModelFacts, model_facts
from graphfix.atc.request import Request
from graphfix.atc.rules import COMMAND_RULES
from graphfix.atc.shell import find_commands
from graphfix.finding import Finding
from graphfix.model import from_text, save

MODEL = """<ir_version: 8, opset_import: ["" : 11]>
main (float[N,3,H,W] x, float[2] "s;1", int64[1] k) => (float[N,3,H,W] a, float[M] "b:0", u)
<int64[1] k = {1}>
{
    [relu] a = Relu (x)
    [split] "b:0", c = Split <axis = 0> ("s;1")
    ["a/b:1"] d = Relu (a)
    [nms] u = NonMaxSuppression (d, d)
}
"""
RIGHT = (
    "atc --framework=5 --model=m.onnx --output=m --soc_version=Ascend310P3 "
    '--input_shape="x:1,3,224,224"'
)
GEARS = RIGHT.replace("1,3,224,224", "-1,3,224,224")
AIPP = """aipp_op {
    aipp_mode: static
    related_input_rank: 0
    input_format: RGB888_U8
    crop: true
    src_image_size_w: 256  src_image_size_h: 256
    crop_size_w: 224
    crop_size_h: 224
    var_reci_chn_0: 0.0171247538316637  # 1 / 58.395
}
"""


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> ModelFacts:
    """Of a model whose ``s;1`` cannot be named in ``--input_shape``, and need not be."""
    path = tmp_path_factory.mktemp("model") / "m.onnx"
    model = from_text(MODEL)
    save(model, path)
    return model_facts(model, path)


def findings(
    facts: ModelFacts, text: str, folder: Path = Path(), cann: str = "8.5"
) -> list[Finding]:
    plain = dataclasses.replace(
        facts, inputs=tuple(i for i in facts.inputs if i.name != "s;1"), op_types=frozenset()
    )
    (command,) = find_commands(text, {})
    return list(check(Request(command, plain, cann, folder)))


def said(found: list[Finding]) -> list[str]:
    return [f"{f.rule} {f.severity.value}: {f.message}" for f in found]


CASES = [
    ("--out_node=a", "GF401 error: atc has no flag --out_node"),
    ("--log", "GF401 error: --log has no value"),
    ("y:1", "GF401 error: 'y:1' belongs to no flag"),
    ("–log=error", "GF401 error: '–log=error' belongs to no flag"),
    ("-log=error", "GF402 info: -log is read as --log"),
    (
        "--op_select_implmode=high_preformance",
        "GF403 error: --op_select_implmode=high_preformance is not one of its values",
    ),
    ("--sparsity=-1", "GF403 error: --sparsity takes digits only, not '-1'"),
    ("--allow_hf32=1", "GF403 error: --allow_hf32 takes true or false, not '1' (E10005)"),
    ("--framework=3", "GF404 error: --framework=3 is not ONNX"),
    ("--weight=w", "GF404 info: --weight is ignored for ONNX"),
    ("--jit_compile=1", "GF405 error: --jit_compile came with CANN development, this is 8.5"),
    ("--auto_tune_mode=RL", "GF405 error: --auto_tune_mode always fails in this release"),
    ("--output=n", "GF406 info: --output is given again, with 'n'; the last one counts"),
    ("--input_format=ＮCHW，", "GF407 error: '--input_format=ＮCHW，' holds a full-width comma"),
    ("--log=$level", "GF408 info: $level has no value here: --log not checked for its value"),
    ("--output=out/", "GF411 error: --output=out/ has no file name (E10022)"),
    ("--model=n.onnx", "GF410 info: the command converts n.onnx, m.onnx was checked"),
    (
        "--input_shape_range='x:[1~2,3,4,4]'",
        "GF425 wrong: --input_shape is dropped, because --input_shape_range is given too",
    ),
    ("--input_format=NHWC", "GF440 error: --input_format=NHWC is not taken for ONNX (E10001)"),
    (
        "--out_nodes='relu:0;a'",
        "GF441 error: --out_nodes mixes node:index and tensor names (E10001)",
    ),
    ("--out_nodes=a/b:1:0", "GF441 error: --out_nodes: 'a/b:1:0' has more than one ':' (E10001)"),
    ("--out_nodes=c", "GF441 error: --out_nodes: 'c' is not an output of the graph (E19999)"),
    (
        "--out_nodes=b:0",
        ("GF441 error: --out_nodes: atc reads the tensor 'b:0' as output 0 of a node 'b' (E10016)"),
    ),
    ("--out_nodes=Relu_0:0", "GF441 error: --out_nodes: the model has no node 'Relu_0' (E10016)"),
    (
        "--out_nodes=split:2",
        "GF441 error: --out_nodes: 'split' has 2 outputs, there is no number 2 (E10003)",
    ),
    ("--output_type=BF16", "GF442 error: --output_type: 'BF16' is not a type it takes (E10001)"),
    (
        "--output_type=relu:0:FP16",
        "GF442 error: --output_type: 'relu:0' is not in --out_nodes (E10001)",
    ),
    (
        "--input_fp16_nodes=y",
        "GF443 error: --input_fp16_nodes: the model has no input 'y' (E10016)",
    ),
    (
        "--out_nodes=relu:0 --is_output_adjust_hw_layout=true,true",
        "GF444 error: --is_output_adjust_hw_layout has 2 values, --out_nodes has 1",
    ),
    (
        "--precision_mode=force_fp16 --precision_mode_v2=fp16",
        "GF450 error: --precision_mode and --precision_mode_v2 exclude each other (E10056)",
    ),
    (
        "--modify_mixlist=mix.json --precision_mode=force_fp16",
        "GF451 error: --modify_mixlist needs a mode of mixed precision (E10001)",
    ),
    (
        "--optypelist_for_implmode=Gelu",
        "GF452 error: --optypelist_for_implmode needs --op_select_implmode (E10001)",
    ),
    (
        "--op_precision_mode=good.ini --op_select_implmode=high_precision",
        "GF452 wrong: --op_select_implmode have no effect beside --op_precision_mode",
    ),
    ("--keep_dtype=none.cfg", "GF453 error: --keep_dtype=none.cfg: the file does not exist"),
    (
        "--op_precision_mode=bad.ini",
        "GF453 error: --op_precision_mode=bad.ini: line 2: 'Gelu' is not NAME=MODE",
    ),
    (
        "--op_precision_mode=misspelt.ini",
        ("GF453 wrong: --op_precision_mode=misspelt.ini: the mode 'high_preformance' is not known"),
    ),
    (
        "--fusion_switch_file=bad.json",
        (
            "GF453 error: --fusion_switch_file=bad.json: line 1: it is not "
            "JSON: Expecting property name enclosed in double quotes"
        ),
    ),
    (
        "--keep_dtype=names.cfg",
        "GF454 wrong: --keep_dtype=names.cfg: the model has no node 'Conv_7', 'Conv_8'",
    ),
    (
        "--customize_dtypes=types.cfg",
        "GF454 wrong: --customize_dtypes=types.cfg: the model has no node 'Conv_7'",
    ),
    (
        "--keep_dtype=good.cfg --precision_mode_v2=origin",
        "GF455 info: --keep_dtype has no effect with --precision_mode_v2=origin",
    ),
    (
        "--insert_op_conf=colon.cfg",
        (
            "GF460 error: --insert_op_conf=colon.cfg: line 2: 'aipp_mode' is "
            "followed by '：', not by ':'; it is a full-width colon"
        ),
    ),
    (
        "--insert_op_conf=field.cfg",
        "GF460 error: --insert_op_conf=field.cfg: line 4: AIPP has no field 'input_fromat'",
    ),
    (
        "--insert_op_conf=beyond.cfg",
        (
            "GF460 error: --insert_op_conf=beyond.cfg: aipp_op of line 1: the "
            "crop ends at h = 324, the picture has 256"
        ),
    ),
    (
        "--insert_op_conf=small.cfg",
        "GF461 error: --insert_op_conf: AIPP makes 224x200, input 'x' is 224x224 (E70014)",
    ),
    (
        "--insert_op_conf=good.cfg_aipp --input_fp16_nodes=x",
        "GF462 error: input 'x' has AIPP and is in --input_fp16_nodes (E10034)",
    ),
]

SHAPES = [
    ("x:1,3,H,4", "GF420 error: --input_shape: 'x:1,3,H,4': 'H' is not a whole number (E10002)"),
    (
        "x:1,3,0,4",
        "GF420 error: --input_shape: 'x:1,3,0,4': 0 is no size; sizes start at 1 (E10011)",
    ),
    (
        "x:[1~2,3,4,4]",
        (
            "GF420 error: --input_shape: 'x:[1~2,3,4,4]': brackets belong to --input_shape_range; "
            "leave them out (E10048)"
        ),
    ),
    (
        "x:1,3,8~4,4",
        ("GF420 error: --input_shape: 'x:1,3,8~4,4': the range 8~4 ends before it begins (E10048)"),
    ),
    ("x:1,3,4,4;y:1", "GF421 error: the model has no input 'y' (E10016)"),
    ("x:1,3,4,4;k:1", "GF421 error: 'k' is an initializer, a constant to atc (E10017)"),
    ("x:1,3,4", "GF422 error: 'x' has 4 dims in the model, 3 in --input_shape (E10049)"),
    ("1,3,4", "GF422 error: 'x' has 4 dims in the model, 3 in --input_shape (E10049)"),
    ("x:1~4,3,4,4", "GF424 dynamic: the shapes of x become dynamic"),
    ("x:1,4,4,4", "GF426 info: 'x' has 3 at axis 1 in the model, 4 in --input_shape"),
]

GEAR_CASES = [
    (
        "-1,3,4,4",
        "--dynamic_batch_size=1,2 --dynamic_dims='1;2'",
        "GF430 error: --dynamic_batch_size and --dynamic_dims exclude each other (E10009)",
    ),
    (
        "1~2,3,-1,4",
        "--dynamic_dims='1;2'",
        "GF424 error: --input_shape has a range, which --dynamic_dims excludes (E10040)",
    ),
    (
        "-1,3,4,4",
        "--dynamic_dims='1;2' --input_format=ND --insert_op_conf=good.cfg_aipp",
        "GF430 error: --dynamic_dims does not go with AIPP, --insert_op_conf (E10001)",
    ),
    (
        "1,3,4,4",
        "--dynamic_batch_size=1,2",
        "GF431 error: --dynamic_batch_size needs -1 as the first dim of an input (E10031)",
    ),
    (
        "-1,3,-1,4",
        "--dynamic_batch_size=1,2",
        "GF431 error: 'x' is -1 at axis 2: only the first may be (E10018)",
    ),
    (
        "1,3,-1,-1",
        "--dynamic_image_size='4,4;8,8' --input_format=ND",
        "GF432 error: --dynamic_image_size needs --input_format=NCHW, not ND (E10003)",
    ),
    (
        "-1,3,-1,-1",
        "--dynamic_image_size='4,4;8,8'",
        "GF432 error: x:-1,3,-1,-1 does not have four dims with -1 as height and width (E10019)",
    ),
    (
        "-1,3,-1,4",
        "--dynamic_dims='1;2' --input_format=ND",
        "GF433 error: a gear has 1 values, --input_shape has -1 2 times (E10045, E10046)",
    ),
    (
        "-1,3,4,4",
        "--dynamic_dims='1;2'",
        "GF433 info: --dynamic_dims is documented for --input_format=ND only",
    ),
    (
        "-1,3,4,4",
        "--dynamic_batch_size=1",
        (
            "GF434 error: --dynamic_batch_size: there is 1 gear, 2 are the fewest; "
            "use a fixed shape (E10035)"
        ),
    ),
    (
        "1,3,-1,-1",
        "--dynamic_image_size='4,4;8'",
        "GF434 error: --dynamic_image_size: 8 is not a height and a width (E10020)",
    ),
    (
        "-1,3,4,4",
        "--dynamic_batch_size=1,2,1",
        "GF434 error: --dynamic_batch_size: gear 1 is there twice (E10039)",
    ),
    (
        "-1,3,4,4",
        "--dynamic_batch_size=1,0",
        "GF434 error: --dynamic_batch_size: gear 0: sizes start at 1 (E10038)",
    ),
]

SOCS = [
    ("Ascend310310P3", "GF409 error: --soc_version=Ascend310310P3 names the chip twice"),
    (
        "Ascend310${chip_name}",
        (
            "GF409 error: --soc_version=Ascend310${chip_name} names the chip twice "
            "once the variable has its value, such as 310P3"
        ),
    ),
    ("Ascend{chip_name}", "GF409 error: --soc_version=Ascend{chip_name} is a template, not a name"),
    ("310P3", "GF409 error: --soc_version=310P3 does not start with Ascend"),
    ("Ascend1234", "GF409 info: --soc_version=Ascend1234 is no name that is known"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that the cases name."""
    path = tmp_path_factory.mktemp("files")
    for name, text in {
        "mix.json": '{"black-list": {"to-add": ["LayerNorm"]}}',
        "good.ini": "[ByOpType]\nGelu=high_performance\n[ByNodeName]\nrelu=high_precision\n",
        "bad.ini": "[ByOpType]\nGelu\n",
        "misspelt.ini": "Gelu=high_preformance\n",
        "bad.json": "{Switch: 1}",
        "good.cfg": "relu\nOpType::Softmax\n",
        "names.cfg": "relu\nConv_7\nConv_8\n",
        "types.cfg": "Conv_7::InputDtype:float16,OutputDtype:float16\n"
        "OpType::Conv:InputDtype:float16,OutputDtype:float16\n",
        "good.cfg_aipp": AIPP,
        "colon.cfg": AIPP.replace("aipp_mode:", "aipp_mode："),
        "field.cfg": AIPP.replace("input_format", "input_fromat"),
        "beyond.cfg": AIPP.replace("crop: true", "crop: true\nload_start_pos_h: 100"),
        "small.cfg": AIPP.replace("crop_size_w: 224", "crop_size_w: 200"),
    }.items():
        (path / name).write_text(text, encoding="utf-8")
    return path


def test_a_right_command_has_no_finding(facts: ModelFacts, folder: Path) -> None:
    files = "--op_precision_mode=good.ini --keep_dtype=good.cfg --insert_op_conf=good.cfg_aipp"
    assert said(findings(facts, RIGHT)) == []
    assert said(findings(facts, f"{RIGHT} {files} --out_nodes='relu:0;split:1'", folder)) == []
    gears = f"{GEARS} --dynamic_dims='1;2' --input_format=ND"
    assert said(findings(facts, gears)) == []


@pytest.mark.parametrize(("flags", "finding"), CASES)
def test_flags(facts: ModelFacts, folder: Path, flags: str, finding: str) -> None:
    assert finding in said(findings(facts, f"{RIGHT} {flags}", folder))


@pytest.mark.parametrize(("shape", "finding"), SHAPES)
def test_shapes(facts: ModelFacts, shape: str, finding: str) -> None:
    assert finding in said(findings(facts, RIGHT.replace("x:1,3,224,224", shape)))


@pytest.mark.parametrize(("shape", "flags", "finding"), GEAR_CASES)
def test_gears(facts: ModelFacts, folder: Path, shape: str, flags: str, finding: str) -> None:
    command = f"{RIGHT.replace('1,3,224,224', shape)} {flags}"
    assert finding in said(findings(facts, command, folder))


@pytest.mark.parametrize(("soc", "finding"), SOCS)
def test_socs(facts: ModelFacts, soc: str, finding: str) -> None:
    assert finding in said(findings(facts, RIGHT.replace("Ascend310P3", soc)))


def test_what_is_left_out(facts: ModelFacts) -> None:
    bare = "atc --model=m.onnx"
    assert said(findings(facts, bare)) == [
        "GF404 error: --output is missing (E10007, E10054)",
        "GF404 error: --framework is missing (E10007, E10054)",
        "GF404 error: --soc_version is missing (E10007, E10054)",
        (
            "GF423 error: input 'x' (?,3,?,?) has dims of unknown size, and no shape in "
            "--input_shape (E10001)"
        ),
    ]


def test_gears_with_outputs_that_depend_on_data(facts: ModelFacts) -> None:
    (command,) = find_commands(f"{GEARS} --dynamic_batch_size=1,2", {})
    found = check(Request(command, facts, "8.5", Path()))
    assert "GF435" in {finding.rule for finding in found}


def test_a_dim_that_is_a_variable_leaves_the_rest_to_be_checked(facts: ModelFacts) -> None:
    command = RIGHT.replace("x:1,3,224", "x:${bs},3")
    assert [f.rule for f in findings(facts, command)] == ["GF422", "GF408"]


def test_ranges_on_a_soc_that_does_not_take_them(facts: ModelFacts) -> None:
    command = RIGHT.replace("x:1,", "x:1~4,").replace("310P3", "310B1")
    assert [(f.rule, f.severity.value) for f in findings(facts, command)] == [("GF424", "error")]


def test_a_release_decides_which_flags_there_are(facts: ModelFacts) -> None:
    command = f"{RIGHT} --jit_compile=1"
    assert said(findings(facts, command, cann="development")) == []


def test_what_is_no_conversion_needs_no_shape(facts: ModelFacts) -> None:
    assert said(findings(facts, "atc --mode=1 --om=m.onnx --json=m.json --framework=5")) == []


def test_an_empty_value_is_a_missing_one(facts: ModelFacts) -> None:
    found = said(findings(facts, RIGHT.replace("=m ", "= ")))
    assert found == ["GF404 error: --output is missing (E10007, E10054)"]


def test_nodes_without_a_name_have_the_one_that_atc_gives_them(tmp_path: Path) -> None:
    text = '<ir_version: 8, opset_import: ["" : 11]> g (float[2] x) => (float[2] y)'
    model = from_text(text + "{ a = Relu (x) [b] b = Abs (a) y = Relu (b) }")
    save(model, tmp_path / "m.onnx")
    facts = model_facts(model, tmp_path / "m.onnx")
    assert list(facts.node_outputs) == ["Relu_0", "b", "Relu_1"]


def test_an_operator_in_a_file_has_the_name_of_ge(facts: ModelFacts, tmp_path: Path) -> None:
    (tmp_path / "k.cfg").write_text("OpType::NonMaxSuppression\nOpType::Relu\nOpType::Gelu\n")
    (command,) = find_commands(f"{RIGHT} --keep_dtype=k.cfg", {})
    found = check(Request(command, facts, "8.5", tmp_path))
    message = "NonMaxSuppression is the name of ONNX, GE has Cast, NonMaxSuppressionV6"
    assert [f.message for f in found if f.rule == "GF454"] == [f"--keep_dtype=k.cfg: {message}"]


def test_a_path_that_cannot_be_is_no_crash(facts: ModelFacts) -> None:
    for name in ("x" * 5000, "a\0b"):
        command = f"{RIGHT} --insert_op_conf={name} --keep_dtype={name} --output={name}"
        rules = [finding.rule for finding in findings(facts, command)]
        assert {"GF453", "GF460"} <= set(rules)


def test_every_rule_has_a_case_and_a_citation() -> None:
    texts = [finding for *_, finding in (*CASES, *SHAPES, *GEAR_CASES, *SOCS)]
    tested = {text.split()[0] for text in texts} | {"GF423", "GF435"}
    assert tested == set(COMMAND_RULES)
    assert list(COMMAND_RULES) == sorted(tested)
    assert all(r.citation and r.documentation and r.title for r in COMMAND_RULES.values())
