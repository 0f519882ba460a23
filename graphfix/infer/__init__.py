"""Run a model over samples with ais_bench's contract, on onnxruntime or through ais_bench."""

from graphfix.infer.arguments import Backend, Command, parse
from graphfix.infer.command import run
from graphfix.infer.errors import InferError
from graphfix.infer.options import Contract, Options, OutFormat
from graphfix.infer.reading import CommandLineError, HelpWanted
from graphfix.infer.result import DeviceRun, Listener, Result
from graphfix.infer.session import InferSession

__all__ = [
    "Backend",
    "Command",
    "CommandLineError",
    "Contract",
    "DeviceRun",
    "HelpWanted",
    "InferError",
    "InferSession",
    "Listener",
    "Options",
    "OutFormat",
    "Result",
    "parse",
    "run",
]
