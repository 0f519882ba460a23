"""Metrics: small functions over outputs and truths, and the same over files."""

from collections.abc import Mapping
from types import MappingProxyType

from graphfix.metrics.metric import Files, Metric
from graphfix.metrics.outputs import Layout, find_outputs, parse_dtype, parse_shape, read_output
from graphfix.metrics.reference import Judgement, Reference, judge, parse_reference
from graphfix.metrics.sample import Sample
from graphfix.metrics.score import Figure, Score, Unit
from graphfix.metrics.top_k import TopK, top_k

METRICS: Mapping[str, type[Metric]] = MappingProxyType({metric.name: metric for metric in (TopK,)})

__all__ = [
    "METRICS",
    "Figure",
    "Files",
    "Judgement",
    "Layout",
    "Metric",
    "Reference",
    "Sample",
    "Score",
    "TopK",
    "Unit",
    "find_outputs",
    "judge",
    "parse_dtype",
    "parse_reference",
    "parse_shape",
    "read_output",
    "top_k",
]
