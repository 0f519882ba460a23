"""Sites that touch: when the value between them has changed its form, only both together agree."""

from collections.abc import Sequence

from graphfix.rewrite.site import Site, in_order
from graphfix.verify.regions.site_run import SiteRun


def groups(sites: Sequence[SiteRun]) -> list[list[SiteRun]]:
    """Every site by itself, but those together whose common border changed shape or dtype.

    A site that does not run by itself is put together with the sites it touches.
    """
    parent = {site.number: site.number for site in sites}

    def root(number: int) -> int:
        while parent[number] != number:
            number = parent[number]
        return number

    makers: dict[str, SiteRun] = {}
    readers: dict[str, list[SiteRun]] = {}
    for site in sites:
        for name in site.site.reads:
            readers.setdefault(name, []).append(site)
        for name in (*(new for _, new in site.site.pairs), *site.made_after):
            makers[name] = site
    for site in sites:
        odd = site.reformed
        touching = [other for _, name in odd for other in readers.get(name, ())]
        if site.problem:
            names = (*site.site.reads, *site.made_after)
            touching += [makers[name] for name in names if name in makers]
            touching += [other for name in site.made_after for other in readers.get(name, ())]
        for other in touching:
            parent[root(max(site.number, other.number))] = root(min(site.number, other.number))
    found: dict[int, list[SiteRun]] = {}
    for site in sites:
        found.setdefault(root(site.number), []).append(site)
    return list(found.values())


def as_one(group: Sequence[SiteRun], number: int) -> SiteRun:
    """One site of several in the order they were made.

    What one put in and a later one took out again is in neither side.
    """
    added = {id(item.node) for site in group for item in site.site.after}
    removed = {id(item.node) for site in group for item in site.site.before}
    before = [i for site in group for i in site.site.before if id(i.node) not in added]
    after = [i for site in group for i in site.site.after if id(i.node) not in removed]
    unique = {id(item.node): item for item in before}
    made_before = {name for item in before for name in item.outputs}
    made_after = {name for item in after for name in item.outputs}
    keys = {name: key for site in group for name, key in site.keys.items()}
    constants = {name: t for site in group for name, t in site.site.constants.items()}
    pairs = [
        (old, new)
        for site in group
        for old, new in site.site.pairs
        if (old in made_before or old in keys)
        and (new in made_after or new in keys or new in constants)
    ]
    first = group[0]
    whole = Site(
        tuple(in_order(list(unique.values()))),
        tuple(in_order(after)),
        tuple(dict.fromkeys(pairs)),
        constants,
        first.site.opset_imports,
        group[-1].site.functions,
    )
    rewrites = tuple(rewrite for site in group for rewrite in site.rewrites)
    read = {name: keys[name] for name in whole.reads if name in keys}
    return SiteRun(number, rewrites, whole, first.contract, read)


def drop_inner(site: SiteRun, group: Sequence[SiteRun]) -> None:
    """Forget values between the sites of a group that have another shape or dtype now.

    They are no border of the whole, which is right if all that comes out of it is.
    """
    inner = {name for each in group for name in each.site.reads}
    for old, new in site.reformed:
        if new in inner:
            del site.before[old], site.after[old]
    if not site.problem and not site.before:
        site.problem = "nothing that comes out of it can be compared"
