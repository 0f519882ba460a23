"""Rules about gears: ``--dynamic_batch_size``, ``--dynamic_image_size``, ``--dynamic_dims``."""

from collections.abc import Iterator
from typing import Final

from graphfix.atc.errors import FlagValueError
from graphfix.atc.gears import MAXIMUM, GearKind, parse_gears
from graphfix.atc.request import Request
from graphfix.atc.rule import Rule
from graphfix.finding import Finding, Severity
from graphfix.target import Evidence

_MULTI: Final = "hicann/ge: compiler/graph/preprocess/multi_batch_options.cc"
_OPTIONS: Final = "hicann/ge: compiler/api/aclgrph/option_utils.cc (CheckDynamicInputParamValid)"


class GearsExclusive(Rule):
    """The three kinds of gears and ``--input_shape_range`` exclude each other.

    Each needs ``--input_shape``, and none goes with ``--input_hint_shape``.
    ``--dynamic_dims`` does not go with AIPP.
    """

    id = "GF430"
    title = "gears-exclusive"
    citation = _OPTIONS

    def check(self, request: Request) -> Iterator[Finding]:
        """Exclusions, then what is missing."""
        flags = [f"--{kind.value}" for kind in request.gear_kinds]
        if request.has("input_shape_range"):
            flags.append("--input_shape_range")
        if len(flags) > 1:
            yield self.finding(
                f"{' and '.join(flags)} exclude each other (E10009)", *flags, advice="keep one"
            )
        if not request.gear_kinds:
            return
        if not request.has("input_shape") and not request.has("input_shape_range"):
            yield self.finding(
                f"{flags[0]} needs --input_shape (E10004)",
                flags[0],
                advice="add it, with -1 where the gears vary",
            )
        if request.has("input_hint_shape"):
            yield self.finding(
                f"{flags[0]} does not go with --input_hint_shape (E10001)",
                flags[0],
                "--input_hint_shape",
            )
        if GearKind.DIMS in request.gear_kinds and request.has("insert_op_conf"):
            yield self.finding(
                "--dynamic_dims does not go with AIPP, --insert_op_conf (E10001)",
                "--dynamic_dims",
                "--insert_op_conf",
                citation="hicann/ge: api/atc/main_impl.cc (CheckFlags)",
                advice="use --dynamic_batch_size or --dynamic_image_size, or drop AIPP",
            )


class BatchGears(Rule):
    """With ``--dynamic_batch_size`` the first dim of some input is -1, and no other dim is.

    Inputs without dims must be listed in ``--input_shape`` too.
    """

    id = "GF431"
    title = "batch-gears"
    citation = _OPTIONS

    def check(self, request: Request) -> Iterator[Finding]:
        """Inputs in the order of ``--input_shape``."""
        if GearKind.BATCH not in request.gear_kinds or request.shapes is None:
            return
        for shape in request.shapes:
            if any(axis > 0 for axis in shape.open_axes):
                yield self.finding(
                    f"{shape.name!r} is -1 at axis {max(shape.open_axes)}: only the first may be "
                    "(E10018)",
                    shape.name,
                    advice="use --dynamic_dims",
                )
        if not any(shape.open_axes[:1] == (0,) for shape in request.shapes):
            yield self.finding(
                "--dynamic_batch_size needs -1 as the first dim of an input (E10031)",
                "--dynamic_batch_size",
            )
        given = {shape.name for shape in request.shapes}
        for value in request.model.inputs:
            if value.dims == () and value.name not in given:
                yield self.finding(
                    f"the scalar {value.name!r} is not in --input_shape (E10012)",
                    value.name,
                    advice=f"add '{value.name}:' to it",
                )


