"""The audit against the tables it stands on: operators by opset and release, facts by rule."""

import csv
from pathlib import Path

import onnx_ir as ir
import pytest

from graphfix.audit import audit, builtin_rules
from graphfix.target import CANN_RELEASES, load_profile

TABLES = Path(__file__).parents[1] / "tools" / "target_tables"
COLUMN = {"5.1": "2022-06", "6.0": "2022-06", **{r: r for r in ("8.5", "9.0", "9.1")}}
COLUMN["development"] = "development"


def rows(name: str) -> list[dict[str, str]]:
    with (TABLES / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


STANDARD = [r for r in rows("operators.csv") if r["standard"] == "yes" and r["domain"] == "ai.onnx"]


def registered(row: dict[str, str], cann: str, opset: int) -> bool | None:
    """What a cell of the table says, read here without the code under test."""
    if row["development"] == "none":
        return False
    column = COLUMN.get(cann)
    cell = row[column] if column is not None else ""
    if not cell:
        return False if column == "2022-06" else None
    if cell == "any":
        return True
    spans = [part.split("-") for part in cell.split()]
    return any(int(span[0]) <= opset <= int(span[-1]) for span in spans)


@pytest.mark.parametrize("cann", CANN_RELEASES)
def test_the_verdict_on_every_standard_operator_is_that_of_the_table(cann: str) -> None:
    assert len(STANDARD) == 203
    profile = load_profile("Ascend310P3", cann)
    rules = [builtin_rules()[id_] for id_ in ("GF100", "GF101")]
    for opset in range(8, 22):
        nodes = [ir.Node("", row["operator"], [], name=row["operator"]) for row in STANDARD]
        graph = ir.Graph([], [], nodes=nodes, opset_imports={"": opset}, name="all")
        found = audit(ir.Model(graph, ir_version=8), profile, rules).findings
        failed = {name for finding in found for name in finding.nodes}
        if any(finding.rule == "GF100" for finding in found):
            # One finding for the whole model, for which a Constant alone would not be enough.
            failed = {row["operator"] for row in STANDARD} - {"Constant"}
        for row in STANDARD:
            expected = registered(row, cann, opset)
            if expected is not None:
                assert (row["operator"] not in failed) is expected, (row["operator"], opset)
            else:
                # Nobody knows: an error only where no release at all has it at this opset.
                elsewhere = any(registered(row, release, opset) for release in COLUMN)
                assert row["operator"] not in failed or not elsewhere, (row["operator"], opset)


def test_every_fact_has_a_rule_or_a_reason() -> None:
    facts = {row["key"]: row for row in rows("facts.csv")}
    covered = {key for rule in builtin_rules().values() for key in rule.covers}
    assert covered <= set(facts), "a rule covers what no table has"
    open_ = [key for key, row in facts.items() if key not in covered]
    assert [key for key in open_ if not facts[key]["not_checked_because"]] == []
