"""The three forms of a report, on runs that end in every way."""

import json
import re
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from graphfix.model import from_text, save
from tests.cli_runner import run

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
WRONG = Path(__file__).resolve().parents[2] / "plugin_files" / "wrong_gridsample.py"
SCHEMA = json.loads(files("graphfix.report").joinpath("apply.schema.json").read_text())

SAMPLE = """<ir_version: 8, opset_import: ["" : 16]>
main (float[1,1,4,4] x, float[1,2,2,2] grid) => (float[1,1,2,2] y, float[1,1,2,2] z)
{
   [NAME] y = GridSample <mode = "bilinear"> (x, grid)
   [cubic] c = GridSample <mode = "bicubic", padding_mode = "border"> (x, grid)
   z = Relu (c)
}
"""
HOSTILE = '<script>alert(1)</script>"&\\u0007|`*'
RUNS: dict[str, tuple[str, ...]] = {
    "ok": ("--passes", "gridsample"),
    "diff": ("--passes", "gridsample,opset{to=13}", "--diff"),
    "off": ("--passes", "gridsample", "--verify", "off"),
    "full": ("--passes", "gridsample", "--verify", "full"),
    "skips": ("--passes", "gridsample{optional,select='attr.mode=none'}"),
    "failed": ("--plugin", str(WRONG), "--passes", "wrong-gridsample"),
    "keep going": ("--plugin", str(WRONG), "--passes", "wrong-gridsample", "--keep-going"),
    "trimmed": ("--passes", "out-nodes{keep=[y]}"),
    "nothing": ("--passes", "gridsample{expect=0}"),
}


def reports(tmp_path: Path, *arguments: str, name: str = "sample") -> dict[str, str]:
    """Run on the sample and return the texts of its reports by suffix."""
    model = from_text(SAMPLE.replace("NAME", "sample"))
    next(iter(model.graph)).name = name
    save(model, tmp_path / "m.onnx")
    paths = [tmp_path / f"r{suffix}" for suffix in (".json", ".md", ".html")]
    flags = [text for path in paths for text in ("--report", str(path))]
    result = run("apply", tmp_path / "m.onnx", *arguments, *flags)
    assert result.code in (0, 1), result.err
    return {path.suffix: path.read_text(encoding="utf-8") for path in paths}


@pytest.mark.parametrize("kind", RUNS)
def test_the_json_report_is_what_its_schema_says(tmp_path: Path, kind: str) -> None:
    document = json.loads(reports(tmp_path, *RUNS[kind])[".json"])
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(document, SCHEMA)


def test_the_schema_refuses_what_is_not_described(tmp_path: Path) -> None:
    document = json.loads(reports(tmp_path, *RUNS["ok"])[".json"])
    for wrong in (
        {**document, "more": 1},
        {key: value for key, value in document.items() if key != "final"},
        {**document, "schema": 2},
        {**document, "steps": [{**document["steps"][0], "more": 1}]},
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, SCHEMA)


