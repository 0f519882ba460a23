"""Run graphfix from a checkout, installed or not: ``python cli.py apply model.onnx ...``."""

import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parent
sys.path[:0] = [str(_ROOT), str(_ROOT / "passes"), str(_ROOT / "model_adapters")]

import graphfix_adapters  # noqa: E402 found through the path above
import graphfix_passes  # noqa: E402
from graphfix.cli import main  # noqa: E402

if __name__ == "__main__":
    plugins = {"graphfix-adapters": graphfix_adapters, "graphfix-passes": graphfix_passes}
    main(plugins={name: package.PLUGIN for name, package in plugins.items()})
