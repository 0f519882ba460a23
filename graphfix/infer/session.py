"""ais_bench's Python interface on onnxruntime: a model, arrays in, arrays out."""

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from graphfix.infer.engine import Engine, as_input
from graphfix.infer.errors import InferError
from graphfix.infer.gears import (
    Batch,
    Gear,
    Picture,
    Static,
    gear_of_arrays,
    parse_dims,
    shapes_of,
)
from graphfix.infer.samples import read_sample
from graphfix.infer.tensors import Array, TensorDesc
from graphfix.infer.times import Times

Feed = Any
"""An array, a number of numpy, or a tensor of torch on the CPU."""

_OUTPUT_ROOM = 100_000
"""Bytes that ais_bench reserves for an output of a model of dynamic shape, unless told more."""


@dataclass(frozen=True)
class SessionSummary:
    """Times of a session's runs."""

    exec_time_list: list[float]
    """Milliseconds, as in 2023; later releases of ais_bench have pairs of start and end here."""


class InferSession:
    """A model, with the methods of ais_bench's session of this name.

    There is one processor and one memory: ``device_id`` is kept but chooses nothing, and a tensor
    "on the device" is an array.
    """

    def __init__(
        self,
        device_id: int,
        model_path: str | Path,
        acl_json_path: str | None = None,
        debug: bool = False,
        loop: int = 1,
    ) -> None:
        """Load ``model_path``, an ``.onnx``, or an ``.om`` beside which its ``.onnx`` lies.

        Raises:
            InferError: ``device_id`` or ``loop`` is out of ais_bench's range.
            ModelError: the model cannot be read, or onnxruntime refuses it.
            ToolError: there is no ONNX file beside the ``.om``.
        """
        if not 0 <= device_id <= 255:
            raise InferError(f"device_id {device_id} is not in 0 to 255")
        self.device_id = device_id
        self._engine = Engine(Path(model_path))
        self._gear: Gear = Static()
        self._rooms: tuple[int, ...] = ()
        self._times = Times()
        self.set_loop_count(loop)

    def get_inputs(self) -> list[TensorDesc]:
        """What is known of each input."""
        return list(self._engine.inputs)

    def get_outputs(self) -> list[TensorDesc]:
        """What is known of each output."""
        return list(self._engine.outputs)

    def infer(
        self,
        feeds: Sequence[Feed],
        mode: str = "static",
        custom_sizes: int | Sequence[int] = _OUTPUT_ROOM,
        out_array: bool = True,
    ) -> list[Array]:
        """Run once; ``feeds`` are in the order of the inputs, their bytes are taken as they are.

        ``mode`` says what the shapes of the feeds set: ``static`` nothing, ``dymbatch`` the first
        dynamic dim, ``dymhw`` height and width (dims 2 and 3), ``dymdims`` and ``dymshape`` all.
        In ``dymshape`` an output larger than its ``custom_sizes`` (bytes, one number or one for
        each output) warns, since it fails on an NPU.

        Raises:
            InferError: a feed is of another kind or size, or the mode is unknown.
            ModelError: a node fails.
        """
        arrays = self._arrays(feeds)
        self._gear = gear_of_arrays(self._engine.inputs, arrays, mode)
        if mode == "dymshape":
            self.set_custom_outsize(custom_sizes)
        else:
            self._rooms = ()
        return self.run(arrays, out_array)

    def infer_pipeline(
        self,
        feeds_list: Sequence[Sequence[Feed]],
        mode: str = "static",
        custom_sizes: int | Sequence[int] = _OUTPUT_ROOM,
    ) -> list[list[Array]]:
        """Run for each of ``feeds_list``.

        Raises:
            InferError: see :meth:`infer`, or there are more than 512.
        """
        if len(feeds_list) > 512:
            raise InferError(f"{len(feeds_list)} feeds, 512 at most; call it several times")
        return [self.infer(feeds, mode, custom_sizes) for feeds in feeds_list]

    def infer_iteration(
        self,
        feeds: Sequence[Feed],
        in_out_list: Sequence[int] | None = None,
        iteration_times: int = 1,
        mode: str = "static",
        custom_sizes: int | Sequence[int] = _OUTPUT_ROOM,
    ) -> list[Array]:
        """Run ``iteration_times`` times, feeding outputs back; return the last outputs.

        ``in_out_list[i]`` is the number of the output that becomes input ``i``, -1 keeps the input.

        Raises:
            InferError: see :meth:`infer`, or ``in_out_list`` or ``iteration_times`` is no good.
        """
        inputs, outputs = len(self._engine.inputs), len(self._engine.outputs)
        if not 1 <= iteration_times <= 65536:
            raise InferError(f"iteration_times {iteration_times} is not in 1 to 65536")
        links = [-1] * inputs if in_out_list is None else list(in_out_list)
        if len(links) != inputs or not all(-1 <= link < outputs for link in links):
            raise InferError(
                f"in_out_list {links} must have {inputs} numbers from -1 to {outputs - 1}"
            )
        current = list(feeds)
        for _ in range(iteration_times):
            results = self.infer(current, mode, custom_sizes)
            current = [
                old if link < 0 else results[link] for old, link in zip(current, links, strict=True)
            ]
        return results

    def run(self, feeds: Sequence[Feed], out_array: bool = True) -> list[Array]:
        """Run at the sizes that were set before. ``out_array`` changes nothing here.

        Raises:
            InferError, ModelError: see :meth:`infer`.
        """
        arrays = self._arrays(feeds)
        shapes = shapes_of(self._engine.inputs, self._gear)
        described = zip(arrays, self._engine.inputs, shapes, strict=True)
        ready = [as_input(array, desc, shape) for array, desc, shape in described]
        outputs = self._engine.timed(ready, self._loop, self._times)
        for index, (room, output) in enumerate(zip(self._rooms, outputs, strict=False)):
            if output.nbytes > room:
                warnings.warn(
                    f"output {index} has {output.nbytes} bytes; custom_sizes leaves {room}, and "
                    "the run would fail on an NPU",
                    stacklevel=2,
                )
        return outputs

    def run_pipeline(self, feeds_list: Sequence[Sequence[Feed]]) -> list[list[Array]]:
        """Run at the sizes that were set before, for each of ``feeds_list``."""
        return [self.run(feeds) for feeds in feeds_list]

    def set_staticbatch(self) -> None:
        """Leave the sizes to the model."""
        self._gear = Static()

    def set_dynamic_batchsize(self, dym_batch: int | str) -> None:
        """Set the first dynamic dim of every input."""
        self._gear = Batch(int(dym_batch))

    def set_dynamic_hw(self, height: int, width: int) -> None:
        """Set the dynamic ones of dims 2 and 3."""
        self._gear = Picture(int(height), int(width))

    def set_dynamic_dims(self, dym_dims: str) -> None:
        """Set whole shapes, as in ``x:1,3,224,224;mask:1,5``."""
        self._gear = parse_dims(dym_dims)

    def set_dynamic_shape(self, dym_shape: str) -> None:
        """Set whole shapes, as in ``x:1,3,224,224;mask:1,5``."""
        self._gear = parse_dims(dym_shape)

    def set_custom_outsize(self, custom_sizes: int | Sequence[int]) -> None:
        """Say how many bytes an NPU would reserve for each output; only warnings follow."""
        count = len(self._engine.outputs)
        sizes = [custom_sizes] * count if isinstance(custom_sizes, int) else custom_sizes
        self._rooms = tuple(map(int, sizes))

    def set_loop_count(self, loop: int) -> None:
        """Run everything so many times; each time is in the summary."""
        if not 1 <= loop <= 100_000:
            raise InferError(f"loop {loop} is not in 1 to 100000")
        self._loop = loop

    def set_context(self) -> None:
        """Nothing: there is one processor."""

    def create_tensor_from_fileslist(
        self, desc: TensorDesc, files: Sequence[str | os.PathLike[str]]
    ) -> Array:
        """The bytes of several files, one after the other."""
        return np.concatenate([read_sample(os.fspath(file)) for file in files])

    def create_tensor_from_arrays_to_device(self, arrays: Feed) -> Array:
        """The array itself."""
        return _array(arrays)

    def convert_tensors_to_host(self, tensors: Sequence[Array]) -> None:
        """Nothing: they are there."""

    def convert_tensors_to_arrays(self, tensors: Sequence[Array]) -> list[Array]:
        """The arrays themselves."""
        return list(tensors)

    def load_aipp_config_file(self, config_file: str, batchsize: int) -> None:
        """Refused: AIPP is compiled into an ``.om``, an ONNX model has none.

        Raises:
            InferError: always.
        """
        raise InferError(f"{config_file}: AIPP is part of an .om; prepare the picture beforehand")

    def summary(self) -> SessionSummary:
        """The times since the last reset."""
        return SessionSummary(self._times.compute)

    def reset_summaryinfo(self) -> None:
        """Forget the times."""
        self._times = Times()

    sumary = summary
    """So spelt until 2023."""
    reset_sumaryinfo = reset_summaryinfo
    """So spelt until 2023."""

    def free_resource(self) -> None:
        """Nothing: memory goes with the object."""

    @staticmethod
    def finalize() -> None:
        """Nothing: there is no device to give back."""

    def _arrays(self, feeds: Sequence[Feed]) -> list[Array]:
        if len(feeds) != len(self._engine.inputs):
            names = ", ".join(each.name for each in self._engine.inputs)
            raise InferError(f"{len(feeds)} feeds for {len(self._engine.inputs)} inputs: {names}")
        return [_array(feed) for feed in feeds]


def _array(feed: Feed) -> Array:
    """A feed as an array."""
    if isinstance(feed, np.ndarray):
        return feed
    if isinstance(feed, np.generic):
        return np.full(feed.size, feed)
    if type(feed).__module__.partition(".")[0] == "torch" and hasattr(feed, "numpy"):
        return np.asarray(feed.numpy())
    raise InferError(f"type:{type(feed).__name__} invalid; feeds are numpy arrays")
