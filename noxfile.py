"""Development tasks: ``nox -l`` lists them, ``nox -s tests-3.12`` runs one."""

import nox

nox.options.default_venv_backend = "uv"
nox.options.sessions = ["tests", "lint", "types"]

PYTHONS = ["3.10", "3.11", "3.12", "3.13"]


def _sync(session: nox.Session) -> None:
    """Install the project and the development tools at their locked versions."""
    session.run_install(
        "uv",
        "sync",
        "--locked",
        f"--python={session.virtualenv.location}",
        env={"UV_PROJECT_ENVIRONMENT": session.virtualenv.location},
    )


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the tests; arguments after ``--`` go to pytest."""
    _sync(session)
    session.run("pytest", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check the style and that imports point down."""
    _sync(session)
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("lint-imports")


@nox.session
def types(session: nox.Session) -> None:
    """Check the types."""
    _sync(session)
    session.run("mypy")


@nox.session
def update(session: nox.Session) -> None:
    """Write the golden files and the generated indexes anew; read the difference afterwards."""
    _sync(session)
    session.run("pytest", "tests/test_golden.py", "tests/test_indexes.py", "--update-golden")


@nox.session
def torch(session: nox.Session) -> None:
    """Run the tests that need torch."""
    session.install("-r", "tests/torch/requirements.txt", ".")
    session.run("python", "-m", "pytest", "tests/torch", *session.posargs)


@nox.session
def paddle(session: nox.Session) -> None:
    """Run the tests that need Paddle, which gets an environment of its own."""
    _sync(session)
    place = f"{session.create_tmp()}/paddle"
    session.run_install("uv", "venv", "--clear", "--python=3.11", place)
    session.run_install(
        "uv", "pip", "install", f"--python={place}", "-r", "tests/paddle/requirements.txt"
    )
    python = f"{place}/bin/python"
    session.run("pytest", "tests/paddle", *session.posargs, env={"PADDLE_PYTHON": python})


@nox.session
def browser(session: nox.Session) -> None:
    """Run the tests of the HTML report in Chromium, which must be installed."""
    _sync(session)
    session.run("pytest", "tests/browser", *session.posargs)


@nox.session
def bridges(session: nox.Session) -> None:
    """Run the tests of passes that run a foreign tool, for which uv makes an environment."""
    _sync(session)
    session.run("pytest", "tests/bridges", *session.posargs)


@nox.session(python="3.11", venv_backend="uv|virtualenv")
def rebuild_examples(session: nox.Session) -> None:
    """Export StarNet again into examples/, in an environment that has Paddle."""
    session.install("-r", "tests/models/starnet/requirements.txt")
    session.run("python", "tests/models/starnet/export.py", "examples")


@nox.session
def ssh(session: nox.Session) -> None:
    """Run the tests of ``--host`` over an OpenSSH server, which must be installed."""
    _sync(session)
    session.run("pytest", "tests/ssh", *session.posargs)
