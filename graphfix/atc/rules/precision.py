"""Rules about precision: modes, and the files that name nodes."""

import difflib
from collections.abc import Iterator
from typing import Final

from graphfix.atc.precision_files import PRECISION_MODES, READERS, read_precision_file
from graphfix.atc.request import Request
from graphfix.atc.rule import Rule
from graphfix.finding import Finding, Severity
from graphfix.target import SOCS, Evidence, load_profile

_MAIN: Final = "hicann/ge: api/atc/main_impl.cc"
_PAGES: Final = "docs/zh/user_guides/atc_tools/CLI_options"
_MIXED: Final = frozenset(
    {
        "allow_mix_precision", "allow_mix_precision_fp16", "allow_mix_precision_bf16",
        "mixed_float16", "mixed_bfloat16", "mixed_hif8",
    }
)  # fmt: skip
_KEEPS: Final = frozenset({"must_keep_origin_dtype", "origin"})


class TwoPrecisionModes(Rule):
    """``--precision_mode`` and ``--precision_mode_v2`` exclude each other."""

    id = "GF450"
    title = "two-precision-modes"
    citation = _MAIN

    def check(self, request: Request) -> Iterator[Finding]:
        """Both or nothing."""
        if request.has("precision_mode") and request.has("precision_mode_v2"):
            yield self.finding(
                "--precision_mode and --precision_mode_v2 exclude each other (E10056)",
                "--precision_mode",
                "--precision_mode_v2",
                advice="keep --precision_mode_v2",
            )


class MixListMode(Rule):
    """``--modify_mixlist`` needs a mode of mixed precision."""

    id = "GF451"
    title = "mix-list-mode"
    citation = _MAIN

    def check(self, request: Request) -> Iterator[Finding]:
        """The mode."""
        modes = [request.text(name) for name in ("precision_mode", "precision_mode_v2")]
        unset = any(request.has(name) for name in ("precision_mode", "precision_mode_v2"))
        if not request.has("modify_mixlist") or _MIXED & set(modes) or (unset and not any(modes)):
            return
        yield self.finding(
            "--modify_mixlist needs a mode of mixed precision (E10001)",
            "--modify_mixlist",
            advice="add --precision_mode_v2=mixed_float16 or --precision_mode=allow_mix_precision",
        )


class ImplMode(Rule):
    """``--optypelist_for_implmode`` needs ``--op_select_implmode``; a precision file beats both."""

    id = "GF452"
    title = "impl-mode"
    citation = _MAIN

    def check(self, request: Request) -> Iterator[Finding]:
        """What is missing, then what has no effect."""
        if request.has("optypelist_for_implmode") and not request.has("op_select_implmode"):
            yield self.finding(
                "--optypelist_for_implmode needs --op_select_implmode (E10001)",
                "--optypelist_for_implmode",
            )
        loses = [
            f"--{name}"
            for name in ("op_select_implmode", "optypelist_for_implmode")
            if request.has(name)
        ]
        if request.has("op_precision_mode") and loses:
            yield self.finding(
                f"{' and '.join(loses)} have no effect beside --op_precision_mode",
                *loses,
                severity=Severity.WRONG,
                evidence=Evidence.DOC,
                citation=f"{_PAGES}/--op_precision_mode.md",
                advice="put everything into the file of --op_precision_mode",
            )


