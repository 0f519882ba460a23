"""``graphfix audit``: formats, baselines, selections, exit codes."""

import json
from pathlib import Path

import pytest

from graphfix.model import from_text, save
from graphfix.report.page import text as html_text
from tests.cli_runner import run

ROOT = Path(__file__).parents[1]
HOUSE = ROOT / "tests" / "plugin_files" / "house_rules.py"
MODEL = """
<ir_version: 8, opset_import: ["" : 13, "com.microsoft" : 1]>
main (float[N,3] x) => (float[3,N] y)
{
   [turn] t = Transpose (x)
   ["<b>"] u = Transpose (t)
   y = Transpose (u)
}
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "three turns.onnx"
    save(from_text(MODEL), path)
    return path


def found(path: Path, *more: object) -> dict[str, list[str]]:
    """Names of the nodes by rule."""
    report = json.loads(run("audit", path, "--json", *more).out)
    by_rule: dict[str, list[str]] = {}
    for finding in report["findings"]:
        by_rule.setdefault(finding["rule"], []).extend(finding["nodes"])
    return by_rule


def test_the_table_says_what_where_and_what_helps(model: Path) -> None:
    done = run("audit", model, "--target", "ascend310p3", "--cann", "8.5")
    assert done.code == 1
    assert "has no perm, which ATC demands" in done.out
    assert "explicit-attrs" in done.out
    assert done.out.splitlines()[-2].startswith("not fit for Ascend310P3, CANN 8.5: ")


def test_rows_of_one_rule_are_limited_and_counted(model: Path) -> None:
    done = run("audit", model, "--max-findings", "1")
    assert "2 more of GF330" in done.out
    assert "more of" not in run("audit", model, "--max-findings", "0").out


def test_rules_are_selected_by_how_they_begin(model: Path) -> None:
    assert set(found(model, "--select", "GF33")) == {"GF330"}
    assert "GF330" not in found(model, "--ignore", "gf33")
    assert set(found(model, "--select", "GF103", "--select", "GF330", "--ignore", "GF33")) == {
        "GF103"
    }
    done = run("audit", model, "--select", "GF999")
    assert done.code == 2
    assert "--select GF999" in done.err


def test_what_a_baseline_has_is_not_shown_again(model: Path) -> None:
    baseline = model.with_name("known.json")
    assert run("audit", model, "--write-baseline", baseline).code == 0
    again = run("audit", model, "--baseline", baseline)
    assert again.code == 0
    assert "known from the baseline" in again.out
    save(from_text(MODEL.replace("[turn]", "[other]")), model)
    assert found(model, "--baseline", baseline) == {"GF330": ["other"]}


@pytest.mark.parametrize("content", ["", "[]", '{"known": {"GF330": [1]}}', '{"known": []}'])
def test_a_baseline_that_is_none_is_refused(model: Path, content: str) -> None:
    baseline = model.with_name("known.json")
    baseline.write_text(content, encoding="utf-8")
    done = run("audit", model, "--baseline", baseline)
    assert done.code == 2
    assert "known.json" in done.err


def test_sarif_has_what_the_standard_demands(model: Path) -> None:
    done = run("audit", model, "--format", "sarif")
    document = json.loads(done.out)
    assert document["version"] == "2.1.0"
    (whole,) = document["runs"]
    driver = whole["tool"]["driver"]
    assert driver["name"] == "graphfix"
    assert whole["results"]
    for result in whole["results"]:
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in {"error", "warning", "note"}
        assert result["message"]["text"]
        (location,) = result["locations"]
        uri = location["physicalLocation"]["artifactLocation"]["uri"]
        assert uri == "three%20turns.onnx"
    turn = next(r for r in whole["results"] if r["ruleId"] == "GF330")
    assert turn["locations"][0]["logicalLocations"] == [{"name": "turn", "kind": "element"}]


def test_markdown_and_html_keep_names_from_being_markup(model: Path) -> None:
    markdown = run("audit", model, "--format", "md").out
    assert "\\<b\\>" in markdown
    page = model.with_name("audit.html")
    run("audit", model, "--format", "html", "-o", page)
    content = page.read_text(encoding="utf-8")
    assert "<b>" not in content
    assert html_text("<b>") in content
    assert "A Transpose without ``perm`` stops the conversion." in content


def test_a_file_needs_a_format_and_a_place(model: Path) -> None:
    assert run("audit", model, "-o", model.with_name("x.txt")).code == 2
    done = run("audit", model, "--format", "md", "-o", model.parent / "no" / "x.md")
    assert done.code == 2
    assert "does not exist" in done.err


def test_wrong_targets_and_files_are_usage_errors(model: Path) -> None:
    assert run("audit", model, "--target", "ascend999").code == 2
    assert run("audit", model, "--cann", "4.0").code == 2
    assert run("audit", model.with_name("none.onnx")).code == 2
    broken = model.with_name("broken.onnx")
    broken.write_bytes(b"no model")
    assert run("audit", broken).code == 1


def test_a_target_file_can_register_an_operator(model: Path) -> None:
    text = (
        '<ir_version: 8, opset_import: ["" : 13, "own" : 1]>\nmain (float[2] x) => (float[2] y)\n'
    )
    save(from_text(text + "{\n   [mine] y = own.Mine (x)\n}"), model)
    assert "GF101" in found(model)
    extra = model.with_name("own.yaml")
    extra.write_text("operators: {'own::Mine': '1'}\n", encoding="utf-8")
    assert "GF101" not in found(model, "--target-file", extra)


def test_rules_of_a_plugin_file_run_and_are_explained(model: Path) -> None:
    text = MODEL.replace("Transpose (x)", "Abs (x)")
    save(from_text(text), model)
    assert found(model, "--plugin", HOUSE)["ACME101"] == ["turn"]
    assert "ACME101" not in found(model)
    done = run("explain", "ACME101", "--plugin", HOUSE)
    assert "Operators that the house does not like." in done.out


def test_a_rule_is_explained() -> None:
    assert "stops the conversion" in run("explain", "GF330").out
    document = json.loads(run("explain", "GF330", "--json").out)
    assert document["severity"] == "error"
    done = run("explain", "GF998")
    assert done.code == 2
    assert "GF998" in done.err


def test_a_rule_that_crashes_takes_no_other_with_it(model: Path, tmp_path: Path) -> None:
    plugin = tmp_path / "crash.py"
    plugin.write_text(
        "from graphfix.audit import Rule\n"
        "from graphfix.finding import Severity\n\n\n"
        "class Crash(Rule):\n"
        '    """Crashes."""\n\n'
        '    id = "ACME666"\n'
        '    title = "crash"\n'
        "    severity = Severity.INFO\n"
        '    citation = ""\n\n'
        "    def check(self, view):\n"
        '        raise KeyError("perm")\n',
        encoding="utf-8",
    )
    done = run("audit", model, "--plugin", plugin)
    assert "could not be checked: ACME666: KeyError" in done.out
    assert "GF330" in done.out
    assert run("audit", model, "--plugin", plugin, "--select", "ACME").code == 1
