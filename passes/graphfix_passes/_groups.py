"""Pipelines of built-in passes with a name, and the headings that the passes are listed under."""

from collections.abc import Mapping, Sequence
from typing import Final

from graphfix.plugins import Group

GROUPS: Final[Mapping[str, Group]] = {
    "cleanup": Group(
        "Remove what computes nothing, twice or for nobody: exact, for every model.",
        "constants,no-op,cast-merge,transpose-merge,concat-merge,slice-merge,cse,prune",
    ),
    "simplify": Group(
        "Fold what is constant, dynamic shapes too, and fuse: what onnxsim is used for.",
        "if-fold,constants,fold-shapes,fold-constants,fold-shapes,fold-constants,no-op,bn-fold,"
        "bias-fold,pad-fold,matmul-to-gemm{always=false},cast-merge,transpose-merge,reshape-merge,"
        "concat-merge,slice-merge,cse,prune",
    ),
    # What the audit proposes for findings of any model and target: attributes that ATC reads in
    # another way, shapes that it takes for dynamic, limits of its kernels, then names, which come
    # last because other passes make nodes.
    "ascend": Group(
        "Write the model as ATC reads it; what depends on the target is left to --passes auto.",
        "if-fold,constants,fold-shapes,fold-constants,resize-scales,resize-canonical,no-op,"
        "empty-slice,gather-negative,gather-nd,eye-like,clip-bounds,reduce-axes,"
        "softmax-axis,prelu-slope,mask-value,conv-attrs,explicit-attrs,pool-dilation,pool-split,"
        "large-conv-split,cse,prune,names",
    ),
    # qkv-split wants to see the Reshape to the heads, which attention-2d takes the open sizes from;
    # perm-split undoes what transpose-merge does, on purpose.
    "bert": Group(
        "Write attention, and the layers between, as ATC's fusions for the 310P have it.",
        "if-fold,constants,fold-shapes,no-op,transpose-merge,cse,qkv-split,attention-2d,layernorm,"
        "gelu,attention-scores,prune,perm-split",
    ),
}

TOPICS: Final[Mapping[str, Sequence[str]]] = {
    "Bridges to other tools": (
        "auto-optimizer",
        "ir:add-default-attributes",
        "ir:clear-metadata-and-doc-string",
        "ir:common-subexpression-elimination",
        "ir:deduplicate-hashed-initializers",
        "ir:deduplicate-initializers",
        "ir:inline",
        "ir:lift-constants-to-initializers",
        "ir:lift-subgraph-initializers-to-main-graph",
        "ir:name-fix",
        "ir:output-fix",
        "ir:remove-initializers-from-inputs",
        "ir:remove-unused-functions",
        "ir:remove-unused-nodes",
        "ir:remove-unused-opsets",
        "ir:rewrite",
    ),
    "Shapes and dynamics": (
        "dynamic-shape",
        "empty-slice",
        "fold-shapes",
        "out-nodes",
        "resize-scales",
        "shape-range",
    ),
    "Types": ("cast-insert", "cast-merge", "double-to-float", "int64-to-int32", "strip-qdq"),
    "Clean-up": (
        "concat-merge",
        "constants",
        "cse",
        "fold-constants",
        "names",
        "no-op",
        "opset",
        "prune",
        "reshape-merge",
        "sim",
        "slice-merge",
        "transpose-merge",
    ),
    "Attributes and indices": (
        "argmax",
        "clip-bounds",
        "cumsum",
        "explicit-attrs",
        "eye-like",
        "gather-elements",
        "gather-nd",
        "gather-negative",
        "gather-to-split",
        "isinf",
        "mod",
        "nonzero",
        "onehot",
        "reduce-axes",
        "scatter",
        "slice-negative-step",
        "slices-to-split",
        "topk",
        "trilu",
        "unbind",
        "where",
    ),
    "Convolution, pooling, normalisation": (
        "bias-fold",
        "bn-fold",
        "conv-attrs",
        "conv1d-to-conv2d",
        "groupnorm",
        "instancenorm",
        "large-conv-split",
        "layernorm",
        "pad-fold",
        "pool-dilation",
        "pool-indices",
        "pool-split",
        "pool3d-to-pool2d",
        "reflect-pad",
    ),
    "Activations and resizing": (
        "gelu",
        "hardswish",
        "mish",
        "prelu-slope",
        "resize-canonical",
        "resize-gather",
        "resize-matmul",
        "resize-nearest",
        "resize1d-to-resize2d",
        "resize3d-split",
        "selu",
    ),
    "Attention and matrix products": (
        "attention-2d",
        "attention-scores",
        "dft",
        "einsum",
        "gemm-to-matmul",
        "mask-value",
        "matmul-to-gemm",
        "perm-split",
        "qkv-split",
        "softmax-axis",
        "token-pad",
    ),
    "Recurrent and control flow": (
        "gru-reset",
        "if-fold",
        "loop-unroll",
        "rnn-reverse",
        "rnn-split",
        "rnn-states",
        "rnn-unroll",
    ),
    "Detection and custom operators": (
        "deform-conv",
        "gridsample",
        "nms-tail",
        "roi-extractor",
    ),
}
