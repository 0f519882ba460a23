"""``graphfix targets``: the SoCs and CANN releases that are known."""

from graphfix.cli.options import AsJson
from graphfix.cli.render import print_json, print_table


def targets(json: AsJson = False) -> None:
    """List the SoCs (for --target) and CANN releases (for --cann) that are known."""
    from graphfix.target import CANN_RELEASES, SOCS

    if json:
        socs = [
            {"name": soc.name, "kernel_table": soc.chip, "products": soc.products} for soc in SOCS
        ]
        print_json({"socs": socs, "cann": list(CANN_RELEASES)})
        return
    print_table(
        ("SoC", "kernel table of 2022", "in"),
        [(soc.name, soc.chip or "none", soc.products) for soc in SOCS],
    )
    print(f"\nCANN releases: {', '.join(CANN_RELEASES)}")
