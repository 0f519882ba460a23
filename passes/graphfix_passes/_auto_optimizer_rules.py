"""The rules of Ascend's auto-optimizer, by their names."""

from collections.abc import Mapping
from typing import Final

from graphfix.suggest import suggest

RULES: Final[Mapping[str, str]] = {
    "conv1d-to-conv2d": "KnowledgeConv1d2Conv2d",
    "merge-consecutive-slice": "KnowledgeMergeConsecutiveSlice",
    "transpose-large-input-conv": "KnowledgeTransposeLargeInputConv",
    "merge-consecutive-concat": "KnowledgeMergeConsecutiveConcat",
    "type-cast": "KnowledgeTypeCast",
    "split-qkv-matmul": "KnowledgeSplitQKVMatmul",
    "split-large-kernel-conv": "KnowledgeSplitLargeKernelConv",
    "resize-mode-to-nearest": "KnowledgeResizeModeToNearest",
    "topk-fix": "KnowledgeTopkFix",
    "merge-casts": "KnowledgeMergeCasts",
    "empty-slice-fix": "KnowledgeEmptySliceFix",
    "dynamic-reshape": "KnowledgeDynamicReshape",
    "gather-to-split": "KnowledgeGatherToSplit",
    "avgpool-split": "KnowledgeAvgPoolSplit",
    "bn-folding": "KnowledgeBNFolding",
    "modify-reflection-pad": "KnowledgeModifyReflectionPad",
    "big-kernel": "KnowledgeBigKernel",
}
"""Readable name to the tool's own, in the order in which the tool counts them."""


class Knowledge(str):
    """The readable name of a rule, made from that, from the tool's name, or from its number."""

    __slots__ = ()

    def __new__(cls, text: str) -> "Knowledge":
        """Find the rule.

        Raises:
            ValueError: there is none of that name.
        """
        for number, (name, own) in enumerate(RULES.items()):
            if text.lower() in (name, own.lower(), str(number)):
                return super().__new__(cls, name)
        names = RULES.values() if text.lower().startswith("knowledge") else RULES
        raise ValueError(f"there is no rule {text!r}; {suggest(text, names)}")

    @property
    def own(self) -> str:
        """What the tool calls it."""
        return RULES[self]
