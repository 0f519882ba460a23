"""The kinds of faults, a file for each group."""

from tests.faults.kind import Kind
from tests.faults.kinds.activations import ACTIVATIONS
from tests.faults.kinds.arithmetic import ARITHMETIC
from tests.faults.kinds.conditional import CONDITIONAL
from tests.faults.kinds.convolution import CONVOLUTION
from tests.faults.kinds.integers import INTEGERS
from tests.faults.kinds.pooling import POOLING
from tests.faults.kinds.sequence import SEQUENCE
from tests.faults.kinds.shapes import SHAPES
from tests.faults.kinds.structure import STRUCTURE

KINDS: tuple[Kind, ...] = (
    *CONVOLUTION,
    *ACTIVATIONS,
    *POOLING,
    *SHAPES,
    *ARITHMETIC,
    *SEQUENCE,
    *INTEGERS,
    *CONDITIONAL,
    *STRUCTURE,
)