class _Page(HTMLParser):
    """Notes the tags that are open and what stands in the page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [
            value or "" for name, value in attrs if name in ("src", "href", "xlink:href")
        ]
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data


@pytest.mark.parametrize("kind", RUNS)
def test_the_page_stands_alone_and_closes_what_it_opens(tmp_path: Path, kind: str) -> None:
    page = _Page(reports(tmp_path, *RUNS[kind])[".html"])
    assert not page.open
    assert not page.links
    assert not {"script", "link", "img", "iframe", "object"} & set(page.tags)


def test_the_page_draws_both_sides_of_a_rewrite(tmp_path: Path) -> None:
    page = _Page(reports(tmp_path, *RUNS["ok"])[".html"])
    assert page.tags.count("svg") == 4, "bilinear and bicubic, each before and after"
    for word in ("GridSample", "Gather", "grid", "holds", "bit for bit", "max |Δ|"):
        assert (word in page.text) == (word != "bit for bit"), word


def test_a_verdict_comes_first(tmp_path: Path) -> None:
    for kind, verdict in (
        ("ok", "Done, and the result computes what the original does"),
        ("off", "Done, not verified: verification was switched off"),
        ("failed", "No model was written: wrong-gridsample: "),
    ):
        found = reports(tmp_path, *RUNS[kind])
        assert found[".md"].splitlines()[2].replace("\\", "").startswith(f"**{verdict}"), kind
        assert verdict in _Page(found[".html"]).text.split("Promise")[0], kind


def test_hostile_names_are_only_text(tmp_path: Path) -> None:
    found = reports(tmp_path, *RUNS["ok"], name=HOSTILE)
    page = _Page(found[".html"])
    assert "script" not in page.tags
    assert "<script>alert(1)</script>" in page.text
    assert not re.search(r"(?<!\\)<script", found[".md"])
    rows = [line for line in found[".md"].splitlines() if line.startswith("|")]
    assert all(len(re.findall(r"(?<!\\)\|", row)) in (3, 5, 8, 10) for row in rows), rows


def test_equal_regions_are_drawn_once(tmp_path: Path) -> None:
    nodes = "\n".join(f"   [s{k}] y{k} = GridSample (x, grid)" for k in range(200))
    outputs = ", ".join(f"float[1,1,2,2] y{k}" for k in range(200))
    text = SAMPLE.splitlines()
    model = from_text(
        f"{text[0]}\nmain (float[1,1,4,4] x, float[1,2,2,2] grid) => ({outputs})\n{{\n{nodes}\n}}"
    )
    save(model, tmp_path / "m.onnx")
    result = run("apply", tmp_path / "m.onnx", *RUNS["ok"], "--report", tmp_path / "r.html")
    assert result.code == 0, result.err
    page = (tmp_path / "r.html").read_text()
    assert "and 199 more of the same form" in page
    assert page.count("<svg") == 2
    assert len(page) < 200_000


def test_a_report_is_the_same_twice_but_for_the_times(tmp_path: Path) -> None:
    def steady(text: str) -> str:
        return re.sub(r"\d+\.\d\d+( s\b)?", "", text)

    first = reports(tmp_path, *RUNS["ok"])
    again = reports(tmp_path, *RUNS["ok"])
    assert {k: steady(v) for k, v in first.items()} == {k: steady(v) for k, v in again.items()}


@pytest.mark.parametrize("name", ["r.txt", "r"])
def test_an_unknown_suffix_is_refused_before_the_work(tmp_path: Path, name: str) -> None:
    result = run("apply", EXAMPLES / "starnet.onnx", *RUNS["ok"], "--report", tmp_path / name)
    assert result.code == 2
    assert "end the name in one of .json, .md, .html" in result.err
    assert not list(tmp_path.iterdir())


def test_large_sides_are_counted_not_drawn() -> None:
    from graphfix.report.picture import LARGEST, picture
    from graphfix.rewrite.site import NodeSketch, Site

    model = from_text(SAMPLE.replace("NAME", "sample"))
    node = next(iter(model.graph))
    sketches = tuple(NodeSketch(node, (f"v{k}",), (f"v{k + 1}",), ()) for k in range(LARGEST + 1))
    found = picture(Site((sketches[0],), sketches, (("v1", f"v{LARGEST + 1}"),)))
    assert found.count("<svg") == 1
    assert f"<th>{LARGEST + 1} nodes</th>" in found


def _boxes(drawing: Any) -> list[tuple[float, float, float]]:
    return [(box.x - box.width / 2, box.x + box.width / 2, box.y) for box in drawing.boxes]


def test_boxes_do_not_overlap_and_edges_point_down() -> None:
    from graphfix.report.layout import Box, place

    boxes = [Box("node", f"operator {k % 3}", "") for k in range(30)]
    edges = [(k, reader, "") for k in range(30) for reader in (k + 1, k + 3, k + 7) if reader < 30]
    drawing = place(boxes, edges)
    placed = _boxes(drawing)
    for number, (left, right, y) in enumerate(placed):
        assert 0 <= left < right <= drawing.width
        for other_left, other_right, other_y in placed[:number]:
            assert y != other_y or right <= other_left or other_right <= left
    assert all(drawing.boxes[start].y < drawing.boxes[end].y for start, end, _ in edges)
