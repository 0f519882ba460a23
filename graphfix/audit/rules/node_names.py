"""GF110: names of nodes that meet."""

from collections import Counter
from collections.abc import Iterator

from graphfix.audit.rule import Rule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity


class NodeNames(Rule):
    """Two things of the graph have one node name.

    For the parser graph inputs and initializers are nodes, too: an input under its own name, the
    i-th initializer (by name) as ``<name>_Initializer_<i>``, and an unnamed node as
    ``<operator>_<k>`` where k counts the unnamed nodes. Any two that are equal stop the conversion
    (E13009). ``names`` gives every node a name of its own.
    """

    id = "GF110"
    title = "node names that meet"
    severity = Severity.ERROR
    citation = "hicann/ge: parser/parser/common/pre_checker.cc, CheckName"
    covers = ("N1", "N2", "N3")

    def check(self, view: View) -> Iterator[Finding]:
        """Names that more than one thing has."""
        graph = view.model.graph
        names: Counter[str] = Counter()
        what: dict[str, list[str]] = {}
        unnamed = 0
        for value in graph.inputs:
            if value.name and not value.is_initializer():
                names[value.name] += 1
                what.setdefault(value.name, []).append("a graph input")
        for index, name in enumerate(sorted(graph.initializers)):
            name = f"{name}_Initializer_{index}"
            names[name] += 1
            what.setdefault(name, []).append("an initializer")
        for each in view.graphs:
            # The nodes inside an If get the names of the If and the branch in front.
            inner = "" if each is graph else f"{id(each)}/"
            for node in each:
                name = inner + node.name if node.name else f"{inner}{node.op_type}_{unnamed}"
                unnamed += not node.name
                names[name] += 1
                what.setdefault(name, []).append("a node" if node.name else "an unnamed node")
        for name, times in names.items():
            if times > 1:
                kinds = " and ".join(what[name][:3])
                shown = name.rpartition("/")[2] if name[0].isdigit() and "/" in name else name
                yield self.finding(f"{times} things have this name: {kinds}", shown, remedy="names")
