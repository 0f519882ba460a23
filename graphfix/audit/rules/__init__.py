"""The rules, one file each; every :class:`~graphfix.audit.rule.Rule` in this folder is found."""

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache

from graphfix.audit.rule import Rule


@cache
def builtin_rules() -> Mapping[str, Rule]:
    """The rules by id, sorted."""
    found: dict[str, Rule] = {}
    for module in pkgutil.iter_modules(__path__, f"{__name__}."):
        for thing in vars(importlib.import_module(module.name)).values():
            if isinstance(thing, type) and issubclass(thing, Rule) and "id" in vars(thing):
                other = found.setdefault(thing.id, thing())
                assert type(other) is thing, f"{thing.id} is the id of two rules"
    return dict(sorted(found.items()))
