"""``graphfix targets``: the SoCs and CANN releases that are known."""

from graphfix.cli.options import AsJson
from graphfix.cli.render import print_json, print_table


def targets(json: AsJson = False) -> None:
    """List the SoCs (for --target) and CANN releases (for --cann) that are known."""
    from graphfix.target import CANN_RELEASES, SOCS, load_profile

    releases = [load_profile(SOCS[0].name, cann) for cann in CANN_RELEASES]

    if json:
        socs = [
            {"name": soc.name, "kernel_table": soc.chip, "products": soc.products} for soc in SOCS
        ]
        details = [
            {
                "cann": release.cann,
                "opsets": list(release.opset_window),
                "several_opset_imports": release.several_imports,
            }
            for release in releases
        ]
        print_json({"socs": socs, "cann": list(CANN_RELEASES), "releases": details})
        return
    print_table(
        ("SoC", "kernel table of 2022", "in"),
        [(soc.name, soc.chip or "none", soc.products) for soc in SOCS],
    )
    print()
    print_table(
        ("CANN", "opsets", "opset imports"),
        [
            (
                release.cann,
                "{}-{}".format(*release.opset_window),
                "several" if release.several_imports else "one",
            )
            for release in releases
        ],
    )
