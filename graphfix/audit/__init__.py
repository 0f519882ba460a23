"""The audit: what the target of a model will refuse, change silently, or run slowly."""

from graphfix.audit.engine import Audit, audit, ordered
from graphfix.audit.rule import NodeRule, Rule
from graphfix.audit.rules import builtin_rules
from graphfix.audit.view import View

__all__ = ["Audit", "NodeRule", "Rule", "View", "audit", "builtin_rules", "ordered"]
