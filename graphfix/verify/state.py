"""What the verifier knows between two passes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx_ir as ir

from graphfix.contract import Contract
from graphfix.verify.compare import OutputComparison
from graphfix.verify.comparer import Columns
from graphfix.verify.feeds import FeedSet

Source = Callable[[], ir.Model]
"""Builds a model anew."""


@dataclass(frozen=True)
class Segment:
    """A stretch of the pipeline that is compared as a whole: from its first model to now."""

    source: Source | None
    """Builds the first model; known once its first pass is checked."""
    feeds: tuple[FeedSet, ...]
    values: Columns
    """Output name now to what the first model has there."""
    names: Mapping[str, str]
    """Output name now to the value of the first model."""
    arithmetic: np.dtype[Any] | None = None
    """The coarsest float narrower than 32 bits that the first model computes in."""
    contracts: tuple[Contract, ...] = ()
    """Of the passes so far."""
    remarks: tuple[str, ...] = ()
    """Where it does not start with the original: why."""


@dataclass(frozen=True)
class State:
    """The model after the passes accepted so far, as far as its numbers go."""

    feeds: tuple[FeedSet, ...] = ()
    names: tuple[str, ...] = ()
    """Outputs of the model now."""
    values: Columns = field(default_factory=dict)
    """What they are for each feed set; of the last model that ran, when ``pending``."""
    arithmetic: np.dtype[Any] | None = None
    """The coarsest float narrower than 32 bits that the model now computes in."""
    pending: tuple[Contract, ...] = ()
    """Of passes whose results onnxruntime has no kernels for; compared with the next that runs."""
    pending_source: Source | None = None
    """Builds the last model that ran."""
    segment: Segment = Segment(None, (), {}, {})
    closed: tuple[OutputComparison, ...] = ()
    """Comparisons of the segments before this one."""
    gaps: tuple[str, ...] = ()
    """Why the pipeline as a whole is not verified."""
    random: frozenset[str] = frozenset()
    """Outputs (names now) that two runs of the model do not agree on."""
