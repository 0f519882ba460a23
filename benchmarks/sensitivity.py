"""Which faults does each way of checking notice? The same faults, in one run.

    uv run --with polygraphy==0.53.6 python benchmarks/sensitivity.py --models lstm,quantised

* ``graphfix``: the verifier of ``graphfix apply`` (region; with ``--full`` also full).
* ``onnxsim``: ``onnxsim.model_checking.compare`` itself with three random inputs, as ``check_n=3``
  does; symbolic dims get the first size of the corpus.
* ``polygraphy``: its ``Comparator`` itself with its defaults, onnxruntime for both models; symbolic
  dims get the first size of the corpus. (By default one feed, floats uniform in [0, 1), and an
  absolute and relative tolerance of 1e-5.) Left out where it is not installed.
* ``checker``: ``onnx.checker.check_model`` with full_check, no numbers.

Counts only faults that change an output by more than their contract on some feed of the ground
truth. Prints a Markdown table. Part of the corpus; needs onnxsim.
"""

import argparse
import contextlib
import importlib.util
import io
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / part) for part in ("", "passes")]

from graphfix.verify import Mode  # noqa: E402 found through the path above
from tests.faults.kinds import KINDS  # noqa: E402
from tests.faults.models import EXAMPLES, Example  # noqa: E402
from tests.faults.trials import Judge, after_of, measure, source_of, spread  # noqa: E402
from tests.faults.truth import Effect  # noqa: E402

WAYS = ("graphfix region", "graphfix full", "onnxsim check_n=3", "polygraphy", "onnx.checker")

HAS_POLYGRAPHY = importlib.util.find_spec("polygraphy") is not None


@dataclass(frozen=True)
class Seen:
    """Which ways noticed one fault."""

    group: str
    kind: str
    noticed: Mapping[str, bool]


def compare_all(
    examples: Sequence[Example], sites: int | None, full: bool = False
) -> Iterator[Seen]:
    """Every fault that changes an output, and who notices it."""
    for example in examples:
        judges = {"graphfix region": Judge(source_of(example), Mode.REGION)}
        if full:
            judges["graphfix full"] = Judge(source_of(example), Mode.FULL)
        for kind in KINDS:
            for site in spread(kind.sites(source_of(example)), sites or example.sites):
                item = kind.make(site)
                effect = measure(example, item, kind.contract)
                if effect is None or not effect.changed:
                    continue
                noticed = {way: not judge.verdict(item).accepted for way, judge in judges.items()}
                noticed |= others(example, after_of(example, item))
                yield Seen(kind.group, kind.name, noticed)


def others(example: Example, after: onnx.ModelProto | Effect | None) -> dict[str, bool]:
    """What the other tools notice of a model after."""
    if not isinstance(after, onnx.ModelProto):
        return {way: True for way in WAYS[2:] if HAS_POLYGRAPHY or way != "polygraphy"}
    return {
        "onnxsim check_n=3": not _onnxsim(example, after),
        **({"polygraphy": not _polygraphy(example, after)} if HAS_POLYGRAPHY else {}),
        "onnx.checker": not _checker(after),
    }


def _checker(after: onnx.ModelProto) -> bool:
    try:
        onnx.checker.check_model(after, full_check=True)
    except Exception:  # noqa: BLE001 - the checker raises errors of several libraries
        return False
    return True


def _onnxsim(example: Example, after: onnx.ModelProto) -> bool:
    from onnxsim.model_checking import compare

    sizes = example.sizes[0]
    shapes: dict[str | None, list[int]] = {
        name: [sizes[dim] if isinstance(dim, str) else dim for dim in item.dims]
        for name, item in example.inputs.items()
    }
    np.random.seed(0)  # onnxsim draws from numpy's global generator
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            return bool(compare(after, example.proto(), n_times=3, input_shapes=shapes))
    except Exception:  # noqa: BLE001 - a run that fails is noticed
        return False


def _polygraphy(example: Example, after: onnx.ModelProto) -> bool:
    from polygraphy.backend.onnxrt import OnnxrtRunner, SessionFromOnnx
    from polygraphy.common import TensorMetadata
    from polygraphy.comparator import Comparator, DataLoader
    from polygraphy.logger import G_LOGGER

    G_LOGGER.module_severity = {"": G_LOGGER.CRITICAL}
    sizes = example.sizes[0]
    wanted = TensorMetadata()
    for name, item in example.inputs.items():
        shape = [sizes[dim] if isinstance(dim, str) else dim for dim in item.dims]
        wanted.add(name, dtype=np.dtype(item.dtype), shape=shape)
    models = {"before": example.proto(), "after": after}
    try:
        runners = [
            OnnxrtRunner(SessionFromOnnx(model.SerializeToString()), name=name)
            for name, model in models.items()
        ]
        results = Comparator.run(runners, data_loader=DataLoader(input_metadata=wanted))
        return bool(Comparator.compare_accuracy(results))
    except Exception:  # noqa: BLE001 - a run that fails is noticed
        return False


def table(seen: Sequence[Seen]) -> str:
    """Share of the faults each way notices, by group."""
    ways = [way for way in WAYS if seen and way in seen[0].noticed]
    lines = [
        "| group | faults | " + " | ".join(ways) + " |",
        "|---|--:|" + "--:|" * len(ways),
    ]
    groups = list(dict.fromkeys(one.group for one in seen))
    for name in (*groups, "**all**"):
        some = [one for one in seen if name in ("**all**", one.group)]
        shares = [f"{sum(one.noticed[way] for one in some) / len(some):.0%}" for way in ways]
        lines.append(f"| {name} | {len(some)} | " + " | ".join(shares) + " |")
    return "\n".join(lines)


def main() -> None:
    """Parse the options, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", default="", help="names, joined by commas; default: all")
    parser.add_argument("--sites", type=int, default=None, help="places per kind and model")
    parser.add_argument("--full", action="store_true", help="also --verify full; takes longer")
    options = parser.parse_args()
    onnxruntime.set_default_logger_severity(4)  # models that do not run are noticed, not logged
    names = options.models.split(",") if options.models else [e.name for e in EXAMPLES]
    examples = [example for example in EXAMPLES if example.name in names]
    print(table(list(compare_all(examples, options.sites, options.full))))


if __name__ == "__main__":
    main()
