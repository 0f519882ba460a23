"""Rules about ``--input_shape``."""

from collections.abc import Iterator
from typing import Final

from graphfix.atc.errors import FlagValueError
from graphfix.atc.request import Request
from graphfix.atc.rule import Rule
from graphfix.atc.shapes import OPEN, parse_input_shape
from graphfix.finding import Finding, Severity
from graphfix.target import Evidence

_PARSE: Final = "hicann/ge: compiler/api/aclgrph/option_utils.cc"
_OMG: Final = "hicann/ge: api/atc/omg.cc"
_FLAG: Final = "--input_shape"


class ShapeSyntax(Rule):
    """``--input_shape="a:1,3,224,224;b:1,4"``: names, whole numbers, ranges such as ``1~10``.

    Sizes start at 1. ``-1`` and ranges make the shape dynamic; a scalar is ``a:``.
    """

    id = "GF420"
    title = "shape-syntax"
    citation = f"{_PARSE} (ParseInputShape, ParseShapeRangePair)"

    def check(self, request: Request) -> Iterator[Finding]:
        """The first thing that cannot be read."""
        if request.shape_text is None:
            return
        try:
            parse_input_shape(request.shape_text)
        except FlagValueError as error:
            yield self.finding(
                f"{_FLAG}: {error} ({error.code})",
                _FLAG,
                advice="write it like x:1,3,224,224;y:1,10",
            )


class ShapeName(Rule):
    """The names in ``--input_shape`` are inputs of the model that are fed at run time.

    An initializer that is also listed as an input is a constant to ATC. ``;`` cannot be in a name
    here. ``-1`` or ``~`` in a name turns on dynamic shapes, because ATC looks for them in the text.
    """

    id = "GF421"
    title = "shape-name"
    citation = f"{_OMG} (CheckUserInputShape)"

    def check(self, request: Request) -> Iterator[Finding]:
        """Names in their order."""
        known = {value.name for value in request.model.inputs}
        seen: set[str] = set()
        for shape in request.shapes or ():
            if shape.name in seen:
                yield self.finding(f"{_FLAG} gives {shape.name!r} twice", shape.name)
            seen.add(shape.name)
            if not shape.name:
                yield self.finding(
                    f"{_FLAG} has more shapes than the model has inputs ({len(known)})", _FLAG
                )
            elif shape.name in request.model.constants:
                yield self.finding(
                    f"{shape.name!r} is an initializer, a constant to atc (E10017)",
                    shape.name,
                    advice=f"leave it out of {_FLAG}",
                )
            elif shape.name not in known:
                yield self.finding(
                    f"the model has no input {shape.name!r} (E10016)",
                    shape.name,
                    advice=f"its inputs are: {', '.join(sorted(known)) or 'none'}",
                )
            elif "~" in shape.name or "-1" in shape.name:
                yield self.finding(
                    f"the name {shape.name!r} makes atc take the shape for a dynamic one",
                    shape.name,
                    severity=Severity.INFO,
                    evidence=Evidence.INFERENCE,
                    citation=f"{_PARSE} (CheckAndTransferInputShapeToRange)",
                    advice="rename the input",
                )
        for value in request.model.inputs:
            if ";" in value.name and request.has("input_shape"):
                yield self.finding(
                    f"the name {value.name!r} holds ';', which separates inputs in {_FLAG}",
                    value.name,
                    advice="rename the input",
                )


class ShapeRank(Rule):
    """A shape has as many dims as the model says; sizes may differ.

    ATC only writes a line to its debug log, and what is printed speaks of parsing parameters.
    """

    id = "GF422"
    title = "shape-rank"
    citation = "hicann/ge: parser/parser/onnx/onnx_data_parser.cc (ParseInputFromUser)"

    def check(self, request: Request) -> Iterator[Finding]:
        """Inputs in the order of the flag."""
        for shape in request.shapes or ():
            value = request.model.input(shape.name)
            if value is None or value.dims is None or len(value.dims) == len(shape.dims):
                continue
            yield self.finding(
                f"{shape.name!r} has {len(value.dims)} dims in the model, {len(shape.dims)} in "
                f"{_FLAG} (E10049)",
                shape.name,
            )


