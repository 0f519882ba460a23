"""Export the corpus, run every pass and ``auto`` on it, and write what came of it as tables."""

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from graphfix.files import write_file
from graphfix.model import load
from graphfix.plugins import load_registry
from graphfix.target import load_profile
from tests.corpus.adapters import export_adapters
from tests.corpus.known import KNOWN
from tests.corpus.sweep import Verdict, fit, one_pass, pipelines
from tests.corpus.tables import page

TARGET, CANN = "ascend310p3", "8.5"
DOCS = Path(__file__).parents[2] / "docs" / "corpus.md"


def main() -> int:
    """Exit 1 when a pass or a plan is wrong on a model."""
    parser = argparse.ArgumentParser(prog="python -m tests.corpus", description=__doc__)
    parser.add_argument("folder", type=Path, help="where models and results are kept")
    parser.add_argument("--only", nargs="*", default=[""], help="beginnings of model names")
    parser.add_argument("--paddle", metavar="PYTHON", help="interpreter that exports Paddle's, too")
    parser.add_argument("--export-only", action="store_true", help="stop after the export")
    parser.add_argument("--again", action="store_true", help="run also what has a result already")
    parser.add_argument("--write-docs", action="store_true", help="write docs/corpus.md")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    export_missing(given.folder, given.only)
    export_adapters(given.folder, given.only, given.paddle)
    if given.paddle:
        words = [given.paddle, "-m", "tests.corpus.paddle", given.folder.resolve(), *given.only]
        subprocess.run(words, check=True, cwd=Path(__file__).parents[2])
    if given.export_only:
        return 0
    wanted = [
        p for p in sorted(given.folder.glob("*.onnx")) if p.stem.startswith(tuple(given.only))
    ]
    for path in wanted:
        if given.again or not path.with_suffix(".json").exists():
            check(path)
    results = {path.stem: json.loads(path.with_suffix(".json").read_text()) for path in wanted}
    if given.write_docs:
        from tests.corpus.cases import CASES

        not_run = [case.name for case in CASES if case.name not in results]
        write_file(DOCS, page(results, not_run), "docs/corpus.md")
    failures = list(failed(results))
    print(f"{len(results)} models, {len(failures)} failures", *failures, sep="\n")
    return 1 if failures else 0


def export_missing(folder: Path, only: Sequence[str]) -> None:
    """Export the models that are not in the folder yet."""
    from tests.corpus.cases import CASES
    from tests.corpus.export import export

    for case in CASES:
        path = folder / f"{case.name}.onnx"
        if case.name.startswith(tuple(only)) and not path.exists():
            print("export", case.name, file=sys.stderr, flush=True)
            export(case, path)


def check(path: Path) -> None:
    """Run everything on one model and keep the result beside it."""
    registry, profile = load_registry(), load_profile(TARGET, CANN)
    print("check", path.stem, file=sys.stderr, flush=True)
    applied = [
        one_pass(path, text, registry, path.parent) for text in pipelines(registry, load(path))
    ]
    result = {
        "nodes": sum(1 for _ in load(path).graph.all_nodes()),
        "passes": [each.to_dict() for each in applied],
        "auto": fit(path, registry, profile, path.parent).to_dict(),
    }
    path.with_suffix(".json").write_text(json.dumps(result, indent=1), encoding="utf-8")


def failed(results: Mapping[str, Any]) -> list[str]:
    """A line for each thing that must not be."""
    bad = {verdict.value for verdict in Verdict if verdict.fails}
    lines = []
    for name, result in results.items():
        lines += [
            f"{name}: {each['pass']}: {each['verdict']}: {each['reason']}"
            for each in result["passes"]
            if each["verdict"] in bad and (name, each["pass"].partition("{")[0]) not in KNOWN
        ]
        auto = result["auto"]
        lines += [f"{name}: auto: {auto['failure']}"] if auto["failure"] else []
        # What is left without a pass to blame is listed on the page, with the reason.
    return lines


if __name__ == "__main__":
    sys.exit(main())
