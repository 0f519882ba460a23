"""GF112: names that the command line cannot say."""

from collections.abc import Iterator

from graphfix.audit.rule import Rule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity


class NameCharacters(Rule):
    """A name holds ``:`` or ``;``, which options of ATC split at.

    ``--out_nodes`` splits at ``;`` and then at ``:``: a node whose name has one of them cannot be
    named there, and an output tensor such as ``output:0`` is read as port 0 of a node ``output``
    (E10016). Keep-dtype and precision files read a line as a name. The model itself converts.
    ``names`` replaces the characters in the names of nodes; outputs keep their names unless asked.
    """

    id = "GF112"
    title = "names with : or ;"
    severity = Severity.INFO
    citation = "hicann/ge: api/atc/omg.cc, ParseOutNodes"
    covers = ("N5",)

    def check(self, view: View) -> Iterator[Finding]:
        """Nodes first, then graph outputs."""
        nodes = [node for node in view.nodes if node.name and {":", ";"} & set(node.name)]
        if nodes:
            yield self.finding(
                "--out_nodes cannot name a node with ':' or ';' in its name",
                *view.labels(nodes),
                remedy="names",
            )
        for value in view.model.graph.outputs:
            if value.name and {":", ";"} & set(value.name):
                yield self.finding(
                    "--out_nodes cannot name an output with ':' or ';' in its name",
                    value.name,
                    advice="give node:port in --out_nodes, or rename the output",
                )
