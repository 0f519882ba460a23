"""Build the data files of ``graphfix/target`` from the tables in ``tools/target_tables``.

python tools/build_target_data.py           writes graphfix/target/data/*.json
python tools/build_target_data.py --check   exits 1 when they are not what the tables say
"""

import argparse
import csv
import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
TABLES = ROOT / "tools" / "target_tables"
DATA = ROOT / "graphfix" / "target" / "data"
RELEASES = ("2022-06", "8.5", "9.0", "9.1", "development")
CHIPS = ("310", "310p", "310b", "910", "910b")


def operators() -> dict[str, Any]:
    """Domain and operator, to its opsets by release and what it becomes."""
    found: dict[str, Any] = {}
    for row in _rows("operators.csv"):
        cells = {release: row[release] for release in RELEASES if row[release]}
        entry: dict[str, Any] = {"standard": row["standard"] == "yes", "opsets": cells}
        if row["ge_operator"]:
            entry["ge"] = row["ge_operator"]
        if row["expands_to"]:
            entry["expands_to"] = row["expands_to"].split()
        found[f"{row['domain']}::{row['operator']}"] = entry
    return found


def kernels() -> dict[str, Any]:
    """ONNX operator, to the operators of GE it may become and their kernels."""
    found: dict[str, Any] = {}
    for row in _rows("kernels.csv"):
        found.setdefault(row["operator"], {})[row["ge_operator"]] = {
            "ai_core": [chip for chip in CHIPS if row[chip] == "yes"],
            "ai_core_types_310p": row["ai_core_types_310p"].split(),
            "ai_cpu": row["ai_cpu"] == "yes",
            "ai_cpu_types": row["ai_cpu_types"].split(),
        }
    return found


def errors() -> dict[str, Any]:
    """Error code of ATC, to its cause, what helps, and the pass that does."""
    return {
        row["code"]: {key: row[key] for key in ("cause", "remedy", "pass", "source")}
        for row in _rows("atc_errors.csv")
    }


def _rows(name: str) -> list[dict[str, str]]:
    with (TABLES / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def main() -> int:
    """Write or check the files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="Write nothing.")
    check = parser.parse_args().check
    stale = False
    for name, content in (
        ("operators.json", operators()),
        ("kernels.json", kernels()),
        ("atc_errors.json", errors()),
    ):
        lines = [f"{json.dumps(key)}: {json.dumps(content[key])}" for key in sorted(content)]
        text = "{\n" + ",\n".join(lines) + "\n}\n"
        path = DATA / name
        if check:
            current = path.read_text(encoding="utf-8") if path.exists() else ""
            stale |= current != text
        else:
            path.write_text(text, encoding="utf-8")
    if stale:
        print("graphfix/target/data is stale: run python tools/build_target_data.py")
    return int(stale)


if __name__ == "__main__":
    sys.exit(main())
