"""Environments that uv makes: made once, as a whole or not at all, and what to do without uv."""

from pathlib import Path

import pytest

from graphfix.environment import Environment
from graphfix.errors import ToolError

OLD = Environment("old-tool", ">=3.9,<3.13", ("tool==1.0", "numpy<2"))
BY_HAND = (
    "    uv venv --python '>=3.9,<3.13' old-tool\n"
    "    uv pip install --python old-tool tool==1.0 'numpy<2'"
)


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A uv of our own, which makes the folder, notes its arguments, and fails on UV_FAILS."""
    programs, log = tmp_path / "programs", tmp_path / "calls"
    programs.mkdir()
    uv = programs / "uv"
    uv.write_text(
        "#!/bin/sh\n"
        f'echo "$*" >> {log}\n'
        'if [ "$1" = venv ]; then\n'
        '    for folder; do :; done; mkdir -p "$folder/bin"; : > "$folder/bin/python"\n'
        "fi\n"
        'if [ "$1" = "$UV_FAILS" ]; then echo "no such version of tool" >&2; exit 2; fi\n'
    )
    uv.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return log


def test_it_is_made_once(calls: Path, tmp_path: Path) -> None:
    python = OLD.interpreter()
    assert python.is_file()
    assert python.is_relative_to(tmp_path / "cache" / "graphfix")
    venv, install = calls.read_text().splitlines()
    assert venv.startswith("venv --quiet --relocatable --python >=3.9,<3.13 ")
    assert install.startswith("pip install --quiet --python ")
    assert install.endswith(" tool==1.0 numpy<2")
    assert OLD.interpreter() == python
    assert len(calls.read_text().splitlines()) == 2
    assert [folder.name for folder in OLD.folder.parent.iterdir()] == [OLD.folder.name]


def test_other_requirements_get_another_folder() -> None:
    newer = Environment(OLD.name, OLD.python, ("tool==1.1", "numpy<2"))
    assert newer.folder != OLD.folder


@pytest.mark.parametrize("step", ["venv", "pip"])
def test_a_failure_quotes_uv_and_leaves_nothing(
    step: str, calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_FAILS", step)
    with pytest.raises(ToolError) as caught:
        OLD.interpreter()
    message = str(caught.value)
    assert message.startswith(f"old-tool needs an environment of its own, and '{calls.parent}")
    assert " failed:\n    no such version of tool\n" in message
    assert message.endswith(BY_HAND)
    assert not list(OLD.folder.parent.iterdir())


def test_without_uv_the_message_says_how_to_make_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(ToolError) as caught:
        OLD.interpreter()
    assert str(caught.value) == (
        "old-tool needs libraries that cannot be installed beside those of graphfix; uv, which "
        "would put them into an environment of their own, is not on the PATH; get it with 'pip "
        "install uv', or name an interpreter that has them by python=, for example one that is "
        f"made so:\n{BY_HAND}"
    )


def test_a_cache_that_cannot_be_written_is_named(
    calls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(ToolError, match=r"XDG_CACHE_HOME names another place"):
        OLD.interpreter()
