"""Run the fault corpus and print its table.

    python -m tests.faults                         everything, in the mode that apply uses
    python -m tests.faults --mode full --models resnet,lstm
    python -m tests.faults --kinds 'softmax-*'     some kinds, with every verdict

Exits 1 when a changed model was accepted or a correct rewrite rejected.
"""

import argparse
import fnmatch
import sys
import time

from graphfix.stages.apply import DEFAULT_MODE
from graphfix.verify import Mode
from tests.faults.alarms import Alarm, alarms
from tests.faults.kinds import KINDS
from tests.faults.models import EXAMPLES
from tests.faults.report import false_alarms, misses, table
from tests.faults.trials import Trial, trials


def main() -> int:
    """Parse the options, run, print."""
    options = _options()
    names = options.models.split(",") if options.models else [e.name for e in EXAMPLES]
    kinds = [kind for kind in KINDS if fnmatch.fnmatchcase(kind.name, options.kinds)]
    mode = Mode(options.mode)
    found: list[Trial] = []
    right: list[Alarm] = []
    for example in EXAMPLES:
        if example.name not in names:
            continue
        started = time.perf_counter()
        some = list(trials([example], kinds, sites=options.sites, mode=mode))
        found += some
        if options.kinds == "*":
            right += alarms([example], mode=mode, built_in=True)
        seconds = time.perf_counter() - started
        print(f"{example.name}: {len(some)} faults, {seconds:.0f} s", file=sys.stderr, flush=True)
        for line in misses(some):
            print(f"  missed: {line}", file=sys.stderr, flush=True)
    if options.kinds != "*":
        for trial in found:
            verdict = trial.verdict
            print(
                f"{trial.kind.name} on {trial.example} (place {trial.site}): "
                f"{trial.effect.severity:.3g}, {verdict.state} {verdict.reason[:200]}"
            )
    print(f"--verify {mode.value}\n")
    print(table(found))
    lost = misses(found)
    print("\n".join(["", *(f"missed: {line}" for line in lost)]))
    print(false_alarms(right))
    return int(bool(lost) or any(not alarm.verdict.accepted for alarm in right))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--mode", default=DEFAULT_MODE.value, choices=["region", "full"])
    parser.add_argument("--models", default="", help="names, joined by commas")
    parser.add_argument("--kinds", default="*", help="pattern of kinds of faults")
    parser.add_argument("--sites", type=int, default=None, help="places per kind and model")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
