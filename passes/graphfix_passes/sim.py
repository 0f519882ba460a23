"""The ``sim`` pass: onnxsim, kept at arm's length."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx_ir as ir

from graphfix.contract import Close
from graphfix.errors import PassError
from graphfix.model import load, save
from graphfix.rewrite import Pass, PassContext, PassResult
from graphfix.rewrite.dims import Sizes
from graphfix.rewrite.marks import mark, needs_marks, unmark
from graphfix.rewrite.restore import restore
from graphfix.sandbox import MEBIBYTE
from graphfix_passes import onnxsim_child
from graphfix_passes._native import Tool, detach, give_defaults, memory_limit, retyped

_FOREIGN_FUSIONS = ("fuse_attention", "fuse_gqa")
"""Optimizers of onnxsim that write operators of the domain com.microsoft."""
_INVALID_FUSIONS = ("fuse_matmul_add_bias_into_gemm_batched",)
"""Optimizers of onnxsim 0.8 that write a Gemm of three dims, which ONNX does not have."""
_FREE_INITIALIZERS = 4
"""The first version of the format in which an initializer need not be an input."""
_LARGEST_FOLD = 2**31 - 10000
"""onnxsim's own bound on the size of a tensor."""
_ONNXSIM = Tool(
    name="onnxsim",
    pass_name="sim",
    less=", or make less with sim{fold-limit=...}",
    advice=(
        "less of it may work: sim{skip-optimization}, sim{skip-folding} or "
        "sim{skip-shape-inference}"
    ),
)


@dataclass(frozen=True, kw_only=True)
class Sim(Pass):
    """Simplify the model with onnxsim: fold constants, fuse, and remove what does nothing.

    Why
        An exported model computes shapes with chains of Shape, Gather, Unsqueeze and Concat, and
        carries BatchNormalization beside Conv. Folded and fused they are gone, and with them the
        operators that make a compiler take a shape for dynamic.

    Rewrites
        1. What depends on constants or on known shapes only is computed now, up to ``fold-limit``.
        2. onnxsim's optimizers run, such as BatchNormalization into Conv and common subexpressions.
        3. With ``shape``, symbolic dims of the inputs get these sizes, in the whole model.
        4. With ``freeze``, initializers that are also inputs become constants.

        onnxsim runs in a child process. Its crash, the time limit and the memory limit are errors,
        and the model stays as it was. What onnxsim drops is put back: metadata, doc strings,
        shapes, names of dims, quantization annotations, functions.

    Leaves alone
        Operators outside ai.onnx: none is ever added (``fuse_attention`` and ``fuse_gqa`` do not
        run). Random operators are neither merged nor folded. Bodies of functions are not
        simplified. An initializer that is also an input is a default that the caller may replace,
        so it is no constant unless ``freeze`` says so.

    Numerics
        Fusing BatchNormalization, Mul or Add into Conv and Gemm multiplies weights beforehand,
        which rounds differently.
    """

    name = "sim"
    contract = Close()

    shape: tuple[str, ...] = ()
    """Sizes for symbolic dims of inputs, as "x:1,3,32,100"; changes the model's inputs."""
    freeze: bool = False
    """Take initializers that are also inputs for constants; changes the model's inputs."""
    skip: tuple[str, ...] = ()
    """Optimizers of onnxsim to leave out, such as fuse_bn_into_conv."""
    skip_optimization: bool = False
    """Run no optimizer, only fold and infer shapes."""
    skip_folding: bool = False
    """Fold no constants."""
    skip_shape_inference: bool = False
    """Infer no shapes."""
    fold_limit: int = 256 * MEBIBYTE
    """Largest tensor that folding may make, in bytes."""
    timeout: int = 600
    """Time limit of onnxsim, in seconds."""
    memory: int = 0
    """Memory limit of onnxsim, in MiB; 0 is 4096 plus six times the size of the weights."""

    def run(self, model: ir.Model, context: PassContext) -> PassResult:
        """Simplify ``model`` into another one; it stays as it is when no node would change.

        Raises:
            PassError: onnxsim failed, ran into a limit, or made something that must not be.
        """
        self._require_sense()
        sizes = Sizes(model, self.shape)
        defaults = [v.name or "" for v in model.graph.inputs if v.is_initializer()]
        handed = model.clone() if sizes or defaults or needs_marks(model) else model
        sizes.apply(handed)
        _settle_defaults(handed, defaults, freeze=self.freeze)
        mark(handed)
        with TemporaryDirectory(prefix="graphfix-sim-") as name:
            folder = Path(name)
            save(handed, folder / "before.onnx")
            _ONNXSIM.run(
                onnxsim_child.__file__,
                json.dumps(self._for_child()),
                folder=folder,
                timeout=self.timeout,
                memory=memory_limit(model, self.memory),
            )
            after = load(folder / "after.onnx")
            unmark(after, model)
            _require_known_operators(after, model)
            if not self.freeze:
                give_defaults(after, model, defaults)
            restored = restore(model, after, reshaped=bool(sizes))
            detach(restored.model, model)
        sizes.apply(restored.model)
        result = restored.model
        froze = bool(self.freeze and defaults)
        contract = retyped(result, self.contract) if sizes or froze else self.contract
        notes = (_defaults_note(defaults),) if defaults and not self.freeze else ()
        return PassResult(result, contract, restored.rewrites, notes=notes)

    def _require_sense(self) -> None:
        if self.select is not None:
            raise PassError("onnxsim simplifies whole models; remove select=")
        if not 0 <= self.fold_limit <= _LARGEST_FOLD:
            raise PassError(f"fold-limit={self.fold_limit} is not between 0 and {_LARGEST_FOLD}")
        if self.timeout <= 0 or self.memory < 0:
            raise PassError("timeout must be positive, and memory must not be negative")

    def _for_child(self) -> dict[str, object]:
        return {
            "optimization": not self.skip_optimization,
            "folding": not self.skip_folding,
            "shape_inference": not self.skip_shape_inference,
            "foreign": (*_FOREIGN_FUSIONS, *_INVALID_FUSIONS),
            "skipped": self.skip,
            "fold_limit": self.fold_limit,
        }


def _settle_defaults(model: ir.Model, names: Sequence[str], *, freeze: bool) -> None:
    """Make initializers that are inputs one or the other; onnxsim would fold them either way."""
    for value in [v for v in model.graph.inputs if v.name in names]:
        if freeze:
            model.graph.inputs.remove(value)
        else:
            del model.graph.initializers[value.name or ""]
    if freeze and names:
        model.ir_version = max(model.ir_version, _FREE_INITIALIZERS)


def _defaults_note(names: Sequence[str]) -> str:
    return (
        f"{len(names)} initializers are also inputs, so they were not folded; sim{{freeze}} takes "
        "them for constants"
    )


def _require_known_operators(after: ir.Model, before: ir.Model) -> None:
    def foreign(model: ir.Model) -> set[str]:
        nodes = model.graph.all_nodes()
        return {f"{n.domain}::{n.op_type}" for n in nodes if n.domain not in ("", "ai.onnx")}

    new = foreign(after) - foreign(before)
    if new:
        raise PassError(
            f"onnxsim has put in operators outside ai.onnx: {', '.join(sorted(new))}; leave out "
            "the optimizer that makes them with sim{skip=[...]}"
        )
