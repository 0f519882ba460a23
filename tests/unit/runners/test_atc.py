"""Where ATC is found, and the environment it gets."""

from pathlib import Path

import pytest

from graphfix.runners import atc
from graphfix.runners.set_env import read_set_env

SET_ENV = """\
#!/bin/bash
# CANN
export ASCEND_TOOLKIT_HOME=/opt/cann/latest
export LD_LIBRARY_PATH=${ASCEND_TOOLKIT_HOME}/lib64:$LD_LIBRARY_PATH
export PATH="${ASCEND_TOOLKIT_HOME}/bin:$PATH";
export PYTHONPATH=$ASCEND_TOOLKIT_HOME/python${PYTHONPATH:+:more}
export LITERAL='$HOME'
export LEVEL=${LEVEL:-3}
export HERE=$(cd /; touch ran)
export ALSO=`touch ran`
if [ -z "$X" ]; then
    export INNER=1
fi
"""


def test_a_script_is_read_and_not_run(tmp_path: Path) -> None:
    script = tmp_path / "set_env.sh"
    script.write_text(SET_ENV)
    found = read_set_env(script, {"PATH": "/bin", "LD_LIBRARY_PATH": "/lib"})
    assert found == {
        "ASCEND_TOOLKIT_HOME": "/opt/cann/latest",
        "LD_LIBRARY_PATH": "/opt/cann/latest/lib64:/lib",
        "PATH": "/opt/cann/latest/bin:/bin",
        "PYTHONPATH": "/opt/cann/latest/python",
        "LITERAL": "$HOME",
        "LEVEL": "3",
        "INNER": "1",
    }


@pytest.fixture
def toolkit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "ascend-toolkit" / "latest"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "atc").write_text("#!/bin/sh\n")
    (folder / "bin" / "atc").chmod(0o755)
    (folder.parent / "set_env.sh").write_text("export ASCEND_OPP_PATH=/opp\n")
    monkeypatch.setattr(atc, "USUAL_FOLDERS", ())
    return folder


def test_atc_is_found_by_variable_by_path_and_in_usual_folders(
    toolkit: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = toolkit / "bin" / "atc"
    assert atc.find_atc({"PATH": ""}) is None
    for environment in ({"ASCEND_HOME_PATH": str(toolkit)}, {"PATH": str(program.parent)}):
        found = atc.find_atc(environment)
        assert found is not None
        assert found.program == program
        assert found.environment["ASCEND_OPP_PATH"] == "/opp"
    monkeypatch.setattr(atc, "USUAL_FOLDERS", (str(toolkit),))
    found = atc.find_atc({})
    assert found is not None
    assert found.program == program


def test_an_environment_that_is_set_up_is_left_alone(toolkit: Path) -> None:
    environment = {"ASCEND_HOME_PATH": str(toolkit), "ASCEND_OPP_PATH": "/mine"}
    found = atc.find_atc(environment)
    assert found is not None
    assert (found.environment, found.script) == (environment, None)
