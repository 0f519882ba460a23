"""Run a model over samples with ais_bench's contract, on onnxruntime or through ais_bench."""

from graphfix.infer.arguments import Backend, Command, CommandLineError, HelpWanted, parse
from graphfix.infer.errors import InferError
from graphfix.infer.options import Contract, Options, OutFormat
from graphfix.infer.result import DeviceRun, Listener, Result
from graphfix.infer.run import run

__all__ = [
    "Backend",
    "Command",
    "CommandLineError",
    "Contract",
    "DeviceRun",
    "HelpWanted",
    "InferError",
    "Listener",
    "Options",
    "OutFormat",
    "Result",
    "parse",
    "run",
]
