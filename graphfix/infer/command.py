"""A whole command: one run over samples, or one for each device or each shape of a range."""

import itertools
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from graphfix.errors import GraphfixError
from graphfix.infer.doubts import file_doubts
from graphfix.infer.engine import Engine
from graphfix.infer.errors import InferError
from graphfix.infer.gears import Dims, parse_dims
from graphfix.infer.options import Contract, Options, RunMode
from graphfix.infer.ranges import expand
from graphfix.infer.result import RULE, Listener, Result
from graphfix.infer.samples import list_files
from graphfix.infer.samples_run import Run


def run(options: Options, listener: Listener) -> Result:
    """Run the model in ``options`` with onnxruntime, and save what they ask for.

    Several devices take turns on the CPU.

    Raises:
        InferError: samples, sizes or options do not fit the model.
        UsageError: a result cannot be written.
        ModelError: the model cannot be loaded or run.
        ToolError: the model is an ``.om`` without its ONNX file.
    """
    engine = Engine(Path(options.model))
    if str(engine.path) != options.model:
        listener.info(f"{options.model}: runs as {engine.path} on the CPU")
    if engine.raised:
        listener.info(f"{engine.path}: is written for ATC, and runs as the ONNX that it stands for")
    for option in options.device_only:
        listener.warning(f"{option} means nothing without an NPU and is left out")
    if options.debug:
        for kind, descs in (("input", engine.inputs), ("output", engine.outputs)):
            for number, desc in enumerate(descs):
                listener.info(f"{kind} {number} {desc.name} {desc.datatype.name} {desc.shape}")
    if options.shape_range is not None and isinstance(options.gear, Dims):
        listener.warning("--dymShape_range is left out: --dymDims or --dymShape is given")
    elif options.shape_range is not None:
        return _run_range(engine, options, listener)
    lists = _files(engine, options, listener)
    prefix = _prefix(options)
    if len(options.devices) > 1:
        return _run_devices(engine, options, lists, prefix, listener)
    return Result((Run(engine, options, listener).run(lists, prefix, options.devices[0]),))


def _run_range(engine: Engine, options: Options, listener: Listener) -> Result:
    runs, failed = [], []
    if options.output_dirname is not None:
        listener.warning("every shape writes to the same --output_dirname; the last one stays")
    for shape in expand(options.shape_range or ""):
        outcome = "OK"
        try:
            once = replace(options, gear=parse_dims(shape))
            lists = _files(engine, once, listener)
            done = Run(engine, once, listener).run(lists, _prefix(once), once.devices[0])
            runs.append(replace(done, shape=shape))
        except GraphfixError as error:
            listener.warning(f"dymshape:{shape} {error}")
            failed.append(shape)
            outcome = "Failed"
        listener.info(f"dymshape:{shape} end run result:{outcome}")
    runs.sort(key=lambda each: each.throughput, reverse=True)
    result = Result(tuple(runs), tuple(failed))
    listener.info("-----------------dyshape_range Performance Summary------------------")
    listener.info(
        f"run_count:{len(runs) + len(failed)} success_count:{len(runs)} "
        f"avg_throughput:{result.throughput}"
    )
    rows = [(each.shape, "OK", each.throughput) for each in runs]
    rows += [(shape, "Failed", 0.0) for shape in failed]
    for rank, (shape, outcome, throughput) in enumerate(rows):
        listener.info(f"{rank} dymshape:{shape}  result:{outcome} throughput:{throughput}")
    listener.info(RULE)
    return result


def _run_devices(
    engine: Engine,
    options: Options,
    lists: Sequence[Sequence[str]],
    prefix: str | None,
    listener: Listener,
) -> Result:
    dated = options.contract is Contract.AIS_2025
    divided = lists and (options.divide_input or not dated)
    count = len(options.devices)
    parts = _divide(len(lists[0]), count, evenly=dated) if divided else ()
    if divided and not lists[0][parts[-1]]:
        raise InferError(f"{len(lists[0])} file(s) leave none for some of {count} devices")
    listener.info(f"multidevice:{list(options.devices)} run begin")
    runs, spans = [], []
    for index, device in enumerate(options.devices):
        own = [files[parts[index]] for files in lists] if divided else lists
        folder = f"device{device}_{index}" if dated else f"device{device}"
        own_prefix = None if prefix is None else os.path.join(prefix, folder)
        started = time.time()
        runs.append(Run(engine, options, listener).run(own, own_prefix, device))
        spans.append((started, time.time()))
    result = Result(tuple(runs))
    listener.info(f"multidevice run end qsize:{2 * len(runs)} result:0")
    for index, (each, (started, ended)) in enumerate(zip(runs, spans, strict=True)):
        listener.info(
            f"i:{index} device_{each.device} throughput:{each.throughput} "
            f"start_time:{started} end_time:{ended}"
        )
    listener.info(f"summary throughput:{result.throughput}")
    return result


def _divide(count: int, parts: int, *, evenly: bool) -> tuple[slice, ...]:
    """The share of each device in ``count`` files: as even as can be, or full but for the last."""
    share, more = divmod(count, parts) if evenly else (-(-count // parts), 0)
    ends = [index * share + min(index, more) for index in range(parts + 1)]
    return tuple(slice(start, end) for start, end in itertools.pairwise(ends))


def _files(engine: Engine, options: Options, listener: Listener) -> tuple[tuple[str, ...], ...]:
    """The files of each input; none of them for made-up data."""
    if not options.inputs:
        if options.run_mode is RunMode.FILES:
            raise InferError("--run_mode files needs --input; leave the option out")
        return ()
    lists = list_files(options.inputs, engine.inputs)
    if options.run_mode is RunMode.FILES:
        for file in itertools.chain(*lists):
            if file.lower().endswith(".npy"):
                raise InferError(f"{file}: --run_mode files takes .bin only; leave the option out")
    for doubt in file_doubts(options.inputs, lists, whole_stem=options.pipeline):
        listener.warning(doubt)
    if options.output is None:
        listener.warning("nothing is saved; name a folder with --output")
    return lists


def _prefix(options: Options) -> str | None:
    if options.output is None:
        return None
    if options.output_dirname is not None:
        return os.path.join(options.output, options.output_dirname)
    name = os.path.join(options.output, time.strftime("%Y_%m_%d-%H_%M_%S"))
    # A run can start in the second that another did.
    number, prefix = 1, name
    while os.path.exists(prefix):
        number, prefix = number + 1, f"{name}_{number}"
    return prefix
