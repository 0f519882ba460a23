"""The files that a command line of ais_bench names, so that another machine can run it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from graphfix.infer.errors import InferError
from graphfix.infer.reading import Parser, input_entries

OUTPUT = "out"
"""The folder of the results there."""
_WEIGHTS = "weight"
"""Folder beside an ``.om`` that was converted with ``--external_weight``."""


@dataclass(frozen=True)
class Portable:
    """A command that runs in a folder which holds all that it needs."""

    files: Mapping[str, Path]
    """Files and folders here, by their names in the folder."""
    words: tuple[str, ...]


def portable(plain: Sequence[str]) -> Portable:
    """Rename what ``plain``, the arguments of ais_bench, names on this machine.

    Names of files stay as they are, since those of the outputs are made of them.

    Raises:
        InferError: the option of the model is abbreviated.
    """
    parser = Parser(add_help=False, allow_abbrev=False)
    parser.add_argument("-m", "--model", "--om")
    parser.add_argument("-i", "--input", type=input_entries)
    parser.add_argument("-o", "--output")
    single = ("--aipp_config", "--acl_json_path", "--dymShape_range")
    for name in single:
        parser.add_argument(name, dest=name)
    given, words = parser.parse_known_args(list(plain))
    if given.model is None:
        raise InferError("--host wants the options of files in full: --model, --input, --output")
    files: dict[str, Path] = {}

    def send(path: str, folder: str) -> str:
        name = f"{folder}/{Path(path).name}"
        files[name] = Path(path)
        return name

    words += ["--model", send(given.model, "model")]
    weights = Path(given.model).parent / _WEIGHTS
    if weights.is_dir():
        files[f"model/{_WEIGHTS}"] = weights
    if given.input:
        entries = [send(path, f"input{k}") for k, path in enumerate(given.input)]
        words += ["--input", ",".join(entries)]
    if given.output is not None:
        words += ["--output", OUTPUT]
    for name in single:
        value = getattr(given, name)
        if value is not None:
            is_file = name != "--dymShape_range" or value.endswith(".info")
            words += [name, send(value, "options") if is_file else value]
    return Portable(files, tuple(words))
