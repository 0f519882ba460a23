"""Development sessions: ``nox -l`` lists them."""

import nox


@nox.session(python="3.11", venv_backend="uv|virtualenv")
def rebuild_examples(session: nox.Session) -> None:
    """Export StarNet again into examples/, in an environment that has Paddle."""
    session.install("-r", "tests/models/starnet/requirements.txt")
    session.run("python", "tests/models/starnet/export.py", "examples")
