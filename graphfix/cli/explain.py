"""``graphfix explain``: all that is known of a pass, a group, an adapter, a rule or an operator."""

from typing import TYPE_CHECKING, Annotated

import typer

from graphfix.cli.options import AsJson, PluginFiles, TargetFiles, open_registry
from graphfix.cli.render import print_json, print_table

if TYPE_CHECKING:
    from graphfix.plugins import Registry
    from graphfix.stages.operator_facts import OperatorFacts


def explain(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(help="A pass, a group, an adapter, a rule (GF101), or the word 'op'."),
    ],
    operator: Annotated[
        str | None, typer.Argument(help="After 'op': an operator, such as Resize or npu::Name.")
    ] = None,
    target: Annotated[
        str, typer.Option("--target", help="SoC for 'op'; 'graphfix targets' lists them.")
    ] = "Ascend310P3",
    cann: Annotated[str, typer.Option("--cann", help="CANN release for 'op'.")] = "8.5",
    target_file: TargetFiles = None,
    plugin: PluginFiles = None,
    json: AsJson = False,
) -> None:
    """Explain a pass, a group, an adapter, a rule, or what ATC makes of an operator (op Resize)."""
    if name == "op" and operator is not None:
        from graphfix.stages.operator_facts import operator_facts

        facts = operator_facts(operator, target, cann, tuple(target_file or ()))
        if json:
            print_json(facts.to_dict())
        else:
            _print_operator(facts)
        return
    from graphfix.errors import UsageError
    from graphfix.stages.catalogue import describe

    if operator is not None:
        raise UsageError(f"explain takes one name, or 'op' and an operator, not {operator!r}")
    registry = open_registry(context, plugin)
    if name not in registry.names() and _names_rule(registry, name):
        _explain_rule(registry, name, json)
        return
    if name in registry.adapter_names() and name not in registry.names():
        _explain_adapter(registry, name, json)
        return
    if name in registry.groups():
        _explain_group(registry, name, json)
        return
    if name[:1].isupper():
        raise UsageError(f"{name!r} is no pass; for an operator: graphfix explain op {name}")
    entry = describe(registry, name)
    if json:
        print_json(entry.to_dict())
        return
    print(f"{entry.name}: {entry.summary}\n")
    if entry.documentation:
        print(entry.documentation + "\n")
    print(f"Promises  {entry.contract}")
    print(f"From      {entry.origin}\n")
    print_table(
        ("option", "type", "default", "meaning"),
        [(item.key, item.type, item.default, item.help) for item in entry.options],
    )
    print(f"\nExample\n  {entry.example}")


def _names_rule(registry: "Registry", name: str) -> bool:
    """Whether it looks like the id of a rule, or is one; DFT and GRU are operators."""
    return name.isupper() and (name[-1].isdigit() or name in registry.rules())


def _explain_rule(registry: "Registry", name: str, json: bool) -> None:
    from graphfix.atc.rules import COMMAND_RULES
    from graphfix.errors import UsageError

    rule = registry.rules().get(name) or COMMAND_RULES.get(name)
    if rule is None:
        raise UsageError(f"there is no rule {name!r}; 'graphfix audit MODEL' shows their ids")
    if json:
        print_json(
            {
                "rule": rule.id,
                "title": rule.title,
                "severity": rule.severity.value,
                "evidence": rule.evidence.value,
                "citation": rule.citation,
                "documentation": rule.documentation,
            }
        )
        return
    print(f"{rule.id}: {rule.title}\n\n{rule.documentation}\n")
    print(f"Severity  {rule.severity.value}")
    print(f"Evidence  {rule.evidence.value}: {rule.citation}")


def _explain_group(registry: "Registry", name: str, json: bool) -> None:
    from graphfix.stages.catalogue import groups, passes_of

    (group,) = (entry for entry in groups(registry) if entry.name == name)
    passes = passes_of(registry, group)
    if json:
        print_json({**group.to_dict(), "passes": [entry.name for entry in passes]})
        return
    print(f"{group.name}: {group.summary}\n")
    print_table(
        ("pass", "promises", "what it does"),
        [(entry.name, entry.contract, entry.summary) for entry in passes],
    )
    print("\nA pass that finds nothing to do is no error here.\n")
    print(f"The same as\n  {group.pipeline}\n")
    print(f"From      {group.origin}\n\nExample\n  {group.example}")


def _explain_adapter(registry: "Registry", name: str, json: bool) -> None:
    from graphfix.stages.adapters import describe_adapter

    entry = describe_adapter(registry.adapter(name))
    if json:
        print_json(entry.to_dict())
        return
    print(f"{entry.name}: {entry.documentation}\n")
    rows = [
        ("From", entry.upstream),
        ("Passes", entry.pipeline),
        ("Target", entry.target),
        ("Inputs", "; ".join(entry.inputs)),
        ("Shapes", "; ".join(entry.shapes)),
        ("Reference", entry.reference),
        ("Export needs", entry.install),
        ("Export options", ", ".join(f"{k}={v}" for k, v in entry.export_options.items())),
    ]
    print_table(("", "of this adapter"), [row for row in rows if row[1]])
    print(f"\nExample\n  graphfix run {entry.name} --random-weights")


def _print_operator(facts: "OperatorFacts") -> None:
    print(f"{facts.operator} for {facts.target}\n")
    if facts.becomes:
        print(f"Becomes   {', '.join(facts.becomes)} in GE\n")
    print_table(
        ("opset", "registered", "evidence", "where from"),
        [
            (
                opsets,
                {True: "yes", False: "no", None: "unknown"}[s.verdict],
                s.evidence.value,
                s.citation,
            )
            for opsets, s in facts.ranges
        ],
    )
    if facts.kernels:
        print("\nKernels as of 2022; later releases add some\n")
        print_table(
            ("operator of GE", "AI Core", "types on 310P", "AI CPU", "types on AI CPU"),
            [
                (
                    kernel.ge_operator,
                    {True: "yes", False: "no", None: "unknown"}[kernel.ai_core],
                    " ".join(kernel.ai_core_types),
                    "yes" if kernel.ai_cpu else "no",
                    " ".join(kernel.ai_cpu_types),
                )
                for kernel in facts.kernels
            ],
        )
