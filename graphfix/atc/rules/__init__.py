"""The rules about command lines, in the order of their numbers."""

from collections.abc import Mapping
from typing import Final

from graphfix.atc.rule import Rule
from graphfix.atc.rules import aipp, files, flags, formats, gears, precision, shapes

_RULES: Final[tuple[Rule, ...]] = (
    flags.UnknownFlag(),
    flags.FlagSpelling(),
    flags.FlagValue(),
    flags.MissingFlag(),
    flags.FlagRelease(),
    flags.RepeatedFlag(),
    flags.FullWidth(),
    flags.UnsetVariable(),
    flags.SocName(),
    files.ModelFile(),
    files.OutputFile(),
    shapes.ShapeSyntax(),
    shapes.ShapeName(),
    shapes.ShapeRank(),
    shapes.ShapeOpen(),
    shapes.ShapeRange(),
    shapes.ShapeRangeFlag(),
    shapes.ShapeOverrides(),
    gears.GearsExclusive(),
    gears.BatchGears(),
    gears.ImageGears(),
    gears.DimGears(),
    gears.GearList(),
    gears.GearsDataDependent(),
    formats.InputFormat(),
    formats.OutNodes(),
    formats.OutputType(),
    formats.HalfInputs(),
    formats.OutputLayout(),
    precision.TwoPrecisionModes(),
    precision.MixListMode(),
    precision.ImplMode(),
    precision.PrecisionFileRule(),
    precision.PrecisionNames(),
    precision.KeepDtypeIgnored(),
    aipp.AippFile(),
    aipp.AippInput(),
    aipp.AippConflict(),
)

COMMAND_RULES: Final[Mapping[str, Rule]] = {rule.id: rule for rule in _RULES}
"""By id."""
