"""Tests over OpenSSH: collected only where its server is installed (``nox -s ssh``)."""

import getpass
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

STANDINS = Path(__file__).parents[1] / "standins"
SSHD = shutil.which("sshd", path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")
if SSHD is None:
    collect_ignore_glob = ["test_*.py"]


@dataclass(frozen=True)
class Host:
    """A server on this machine that seems to have CANN: the stand-ins are on its path."""

    name: str
    server: "subprocess.Popen[bytes]"
    folders: Path
    """Where it makes its temporary folders."""

    def break_connections(self) -> None:
        """End the processes that serve the connections, not the server."""
        subprocess.run(["pkill", "-KILL", "-P", str(self.server.pid)], check=True)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    home = tmp_path / "ssh"
    programs, folders, mine = home / "programs", home / "folders", home / "mine"
    for folder in (programs, folders, mine):
        folder.mkdir(parents=True)
    home.chmod(0o700)
    for key in ("host_key", "user_key"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", home / key], check=True
        )
    for name in ("atc", "ais_bench"):
        (programs / name).symlink_to(STANDINS / name)
    for name in ("python", "python3"):  # without the path of the checkout, in which is no ais_bench
        (programs / name).symlink_to(sys.executable)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    variables = {
        "PATH": f"{programs}:/usr/bin:/bin",
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "TMPDIR": str(folders),
        "AIS_STANDIN_FAULT": os.environ.get("AIS_STANDIN_FAULT", ""),
    }
    quoted = " ".join(f'"{name}={value}"' for name, value in variables.items())
    (home / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1\nPort {port}\nHostKey {home}/host_key\nPidFile none\n"
        f"AuthorizedKeysFile {home}/user_key.pub\nStrictModes no\nUsePAM no\n"
        f"PermitRootLogin prohibit-password\nSetEnv {quoted}\n"
        "Subsystem sftp internal-sftp\n"
    )
    (home / "config").write_text(
        f"Host npu\n  HostName 127.0.0.1\n  Port {port}\n  IdentityFile {home}/user_key\n"
        f"  UserKnownHostsFile {home}/known_hosts\n  StrictHostKeyChecking no\n  LogLevel ERROR\n"
    )
    # What a user has in ~/.ssh/config, which ssh does not read from another place by itself.
    for name in ("ssh", "scp"):
        wrapper = mine / name
        wrapper.write_text(f'#!/bin/sh\nexec {shutil.which(name)} -F {home}/config "$@"\n')
        wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{mine}{os.pathsep}{os.environ['PATH']}")
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    assert SSHD is not None
    with (home / "sshd.log").open("w") as log:
        server = subprocess.Popen([SSHD, "-D", "-e", "-f", home / "sshd_config"], stderr=log)
    try:
        _wait(port)
        yield Host(f"{getpass.getuser()}@npu", server, folders)
    finally:
        server.terminate()
        server.wait()


def _wait(port: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError("sshd does not listen")
