"""One run over samples on onnxruntime, step by step as ais_bench does it."""

import math
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from graphfix.infer.doubts import data_doubt
from graphfix.infer.engine import Engine, as_input, milliseconds
from graphfix.infer.errors import InferError
from graphfix.infer.gears import Batch, Dims, Shape, shapes_of
from graphfix.infer.options import Options
from graphfix.infer.outputs import divide, make_folder, write_array
from graphfix.infer.result import RULE, DeviceRun, Listener
from graphfix.infer.samples import (
    PURE,
    Group,
    Plan,
    make_plan,
    read_group,
    read_sample,
    sample_stem,
    samples_in,
)
from graphfix.infer.summary import SampleFiles, summary, summary_path, write_summary
from graphfix.infer.tensors import Array
from graphfix.infer.times import Times


@dataclass
class Run:
    """One run over samples, and what it has measured so far."""

    engine: Engine
    options: Options
    listener: Listener
    times: Times = field(default_factory=Times)
    files: dict[int, SampleFiles] = field(default_factory=dict)
    batches: list[int] = field(default_factory=list)
    """First dim of the first input, where every file sets it."""
    warned: set[str] = field(default_factory=set)

    def run(self, lists: Sequence[Sequence[str]], prefix: str | None, device: int) -> DeviceRun:
        """Run ``lists``, one list of files for each input, or made-up data when there is none."""
        options, listener = self.options, self.listener
        shapes = self._shapes()
        batchsize: float = options.batchsize or 0
        if not batchsize and shapes is not None:
            batchsize = self._batchsize(shapes)
            listener.info(f"try get model batchsize:{batchsize}")
        if prefix is not None:
            make_folder(prefix)
            listener.info(f"output path:{prefix}")
        plan = self._plan(lists, shapes)
        self._warm_up(plan, shapes)
        self._all_groups(plan, shapes, prefix)
        if self.batches:
            batchsize = sum(self.batches) / len(self.batches)
        compute, to_device, from_device = self.times.statistics()
        done = DeviceRun(
            device=device,
            prefix=prefix,
            summary=None if prefix is None else summary_path(prefix, options.contract),
            samples=plan.count if lists else 0,
            files=0 if prefix is None else plan.count * len(self.engine.outputs),
            batchsize=batchsize,
            throughput=1000 * batchsize / compute.mean if compute.mean else 0.0,
            compute=compute,
            to_device=to_device,
            from_device=from_device,
        )
        self._report(done)
        if done.summary is not None:
            files = {} if options.pipeline else self.files
            document = summary(
                files, options.arguments, self.times, done.throughput, options.contract
            )
            write_summary(document, done.summary)
        return done

    def _shapes(self) -> tuple[Shape, ...] | None:
        """The shapes of all runs; None when every file sets its own."""
        if self.options.takes_shapes_from_files:
            if not self.options.inputs:
                raise InferError(
                    "--auto_set_dymshape_mode and --auto_set_dymdims_mode need --input"
                )
            return None
        return shapes_of(self.engine.inputs, self.options.gear)

    def _batchsize(self, shapes: Sequence[Shape]) -> int:
        if isinstance(self.options.gear, Batch):
            return self.options.gear.size
        return shapes[0][0] if shapes and shapes[0] else 1

    def _plan(self, lists: Sequence[Sequence[str]], shapes: Sequence[Shape] | None) -> Plan:
        if not lists:
            return Plan((Group(0, ((PURE,) * len(self.engine.inputs),)),), 1)
        if self.options.pipeline:
            return make_plan(lists, 1)
        if shapes is None:
            size = read_sample(lists[0][0]).nbytes
            return self._say_plan(make_plan(lists, 1), size)
        needed = math.prod(shapes[0]) * self.engine.inputs[0].datatype.itemsize
        plan = make_plan(lists, samples_in(needed, lists[0][0]))
        return self._say_plan(plan, needed)

    def _say_plan(self, plan: Plan, needed: int) -> Plan:
        self.listener.info(
            f"get filesperbatch files0 size:{needed // plan.per_group} tensor0size:{needed} "
            f"filesperbatch:{plan.per_group} runcount:{len(plan.groups)}"
        )
        return plan

    def _warm_up(self, plan: Plan, shapes: tuple[Shape, ...] | None) -> None:
        arrays = self._arrays(plan.groups[0], plan.per_group, shapes)
        for _ in range(self.options.warmup):
            self.engine.execute(arrays)
        parallel = self.options.pipeline and self.options.threads > 1
        self.times, self.batches = Times(parallel), []
        self.listener.info(f"warm up {self.options.warmup} done")

    def _all_groups(self, plan: Plan, shapes: tuple[Shape, ...] | None, prefix: str | None) -> None:
        def work(group: Group) -> None:
            outputs = self._execute(self._arrays(group, plan.per_group, shapes))
            if prefix is not None:
                self._save(group, plan.per_group, outputs, prefix)

        threads = self.options.threads if self.options.pipeline else 1
        total = len(plan.groups)
        self.listener.progress(0, total)
        for done, _ in enumerate(_each(work, plan.groups, threads), 1):
            self.listener.progress(done, total)

    def _arrays(
        self, group: Group, per_group: int, shapes: tuple[Shape, ...] | None
    ) -> list[Array]:
        """The inputs of a group, as arrays of the model's types and the run's shapes."""
        inputs = self.engine.inputs
        if group.files[0][:1] == (PURE,) or not inputs:
            data = [self._made_up(shape, k) for k, shape in enumerate(shapes or ())]
        else:
            data = [read_group(group, per_group, k) for k in range(len(inputs))]
            if not group.first:
                self._doubt(group, data)
        if shapes is None:
            given = {desc.name: array.shape for desc, array in zip(inputs, data, strict=True)}
            shapes = shapes_of(inputs, Dims(given))
            self.batches.append(shapes[0][0] if shapes[0] else 1)
        arrays = []
        for k, (array, desc, shape) in enumerate(zip(data, inputs, shapes, strict=True)):
            started = milliseconds()
            try:
                arrays.append(as_input(array, desc, shape))
            except InferError as error:
                names = list(dict.fromkeys(sample[k] for sample in group.files))
                raise InferError(f"{' + '.join(names[:4])}: {error}") from error
            self.times.to_device.append(milliseconds() - started)
        return arrays

    def _made_up(self, shape: Shape, index: int) -> Array:
        size = math.prod(shape) * self.engine.inputs[index].datatype.itemsize
        if self.options.random:
            return np.random.default_rng(index).integers(0, 256, size, dtype=np.uint8)
        return np.zeros(size, dtype=np.uint8)

    def _execute(self, arrays: Sequence[Array]) -> list[Array]:
        outputs = self.engine.timed(arrays, self.options.loop, self.times)
        for index, (output, room) in enumerate(
            zip(outputs, self.options.output_sizes, strict=False)
        ):
            if output.nbytes > room:
                self._warn_once(
                    f"room {index}",
                    f"output {index} has {output.nbytes} bytes; --outputSize leaves {room}, and "
                    "the run would fail on an NPU",
                )
        return outputs

    def _save(self, group: Group, per_group: int, outputs: Sequence[Array], prefix: str) -> None:
        options = self.options
        suffix = options.outfmt.value.lower()
        names: list[list[str]] = [[] for _ in group.files]
        for index, (output, desc) in enumerate(zip(outputs, self.engine.outputs, strict=True)):
            parts = divide(output, per_group, options.output_axis, desc.name)
            for sample, part in enumerate(parts[: len(group.files)]):
                first = group.files[sample][0] if group.files[sample] else PURE
                stem = sample_stem(first, whole=options.pipeline)
                path = os.path.join(prefix, f"{stem}_{index}.{suffix}")
                write_array(part, path, options.outfmt)
                names[sample].append(path)
        for number, (infiles, outfiles) in enumerate(zip(group.files, names, strict=True)):
            self.files[group.first + number] = SampleFiles(infiles, tuple(outfiles))

    def _doubt(self, group: Group, data: Sequence[Array]) -> None:
        for index, (array, desc) in enumerate(zip(data, self.engine.inputs, strict=True)):
            doubt = data_doubt(array, group.files[0][index], desc)
            if doubt is not None:
                self._warn_once(f"dtype {desc.name}", doubt)

    def _warn_once(self, key: str, text: str) -> None:
        if key not in self.warned:
            self.warned.add(key)
            self.listener.warning(text)

    def _report(self, done: DeviceRun) -> None:
        info = self.listener.info
        info("-----------------Performance Summary------------------")
        if self.options.all_summary:
            info(done.to_device.line("H2D_latency"))
        info(done.compute.line("NPU_compute_time"))
        if self.options.all_summary:
            info(done.from_device.line("D2H_latency"))
        info(
            f"throughput 1000*batchsize.mean({done.batchsize})/"
            f"NPU_compute_time.mean({done.compute.mean}): {done.throughput}"
        )
        info(RULE)


def _each(work: Callable[[Group], None], groups: Sequence[Group], threads: int) -> Iterable[None]:
    """Do the work for each group, on several threads when asked; the first error ends it."""
    if threads == 1:
        yield from map(work, groups)
        return
    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(work, groups)
