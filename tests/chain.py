"""Takes a small network of an adapter through all stages, with the stand-in for ATC."""

import os
import sys
import tempfile
from pathlib import Path
from unittest import mock

from graphfix.adapter import Adapter
from graphfix.infer import Backend
from graphfix.plugins import load_registry
from graphfix.stages.run import RunReport, RunRequest, Status, run
from tests.quiet import Quiet

ATC = Path(__file__).parent / "standins" / "atc"


def run_small(
    adapter: Adapter, folder: Path, python: str = sys.executable, **options: str
) -> RunReport:
    """Export with random weights, and see that every stage was done."""
    request = RunRequest(
        adapter,
        folder,
        random_weights=True,
        python=python,
        options={"width": "small", **options},
        backend=Backend.ONNXRUNTIME,
    )
    with tempfile.TemporaryDirectory() as programs:
        Path(programs, "atc").symlink_to(ATC)
        paths = (programs, str(Path(sys.executable).parent), os.environ["PATH"])
        with mock.patch.dict(os.environ, {"PATH": os.pathsep.join(paths)}):
            report = run(request, load_registry(), Quiet())
    assert report.exit_code == 0, [(each.stage, each.reason) for each in report.stages]
    assert {each.status for each in report.stages} == {Status.DONE}
    return report
