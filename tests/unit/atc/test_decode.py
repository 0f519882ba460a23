"""ATC's lines, and what they mean."""

import csv
from pathlib import Path

import pytest

import graphfix_passes
from graphfix.atc.decode import decode, says_success

TABLE = Path(__file__).resolve().parents[3] / "tools" / "target_tables" / "atc_errors.csv"
FAILED = "ATC run failed, Please check the detail log, Try 'atc --help' for more information"


@pytest.mark.parametrize(
    ("line", "code", "node", "op_type"),
    [
        ("E13010: No operator plugin is registered for Op: g, optype: ai.onnx::11::GridSample.",
         "E13010", "g", "GridSample"),
        ("E19010: No parser is registered for Op [a/b, optype [ai.onnx::11::X]].",
         "E19010", "a/b", "X"),
        ("EZ3003: No supported Ops kernel and engine are found for [Conv_52], optype [Conv].",
         "EZ3003", "Conv_52", "Conv"),
        ("EZ3002: Optype [Convx] of Ops kernel [AICORE] is unsupported.", "EZ3002", "", "Convx"),
        ("E13009: Operator Conv_0 already exists in the graph.", "E13009", "Conv_0", ""),
        ("E10016: Op name x specified in --out_nodes is not found in the model.",
         "E10016", "x", ""),
        ("E70012: In op[add_1], the inputs[a][b] could not be broadcast", "E70012", "add_1", ""),
        ("EZ0501: IR for Op [c, optype [Convx]], is not registered.", "EZ0501", "c", "Convx"),
        ("E10501: IR for Op c with optype Convx is not registered.", "E10501", "c", "Convx"),
        ("EX1234: something new", "EX1234", "", ""),
    ],
)  # fmt: skip
def test_where_and_what(line: str, code: str, node: str, op_type: str) -> None:
    (found,) = decode(["E10001: of another run", FAILED, line, "        Solution: N/A"])
    assert (found.code, found.node, found.op_type) == (code, node, op_type)
    assert bool(found.cause) == (code != "EX1234")


def test_the_first_error_comes_first_and_repetitions_once() -> None:
    lines = [
        FAILED,
        "E13009: Operator a already exists",
        "E13010: no",
        "E13009: Operator a already exists",
    ]
    assert [found.code for found in decode(lines)] == ["E13009", "E13010"]


def test_a_complaint_about_a_flag_has_no_code() -> None:
    (found,) = decode(["ERROR: unknown command line flag 'x'"])
    assert (found.code, found.message) == ("", "unknown command line flag 'x'")


def test_success_is_the_line_of_success() -> None:
    assert says_success(["...", "ATC run success, welcome to the next use."])
    assert not says_success([FAILED, "see: ATC run success"])


def test_the_table_is_whole_and_names_passes_that_are_there() -> None:
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    codes = [row["code"] for row in rows]
    assert len(codes) == len(set(codes))
    assert all(row["cause"] and row["remedy"] and row["source"] for row in rows)
    assert {row["pass"] for row in rows} - {""} <= set(graphfix_passes.PLUGIN.passes)
