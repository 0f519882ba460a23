"""Run a pipeline once in a process of its own and write down how it fails; see ``reduce``."""

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from graphfix.model import load, save
from graphfix.pipeline import Pipeline, parse
from graphfix.plugins import Registry, load_registry
from graphfix.stages.failure import WHOLE, Announce, Attempt, Settings, attempt
from graphfix.verify import Mode
from graphfix.verify.reproducer import save_feeds

ANSWER = "answer.json"
BEFORE = "before.onnx"
FEEDS = "before.npz"
RUNNING = "running.txt"


def main(text: str) -> None:
    """Read the request, run it, and leave the answer in the working directory."""
    request: dict[str, Any] = json.loads(text)
    registry = _registry(request["plugins"], request["bundled"])
    pipeline = parse(request["pipeline"], registry)
    data = request["data"]
    settings = Settings(
        Mode(request["mode"]),
        tuple(request["shapes"]),
        Path(data) if data else None,
        request["seed"],
        request["rtol"],
        request["atol"],
    )
    model = Path(request["model"])
    done = attempt(lambda: load(model), pipeline, settings, onlookers=[Announce(Path(RUNNING))])
    if request["keep"]:
        _keep(model, pipeline, done)
    failure = done.failure
    answer = {"failure": vars(failure) if failure else None, "places": _places(done)}
    Path(ANSWER).write_text(json.dumps(answer), encoding="utf-8")


def _places(done: Attempt) -> list[list[str]]:
    """The values that each rewrite of the failing pass made anew."""
    if done.outcome is None or not done.outcome.failures:
        return []
    result = done.outcome.failures[0].step.result
    found = [list(rewrite.outputs) for rewrite in result.rewrites] if result else []
    return [names for names in found if names]


def _registry(files: list[str], bundled: list[str]) -> Registry:
    also = {name: import_module(name.replace("-", "_")).PLUGIN for name in bundled}
    return load_registry([Path(file) for file in files], also=also)


def _keep(model: Path, pipeline: Pipeline, done: Attempt) -> None:
    """Save the model before the pass that fails, and the feeds that show it."""
    if done.failure is None or done.outcome is None:
        return
    if done.failure.item == WHOLE:
        save(load(model), Path(BEFORE))
    else:
        save(done.outcome.failures[0].step.before(), Path(BEFORE))
    if done.feeds is not None and done.feeds.feed:
        save_feeds(Path(FEEDS), done.feeds)


if __name__ == "__main__":
    main(sys.argv[1])
