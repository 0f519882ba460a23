"""docs/guides/adapter.md: its files are written, its commands run, and print what it says."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "adapter.md"
BLOCK = re.compile(
    r"^```(console|python (?P<file>\S+))\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE
)


def _plain(line: str) -> str:
    """Without what differs from run to run: seconds, samples per second, widths of columns."""
    line = re.sub(r"^(\w+ +(?:done|cached)) +[\d.]+", r"\1 #", line)
    line = re.sub(r"[\d.e+]+ samples/s", "# samples/s", line)
    return re.sub(r"[ ─]+", " ", line).strip()


def _matches(shown: str, printed: str) -> bool:
    """A line that ends with "..." shows the beginning only."""
    if shown.endswith("..."):
        return _plain(printed).startswith(_plain(shown[:-3]))
    return _plain(shown) == _plain(printed)


def _console(text: str, folder: Path) -> str:
    """Run the command after the "$"; return what it prints, as a block would show it."""
    first, *shown = text.splitlines()
    program, *words = shlex.split(first.removeprefix("$ "))
    assert program == "graphfix"
    done = subprocess.run(
        [Path(sys.executable).parent / program, *words], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{first}\n{done.stdout}{done.stderr}"
    printed = done.stdout.splitlines()
    same = len(printed) == len(shown) and all(map(_matches, shown, printed))
    return text if same else "\n".join([first, *printed]) + "\n"


def test_the_guide(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    text = GUIDE.read_text(encoding="utf-8")

    def told(block: re.Match[str]) -> str:
        if not block["file"]:
            return f"```console\n{_console(block['text'], tmp_path)}```"
        path = tmp_path / block["file"]
        if block["text"].startswith(" "):  # a line that takes the place of another
            name = block["text"].split()[0]
            source = path.read_text(encoding="utf-8")
            changed, count = re.subn(
                rf"^ +{name} = .*\n", block["text"], source, flags=re.MULTILINE
            )
            assert count == 1
            path.write_text(changed, encoding="utf-8")
        else:
            path.write_text(block["text"], encoding="utf-8")
        return block[0]

    now = BLOCK.sub(told, text)
    if request.config.getoption("--update-golden"):
        GUIDE.write_text(now, encoding="utf-8")
    else:
        assert now == text, "run pytest tests/torch/test_adapter_guide.py --update-golden"
