"""The chips, as ``--soc_version`` of ATC names them."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Soc:
    """One SoC. ``chip`` is the column of the kernel tables that tells about it."""

    name: str
    chip: str | None
    """``None`` where no public table has it."""
    products: str


SOCS: Final = (
    Soc("Ascend310", "310", "Atlas 300I, 500"),
    Soc("Ascend310P1", "310p", "Atlas 300I Pro, 300V Pro"),
    Soc("Ascend310P3", "310p", "Atlas 300I Pro, 300I Duo, 300V"),
    Soc("Ascend310B1", "310b", "Atlas 200I A2, 500 A2"),
    Soc("Ascend310B4", "310b", "Atlas 200I A2, 500 A2"),
    Soc("Ascend610", None, ""),
    Soc("Ascend910A", "910", "Atlas 800 (training)"),
    Soc("Ascend910ProB", "910", "Atlas 800 (training)"),
    Soc("Ascend910B1", "910b", "Atlas 800T A2, 800I A2"),
    Soc("Ascend910B2", "910b", "Atlas 800T A2, 800I A2"),
    Soc("Ascend910B3", "910b", "Atlas 800T A2, 800I A2"),
    Soc("Ascend910B4", "910b", "Atlas 800T A2, 800I A2"),
    Soc("Ascend910_93", None, "Atlas A3"),
    Soc("Ascend950", None, "Ascend 950PR, 950DT"),
)
"""Names: string literals of hicann/ge and the documentation of ``--soc_version``; which product has
which chip is inferred from both."""