class ShapeOpen(Rule):
    """Every dim of every input is known to ATC, or has gears or a range.

    An input of unknown size must be in ``--input_shape``; one without any shape in the model is
    taken for a scalar.
    """

    id = "GF423"
    title = "shape-open"
    citation = f"{_OMG} (CheckInputShapeNode); parser/parser/onnx/onnx_parser.cc (ParseInput)"

    def check(self, request: Request) -> Iterator[Finding]:
        """Inputs in the order of the model."""
        if request.has("input_shape") and request.shapes is None:
            return
        if request.has("input_shape_range") or not request.converts:
            return
        given = {shape.name for shape in request.shapes or ()}
        for value in request.model.inputs:
            if value.name in given or value.is_fixed:
                continue
            if value.dims is None:
                yield self.finding(
                    f"input {value.name!r} has no shape in the model: atc takes it for a scalar",
                    value.name,
                    severity=Severity.WRONG,
                    advice=f"give its shape in {_FLAG}",
                )
            else:
                dims = ",".join("?" if dim is None else str(dim) for dim in value.dims)
                yield self.finding(
                    f"input {value.name!r} ({dims}) has dims of unknown size, and no shape in "
                    f"{_FLAG} (E10001)",
                    value.name,
                    advice=f"add {value.name}:{dims} with sizes for '?'",
                )


class ShapeRange(Rule):
    """``1~10`` and, without gears, ``-1`` in ``--input_shape`` make the whole model dynamic.

    It is then run through the interface for dynamic shapes, and is slower. Atlas 200I/500 A2
    (Ascend310B) does not take it. Gears exclude ranges.
    """

    id = "GF424"
    title = "shape-range"
    severity = Severity.DYNAMIC
    citation = f"{_PARSE} (CheckAndTransferInputShapeToRange)"

    def check(self, request: Request) -> Iterator[Finding]:
        """All inputs at once."""
        shapes = request.shapes or ()
        ranges = [shape.name for shape in shapes if shape.has_range]
        if request.gear_kinds:
            if ranges:
                yield self.finding(
                    f"{_FLAG} has a range, which --{request.gear_kinds[0].value} excludes (E10040)",
                    *ranges,
                    severity=Severity.ERROR,
                    advice="write -1 where the gears vary",
                )
            return
        names = [shape.name for shape in shapes if shape.has_range or shape.open_axes]
        if not names:
            return
        if (request.text("soc_version") or "").startswith("Ascend310B"):
            yield self.finding(
                f"{_FLAG} has ranges, which {request.text('soc_version')} does not take",
                *names,
                severity=Severity.ERROR,
                evidence=Evidence.DOC,
                citation="docs/zh/user_guides/atc_tools/CLI_options/--input_shape.md",
                advice="use --dynamic_dims with the sizes that are needed",
            )
            return
        yield self.finding(
            f"the shapes of {', '.join(names)} become dynamic",
            *names,
            advice="gears (--dynamic_dims) or fixed shapes are faster",
        )


class ShapeRangeFlag(Rule):
    """``--input_shape_range`` is deprecated; where it is given ``--input_shape`` is dropped."""

    id = "GF425"
    title = "shape-range-flag"
    severity = Severity.INFO
    citation = _PARSE

    def check(self, request: Request) -> Iterator[Finding]:
        """The one flag."""
        flag = "--input_shape_range"
        if not request.has("input_shape_range"):
            return
        if request.has("input_shape"):
            yield self.finding(
                f"{_FLAG} is dropped, because {flag} is given too",
                flag,
                severity=Severity.WRONG,
                advice=f"put the ranges into {_FLAG} and remove {flag}",
            )
        else:
            yield self.finding(
                f"{flag} is deprecated", flag, advice=f"put the ranges into {_FLAG}, as x:1~10,3"
            )


class ShapeOverrides(Rule):
    """A size that differs from the one in the model is taken without a word.

    Constants inside the model (targets of Reshape, say) still hold the old size, and the conversion
    fails later or computes something else.
    """

    id = "GF426"
    title = "shape-overrides"
    severity = Severity.INFO
    citation = "hicann/ge: parser/parser/onnx/onnx_data_parser.cc (ParseInputFromUser)"

    def check(self, request: Request) -> Iterator[Finding]:
        """Inputs in the order of the flag."""
        for shape in request.shapes or ():
            value = request.model.input(shape.name)
            if value is None or value.dims is None or len(value.dims) != len(shape.dims):
                continue
            for axis, (old, new) in enumerate(zip(value.dims, shape.dims, strict=True)):
                if old is not None and old != new:
                    text = "open" if new == OPEN else str(new)
                    yield self.finding(
                        f"{shape.name!r} has {old} at axis {axis} in the model, {text} in {_FLAG}",
                        shape.name,
                        advice="export the model again with that dim open, or keep its size",
                    )
                    break
