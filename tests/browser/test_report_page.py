"""The HTML report in a real browser: headless Chromium, without network.

Excluded from the main suite, as not every machine has a browser; ``.ci/run`` installs one.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from tests.cli_runner import run

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--hide-scrollbars", "--enable-logging=stderr",
)  # fmt: skip


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    result = run(
        "apply",
        ROOT / "examples" / "starnet.onnx",
        "--passes",
        "gridsample,opset{to=13}",
        "-o",
        folder / "out.onnx",
        "--diff",
        "--report",
        folder / "report.html",
    )
    assert result.code == 0, result.err
    return folder / "report.html"


def browse(page: Path, folder: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    """Open the page and return what the browser said."""
    assert CHROMIUM, "no Chromium: install it, or name it in the variable CHROMIUM"
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={folder / 'profile'}", *flags, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


def test_the_page_renders_without_a_complaint_or_a_request(page: Path, tmp_path: Path) -> None:
    log = tmp_path / "net.json"
    done = browse(page, tmp_path, "--dump-dom", f"--log-net-log={log}")
    assert "CONSOLE" not in done.stderr, done.stderr
    assert done.stdout.count("<svg") > 4
    assert "the result computes what the original does" in done.stdout
    assert "://" not in done.stdout.replace("file://", "")
    starts = [
        event["params"]
        for event in json.loads(log.read_text())["events"]
        if "initiator" in event.get("params", {})
    ]
    assert starts, "the log tells who asks for what"
    assert not [each for each in starts if each["initiator"] not in ("not an origin", "N/A")]


@pytest.mark.parametrize("width", [1200, 420])
def test_light_and_dark_show_the_same_page(page: Path, tmp_path: Path, width: int) -> None:
    pictures = {}
    for scheme, number in (("dark", 0), ("light", 1)):
        path = tmp_path / f"{scheme}.png"
        browse(
            page,
            tmp_path / scheme,
            f"--window-size={width},1600",
            f"--blink-settings=preferredColorScheme={number}",
            f"--screenshot={path}",
        )
        pictures[scheme] = Image.open(path).convert("RGB")
    corner = {scheme: picture.crop((3, 3, 4, 4)).tobytes() for scheme, picture in pictures.items()}
    assert corner["light"] == bytes((255, 255, 255))
    assert max(corner["dark"]) < 40
    for picture in pictures.values():
        colours = picture.getcolors(1 << 24)
        assert colours is not None
        assert len(colours) > 50, "text and pictures are there"
