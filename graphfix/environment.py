"""An interpreter with libraries that do not go together with ours, made with uv and kept."""

import hashlib
import os
import secrets
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from graphfix.errors import ToolError

_SECONDS = 900
"""For downloading and installing the libraries."""
_LINES = 5


@dataclass(frozen=True)
class Environment:
    """A virtual environment that is made when it is first asked for, in the user's cache."""

    name: str
    """What it is for; part of the folder's name."""
    python: str
    """The versions of Python that the libraries run on, such as ``>=3.9,<3.13``."""
    requirements: tuple[str, ...]

    @property
    def folder(self) -> Path:
        """Where it is: other requirements get another folder."""
        cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser().absolute()
        text = "\n".join((self.python, *self.requirements))
        digest = hashlib.sha256(text.encode()).hexdigest()[:12]
        return cache / "graphfix" / f"{self.name}-{digest}"

    def interpreter(self) -> Path:
        """Its Python; the first call takes some seconds and needs a package index.

        Raises:
            ToolError: uv is missing or failed; the message has the commands to run by hand.
        """
        if not _python_of(self.folder).is_file():
            self._make()
        return _python_of(self.folder)

    def commands(self, folder: str = "") -> str:
        """What makes it by hand, in ``folder``; indented lines for a message."""
        folder = folder or self.name
        return (
            f"    uv venv --python {shlex.quote(self.python)} {folder}\n"
            f"    uv pip install --python {folder} {shlex.join(self.requirements)}"
        )

    def _make(self) -> None:
        uv = shutil.which("uv")
        if uv is None:
            raise ToolError(
                f"{self.name} needs libraries that cannot be installed beside those of graphfix; "
                "uv, which would put them into an environment of their own, is not on the PATH; "
                f"get it with 'pip install uv', or name an interpreter that has them by python=, "
                f"for example one that is made so:\n{self.commands()}"
            )
        # Made under another name, so that it is there as a whole or not at all.
        new = self.folder.with_name(f".{self.folder.name}-{secrets.token_hex(4)}")
        try:
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            self._run([uv, "venv", "--quiet", "--relocatable", "--python", self.python, str(new)])
            self._run([uv, "pip", "install", "--quiet", "--python", str(new), *self.requirements])
            try:
                new.rename(self.folder)
            except OSError:
                if not _python_of(self.folder).is_file():  # nobody else was quicker
                    raise
        except OSError as error:
            raise ToolError(
                f"{error.filename or self.folder}: {error.strerror or error}; XDG_CACHE_HOME names "
                "another place for the environment of this tool"
            ) from error
        finally:
            shutil.rmtree(new, ignore_errors=True)

    def _run(self, command: list[str]) -> None:
        # A project or an environment around us is not to have a say; the user's settings are.
        environment = {k: v for k, v in os.environ.items() if k not in ("VIRTUAL_ENV", "UV_PYTHON")}
        try:
            ran = subprocess.run(
                command,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_SECONDS,
                cwd=self.folder.parent,
                env=environment,
            )
        except subprocess.TimeoutExpired as error:
            raise ToolError(f"{self._failure(command)} took more than {_SECONDS} s") from error
        if ran.returncode:
            lines = [line for line in ran.stderr.splitlines() if line.strip()][-_LINES:]
            said = "\n".join(f"    {line}" for line in lines)
            raise ToolError(
                f"{self._failure(command)} failed:\n{said}\n  name an interpreter that has the "
                f"libraries by python=, for example one that is made so:\n{self.commands()}"
            )

    def _failure(self, command: list[str]) -> str:
        return f"{self.name} needs an environment of its own, and '{shlex.join(command)}'"


def _python_of(folder: Path) -> Path:
    inside = "Scripts/python.exe" if os.name == "nt" else "bin/python"
    return folder / inside
