"""The ``auto-optimizer`` pass: one rule of Ascend's discontinued tool, held to a contract."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx_ir as ir

from graphfix.contract import Approximate, Close, Contract, InRange
from graphfix.environment import Environment
from graphfix.errors import ModelError, PassError, ToolError
from graphfix.model import infer_shapes, load, save
from graphfix.rewrite import Pass, PassContext, PassResult, SkipRecord, constant_tensor
from graphfix.rewrite.restore import Restored, restore
from graphfix.rewrite.subgraphs import subgraphs_of
from graphfix.suggest import suggest
from graphfix_passes import auto_optimizer_child
from graphfix_passes._auto_optimizer_rules import Knowledge
from graphfix_passes._native import Tool, detach, give_defaults, memory_limit, retyped

_ENVIRONMENT = Environment(
    name="auto-optimizer",
    python=">=3.9,<3.13",
    # The last release of the tool. It reads onnx.mapping, which later versions of onnx have not.
    requirements=("msit==8.2.0", "onnx==1.16.2", "numpy<2"),
)
_NEWEST_OPSET = 21
"""The newest opset of onnx 1.16."""
_TOOL = Tool(
    name="the tool",
    pass_name="auto-optimizer",
    less="",
    advice="the model stays as it was",
)


@dataclass(frozen=True, kw_only=True)
class AutoOptimizer(Pass):
    """Run one rule of Ascend's auto-optimizer (msit's surgeon), and verify what it did.

    Why
        Many porting recipes call this tool, which is no longer maintained and compares no numbers.
        A recipe can be kept with this pass; where graphfix has a pass for the same purpose, that
        one handles more cases and refuses fewer.

    Rewrites
        What the rule finds, in the main graph. ``knowledge`` takes the name below, the tool's own
        (``KnowledgeConv1d2Conv2d``) or its number in the tool's list.

        0. conv1d-to-conv2d: convolutions over one dim, and what lies between, over two
        1. merge-consecutive-slice: up to four Slices become one
        2. transpose-large-input-conv: height and width of a wide AASIST block change places
        3. merge-consecutive-concat: up to four Concats become one
        4. type-cast: int64 and double become int32 and float
        5. split-qkv-matmul: one product for query, key and value becomes three
        6. split-large-kernel-conv: a convolution with a large kernel becomes a sum of several
        7. resize-mode-to-nearest: linear and cubic Resizes become nearest
        8. topk-fix: k and the indices of TopK become int32
        9. merge-casts: chains and siblings of Cast become one
        10. empty-slice-fix: Slices that are empty leave a Concat
        11. dynamic-reshape: fails in the last release of the tool; ``fold-shapes`` does the work
        12. gather-to-split: Gathers of one value become a Split
        13. avgpool-split: an AveragePool with a large kernel becomes several
        14. bn-folding: a BatchNormalization between two Transposes goes between no Transposes
        15. modify-reflection-pad: a Pad that reflects becomes Slices and Concats
        16. big-kernel: attention blocks as ATC fuses them; needs ``start`` and ``end``

        The tool runs in a child process with libraries of its own, since it needs onnx 1.16: by
        the interpreter ``python``, otherwise in an environment that uv makes on the first use,
        which is kept in the user's cache. What the tool drops is put back: metadata, doc strings,
        functions, other domains. Constant nodes become initializers, as the tool has no others.

    Leaves alone
        A model in which the rule finds nothing; that is an error unless ``optional`` is given.

        Results that are no valid ONNX are refused and the model stays: topk-fix and most of
        type-cast write int32 where ONNX wants int64. ``lower`` writes a model so in the end, and
        ``int64-to-int32`` does what ONNX allows. Bodies of If, Loop and functions are not
        rewritten, and a rule that removes what they read is refused. Models of an opset above 21.

    Numerics
        Reordered arithmetic at most, but for resize-mode-to-nearest, which is another function on
        purpose. A rule that computes something else is refused by the verification.
    """

    name = "auto-optimizer"
    example = "auto-optimizer{knowledge=conv1d-to-conv2d}"
    contract = Close()
    must_match = True

    knowledge: Knowledge
    """Rule to run, such as conv1d-to-conv2d or KnowledgeConv1d2Conv2d."""
    python: str = ""
    """Interpreter that has msit and onnx 1.16; otherwise uv makes one."""
    start: str = ""
    """First node of one attention block, for big-kernel."""
    end: str = ""
    """Last node of that attention block, for big-kernel."""
    timeout: int = 600
    """Time limit of the tool, in seconds."""
    memory: int = 0
    """Memory limit of the tool, in MiB; 0 is 4096 plus six times the size of the weights."""

    def run(self, model: ir.Model, context: PassContext) -> PassResult:
        """Run the rule on ``model``; another model comes back when it has changed something.

        Raises:
            PassError: the options do not fit, the tool failed, or it made what must not be.
            ToolError: there is no interpreter with the tool.
        """
        self._require_sense(model)
        python = self._interpreter()
        lifted, constants = _lift_constants(model)
        defaults = [v.name or "" for v in model.graph.inputs if v.is_initializer()]
        with TemporaryDirectory(prefix="graphfix-auto-optimizer-") as path:
            folder = Path(path)
            handed, names = _for_tool(lifted, defaults)
            save(handed, folder / "before.onnx")
            nodes = [names[node] for node in (self.start, self.end) if node]
            self._run_child(python, folder, nodes, memory_limit(model, self.memory))
            if not (folder / "after.onnx").is_file():
                return self._nothing(model)
            restored = _read_back(folder, lifted, defaults)
            detach(restored.model, model)
        if not restored.rewrites:
            return self._nothing(model)
        infer_shapes(restored.model)  # the tool leaves types and shapes that hold no more
        note = f"{constants} Constant nodes became initializers"
        return PassResult(
            restored.model,
            self._contract(restored.model, model),
            restored.rewrites,
            notes=(note,) if constants else (),
        )

    def _require_sense(self, model: ir.Model) -> None:
        if self.select is not None:
            raise PassError("auto-optimizer picks its nodes itself; remove select=")
        if self.timeout <= 0 or self.memory < 0:
            raise PassError("timeout must be positive, and memory must not be negative")
        wanted = 2 if self.knowledge == "big-kernel" else 0
        if sum(map(bool, (self.start, self.end))) != wanted:
            raise PassError("big-kernel, and no other rule, needs both start= and end=")
        names = [node.name or "" for node in model.graph]
        for option, node in (("start", self.start), ("end", self.end)):
            if node and node not in names:
                raise PassError(f"{option}: there is no node {node!r}; {_nearest(node, names)}")
        if self.knowledge == "dynamic-reshape":
            raise PassError(
                "msit 8.2.0 takes the model for a path in this rule, and always fails; fold-shapes "
                "gives Reshape a constant target"
            )
        opset = model.opset_imports.get("", 1)
        if opset > _NEWEST_OPSET:
            raise PassError(
                f"the model has opset {opset}, and the onnx 1.16 of auto-optimizer knows up to "
                f"{_NEWEST_OPSET}; put opset{{to={_NEWEST_OPSET}}} in front"
            )

    def _interpreter(self) -> Path:
        if not self.python:
            return _ENVIRONMENT.interpreter()
        found = shutil.which(Path(self.python).expanduser())
        if found is None:
            raise ToolError(
                f"python={self.python}: there is no such program; make an interpreter for it with\n"
                f"{_ENVIRONMENT.commands()}\n  or leave python= out, and uv makes one"
            )
        return Path(found).absolute()

    def _run_child(self, python: Path, folder: Path, nodes: list[str], memory: int) -> None:
        outcome = _TOOL.run(
            auto_optimizer_child.__file__,
            json.dumps({"knowledge": self.knowledge.own, "nodes": nodes}),
            folder=folder,
            timeout=self.timeout,
            memory=memory,
            python=python,
            expected=(auto_optimizer_child.MISSING,),
        )
        if outcome.status == auto_optimizer_child.MISSING:
            raise ToolError(
                f"{python} cannot run the tool:\n{outcome.last_lines(1)}\n  make an interpreter "
                f"that can, and name it by python=:\n{_ENVIRONMENT.commands()}"
            )

    def _contract(self, after: ir.Model, before: ir.Model) -> Contract:
        nearest = self.knowledge == "resize-mode-to-nearest"
        # The least cosine that nearest in place of linear has on white noise, with some margin.
        base: Contract = Approximate(cosine=0.7) if nearest else self.contract
        if self.knowledge == "type-cast" and (narrowed := _narrowed(after, before)):
            base = InRange(narrowed)
        return base if _interface(after) == _interface(before) else retyped(after, base)

    def _nothing(self, model: ir.Model) -> PassResult:
        reason = f"the rule {self.knowledge} finds nothing to change"
        if any(subgraphs_of(a) for node in model.graph for a in node.attributes.values()):
            reason += (
                "; it does not look into branches and loops, and where these read values around "
                "them it may not know the shapes"
            )
        if defaults := sum(value.is_initializer() for value in model.graph.inputs):
            reason += (
                f"; {defaults} initializers are also inputs, and no constants until "
                "ir:remove-initializers-from-inputs stands in front"
            )
        return PassResult(model, self.contract, skips=(SkipRecord("", "", reason),))


def _nearest(name: str, names: list[str]) -> str:
    hint = suggest(name, names)
    return hint if len(hint) < 200 else "give the name of a node of the main graph"


def _lift_constants(model: ir.Model) -> tuple[ir.Model, int]:
    """A copy in which the main graph has no Constant nodes, and how many there were."""
    lifted = model.clone()
    found = [n for n in lifted.graph if n.op_type == "Constant" and n.domain in ("", "ai.onnx")]
    for node in found:
        old = node.outputs[0]
        tensor = constant_tensor(old)
        if tensor is None:
            raise PassError(
                f"the tool cannot read Constant {node.name!r}, whose value has a rare form; put "
                "constants in front"
            )
        new = ir.Value(
            name=old.name,
            type=ir.TensorType(tensor.dtype),
            shape=ir.Shape(int(size) for size in tensor.shape.numpy()),
            const_value=tensor,
            doc_string=old.doc_string,
            metadata_props=dict(old.metadata_props),
        )
        old.replace_all_uses_with(new, replace_graph_outputs=True)
        lifted.graph.remove(node, safe=True)
        lifted.graph.register_initializer(new)
    return lifted, len(found)


def _for_tool(model: ir.Model, defaults: list[str]) -> tuple[ir.Model, dict[str, str]]:
    """A copy that the tool does not mix up, and what its nodes are called there.

    The tool finds nodes and values by name in one table, and takes an initializer for a constant
    even when it is an input, too.
    """
    handed = model.clone()
    graph = handed.graph
    names: dict[str, str] = {}
    taken = {value.name for value in (*graph.inputs, *graph.initializers.values())}
    taken |= {value.name for node in graph for value in node.outputs}
    for node in graph:
        stem = name = node.name or f"{node.op_type}_{node.outputs[0].name}"
        number = 0
        while name in taken:
            number += 1
            name = f"{stem}_node{number}"
        taken.add(name)
        names[node.name or ""] = name
        node.name = name
    for name in defaults:
        del graph.initializers[name]
    return handed, names


def _read_back(folder: Path, before: ir.Model, defaults: list[str]) -> Restored:
    """What the tool has written, completed by what it does not know."""
    try:
        unedited, after = (load(folder / f"{name}.onnx") for name in ("unedited", "after"))
        after.graph.sort()
    except (ModelError, ValueError) as error:
        problem = str(error).removeprefix(f"{folder / 'after.onnx'}: ")
        raise PassError(f"the tool has written no valid ONNX: {problem}") from error
    for result in (unedited, after):
        give_defaults(result, before, defaults)
        for key, function in before.functions.items():
            result.functions.setdefault(key, function.clone())
    names = [_names(model) for model in (before, after)]
    if names[0] != names[1]:
        raise PassError(f"the tool has made other inputs or outputs: {names[1]}, were {names[0]}")
    return restore(before, after, unedited=unedited)


def _narrowed(after: ir.Model, before: ir.Model) -> dict[str, str]:
    """Values that are int32 now; none when numbers of other types are narrower, too."""
    old = _types(before)
    changed = [name for name, type_ in _types(after).items() if old.get(name, type_) != type_]
    if any(old[name] != ir.TensorType(ir.DataType.INT64) for name in changed):
        return {}
    return {name: name for name in changed}


def _types(model: ir.Model) -> dict[str, ir.TypeProtocol]:
    model = model.clone()
    infer_shapes(model)
    values = (value for node in model.graph for value in node.outputs)
    return {value.name: value.type for value in values if value.name and value.type}


def _names(model: ir.Model) -> tuple[list[str | None], list[str | None]]:
    return [v.name for v in model.graph.inputs], [v.name for v in model.graph.outputs]


def _interface(model: ir.Model) -> list[tuple[str | None, ir.TypeProtocol | None]]:
    return [(value.name, value.type) for value in (*model.graph.inputs, *model.graph.outputs)]
