"""Whether processes are gone."""

import os
import time
from pathlib import Path


def is_running(pid: int) -> bool:
    """Whether a process is there for longer than its new parent needs to collect it."""
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        if "State:\tZ" in Path(f"/proc/{pid}/status").read_text():
            return False
        time.sleep(0.05)
    return True
