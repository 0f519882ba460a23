"""Opset imports: up to CANN 9.1 one entry, when nodes have no domain.

Source: hicann/ge 8.5.0: parser/parser/onnx/onnx_parser.cc (E16005); see
:attr:`graphfix.target.Profile.several_imports`.
"""

import onnx_ir as ir

from graphfix.dialect.scope import Scope
from graphfix.target import Profile


def reduce_imports(profile: Profile, scope: Scope) -> None:
    """Drop functions and the imports that no node uses; refuse nodes of more domains than one."""
    imports = scope.model.graph.opset_imports
    called = {function.domain for function in scope.model.functions.values()}
    for domain in called:
        imports.pop(domain, None)
    scope.model.functions.clear()
    first: dict[str, ir.Node] = {}
    for node in scope.model.graph.all_nodes():
        if node.domain not in called:  # calls that are left have been refused already
            first.setdefault(node.domain, node)
    for domain, node in first.items():
        if domain and "" in first and not profile.several_imports:
            scope.journal.refuse(
                node,
                f"it is of the domain {domain!r}, and {profile.name} takes one domain in a model; "
                f"replace all nodes of that domain",
            )
    for domain in tuple(imports):
        if first and domain not in first:
            del imports[domain]
            scope.journal.changed(None, f"opset import {domain or 'ai.onnx'!r} dropped, as unused")