class PrecisionFileRule(Rule):
    """The files of the precision flags exist and can be read.

    ``--op_precision_mode`` takes an ini file with ``[ByOpType]`` and ``[ByNodeName]``,
    ``--keep_dtype`` and ``--customize_dtypes`` a line for each node or ``OpType::…``,
    ``--modify_mixlist`` and ``--fusion_switch_file`` JSON.
    """

    id = "GF453"
    title = "precision-file"
    evidence = Evidence.DOC
    citation = f"{_MAIN} (files must exist); {_PAGES} (their formats)"

    def check(self, request: Request) -> Iterator[Finding]:
        """Files in the order of the documentation."""
        for flag in READERS:
            path = request.file(flag)
            if path is None:
                continue
            found = read_precision_file(flag, path)
            for problem in found.problems:
                yield self.finding(f"--{flag}={request.values[flag]}: {problem}", f"--{flag}")
            for mode in dict.fromkeys(found.modes):
                close = difflib.get_close_matches(mode, PRECISION_MODES, 1, 0.85)
                if mode not in PRECISION_MODES and close:
                    yield self.finding(
                        f"--{flag}={request.values[flag]}: the mode {mode!r} is not known",
                        f"--{flag}",
                        severity=Severity.WRONG,
                        evidence=Evidence.INFERENCE,
                        advice=f"write {close[0]}",
                    )


class PrecisionNames(Rule):
    """The nodes that a precision file names are nodes of the model.

    What names no node has no effect, and nobody is told. Exporters rename nodes, so that a file
    made for an older export is a usual cause. Names that only GE gives (``PartitionedCall_…``, or
    a node with a suffix) cannot be checked. Operators must have the name that GE gives them, which
    is often another one than in ONNX (``Conv2D`` for ``Conv``).
    """

    id = "GF454"
    title = "precision-names"
    severity = Severity.WRONG
    evidence = Evidence.INFERENCE
    citation = f"{_PAGES}/--keep_dtype.md; --customize_dtypes.md; --op_precision_mode.md"

    def check(self, request: Request) -> Iterator[Finding]:
        """Files in the order of the documentation; all unknown names of a file at once."""
        known = request.model.node_names
        # Which operators there are does not depend on the SoC.
        profile = load_profile(SOCS[0].name, request.cann)
        for flag in READERS:
            path = request.file(flag)
            if path is None:
                continue
            file = read_precision_file(flag, path)
            for name in file.operators:
                becomes = profile.ge_operators(name)
                if name in request.model.op_types and (
                    becomes and not {"PartitionedCall", name} & {*becomes}
                ):
                    yield self.finding(
                        f"--{flag}={request.values[flag]}: {name} is the name of ONNX, GE has "
                        + ", ".join(becomes),
                        name,
                        severity=Severity.INFO,
                        citation="hicann/ops-nn, ops-cv, ops-math: REGISTER_CUSTOM_OP",
                        advice="write the name of GE",
                    )
            missing = [name for name in file.nodes if name not in known]
            made = [n for n in missing if n.startswith("PartitionedCall_") or _parts(n) & known]
            unknown = [name for name in missing if name not in made]
            if unknown:
                close = difflib.get_close_matches(unknown[0], list(known)[:2000], 1)
                yield self.finding(
                    f"--{flag}={request.values[flag]}: the model has no node "
                    + ", ".join(map(repr, unknown[:5]))
                    + (f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""),
                    *unknown,
                    advice=f"did you mean {close[0]!r}?"
                    if close
                    else "graphfix convert writes such files from selectors",
                )
            if made:
                yield self.finding(
                    f"--{flag}={request.values[flag]}: {made[0]!r} is a name that GE may give; "
                    "it was not checked",
                    *made,
                    severity=Severity.INFO,
                )


class KeepDtypeIgnored(Rule):
    """``--keep_dtype`` has no effect where the mode keeps every type anyway."""

    id = "GF455"
    title = "keep-dtype-ignored"
    severity = Severity.INFO
    evidence = Evidence.DOC
    citation = f"{_PAGES}/--keep_dtype.md"

    def check(self, request: Request) -> Iterator[Finding]:
        """The mode."""
        for name in ("precision_mode", "precision_mode_v2"):
            if request.has("keep_dtype") and request.text(name) in _KEEPS:
                yield self.finding(
                    f"--keep_dtype has no effect with --{name}={request.text(name)}",
                    "--keep_dtype",
                    f"--{name}",
                )


def _parts(name: str) -> set[str]:
    """The beginnings of a name up to each slash or underscore."""
    return {name[:at] for at, char in enumerate(name) if char in "/_" and at}
