"""A graphfix plugin: the table behind the entry point names each pass and where it is."""

from graphfix.plugins import Plugin

PLUGIN = Plugin(
    passes={
        "pow-to-mul": "graphfix_example.pow_to_mul:PowToMul",
    },
)