class ImageGears(Rule):
    """With ``--dynamic_image_size`` inputs have four dims, and exactly height and width are -1.

    The format must be NCHW: ATC takes NHWC here but not for ONNX.
    """

    id = "GF432"
    title = "image-gears"
    citation = _OPTIONS

    def check(self, request: Request) -> Iterator[Finding]:
        """The format, then inputs in the order of ``--input_shape``."""
        if GearKind.IMAGE not in request.gear_kinds:
            return
        format = request.text("input_format") or "NCHW"
        if format != "NCHW":
            yield self.finding(
                f"--dynamic_image_size needs --input_format=NCHW, not {format} (E10003)",
                "--dynamic_image_size",
                "--input_format",
                advice="write NCHW, or use --dynamic_dims",
            )
        if request.shapes is None:
            return
        open_shapes = [shape for shape in request.shapes if shape.open_axes]
        for shape in open_shapes:
            if len(shape.dims) != 4 or shape.open_axes != (2, 3):
                yield self.finding(
                    f"{shape} does not have four dims with -1 as height and width (E10019)",
                    shape.name,
                    advice="use --dynamic_dims",
                )
        if not open_shapes:
            yield self.finding(
                "--dynamic_image_size needs -1 as height and width of an input (E10019)",
                "--dynamic_image_size",
            )


class DimGears(Rule):
    """A gear of ``--dynamic_dims`` has one value for each -1, through all inputs in their order.

    The documentation asks for ``--input_format=ND``.
    """

    id = "GF433"
    title = "dim-gears"
    citation = _MULTI

    def check(self, request: Request) -> Iterator[Finding]:
        """The count, then the format."""
        if GearKind.DIMS not in request.gear_kinds:
            return
        flag = "--dynamic_dims"
        if request.shapes is not None:
            wanted = sum(len(shape.open_axes) for shape in request.shapes)
            if not wanted:
                yield self.finding(f"{flag} needs a -1 in --input_shape (E10001)", flag)
            elif request.gears is not None and len(request.gears.values[0]) != wanted:
                yield self.finding(
                    f"a gear has {len(request.gears.values[0])} values, --input_shape has -1 "
                    f"{wanted} times (E10045, E10046)",
                    flag,
                )
        if (request.text("input_format") or "NCHW") != "ND":
            yield self.finding(
                f"{flag} is documented for --input_format=ND only",
                flag,
                severity=Severity.INFO,
                evidence=Evidence.DOC,
                citation="docs/zh/user_guides/atc_tools/CLI_options/--dynamic_dims.md",
                advice="add --input_format=ND",
            )


class GearList(Rule):
    """At least two gears, of equal length, positive, none twice; at most 100.

    The limit of 100 (256 on Ascend950) is in the documentation only.
    """

    id = "GF434"
    title = "gear-list"
    citation = _MULTI

    def check(self, request: Request) -> Iterator[Finding]:
        """Each kind that is given."""
        for kind in request.gear_kinds:
            text = request.text(kind.value)
            if text is None:
                continue
            flag = f"--{kind.value}"
            try:
                gears = parse_gears(kind, text)
            except FlagValueError as error:
                yield self.finding(f"{flag}: {error} ({error.code})", flag)
                continue
            most = 256 if (request.text("soc_version") or "").startswith("Ascend950") else MAXIMUM
            if len(gears.values) > most:
                yield self.finding(
                    f"{flag} has {len(gears.values)} gears, the documentation allows {most} "
                    "(E10036)",
                    flag,
                    severity=Severity.INFO,
                    evidence=Evidence.DOC,
                    citation=f"docs/zh/user_guides/atc_tools/CLI_options/{flag}.md",
                )


class GearsDataDependent(Rule):
    """Gears do not go with operators whose output shape depends on data.

    The documentation rules them out together; nobody says what ATC prints.
    """

    id = "GF435"
    title = "gears-data-dependent"
    evidence = Evidence.DOC
    citation = "docs/zh/user_guides/atc_tools: restrictions of the dynamic_* options"

    OPERATORS = frozenset({"NonZero", "NonMaxSuppression", "Unique", "Compress"})

    def check(self, request: Request) -> Iterator[Finding]:
        """The operators that are there."""
        found = sorted(self.OPERATORS & request.model.op_types)
        if request.gear_kinds and found:
            yield self.finding(
                f"--{request.gear_kinds[0].value} with {', '.join(found)}, whose output shape "
                "depends on data",
                *found,
                advice="try graphfix apply --passes auto first, which folds what is no data; "
                "otherwise convert one model for each shape, or cut the operator off",
            )
