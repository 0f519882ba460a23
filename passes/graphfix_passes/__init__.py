"""The built-in passes, registered the way any plugin registers its own."""

from graphfix.plugins import Plugin

PLUGIN = Plugin(
    passes={
        "cast-insert": "graphfix_passes.cast_insert:CastInsert",
        "cast-merge": "graphfix_passes.cast_merge:CastMerge",
        "clip-bounds": "graphfix_passes.clip_bounds:ClipBounds",
        "concat-merge": "graphfix_passes.concat_merge:ConcatMerge",
        "constants": "graphfix_passes.constants:Constants",
        "conv-attrs": "graphfix_passes.conv_attrs:ConvAttrs",
        "cse": "graphfix_passes.cse:Cse",
        "double-to-float": "graphfix_passes.double_to_float:DoubleToFloat",
        "dynamic-shape": "graphfix_passes.dynamic_shape:DynamicShape",
        "explicit-attrs": "graphfix_passes.explicit_attrs:ExplicitAttrs",
        "fold-shapes": "graphfix_passes.fold_shapes:FoldShapes",
        "gather-negative": "graphfix_passes.gather_negative:GatherNegative",
        "gridsample": "graphfix_passes.gridsample:GridSample",
        "int64-to-int32": "graphfix_passes.int64_to_int32:Int64ToInt32",
        "mask-value": "graphfix_passes.mask_value:MaskValue",
        "names": "graphfix_passes.names:Names",
        "no-op": "graphfix_passes.no_op:NoOp",
        "opset": "graphfix_passes.opset:Opset",
        "out-nodes": "graphfix_passes.out_nodes:OutNodes",
        "prelu-slope": "graphfix_passes.prelu_slope:PreluSlope",
        "prune": "graphfix_passes.prune:Prune",
        "reduce-axes": "graphfix_passes.reduce_axes:ReduceAxes",
        "resize-canonical": "graphfix_passes.resize_canonical:ResizeCanonical",
        "resize-nearest": "graphfix_passes.resize_nearest:ResizeNearest",
        "resize-scales": "graphfix_passes.resize_scales:ResizeScales",
        "sim": "graphfix_passes.sim:Sim",
        "slice-merge": "graphfix_passes.slice_merge:SliceMerge",
        "softmax-axis": "graphfix_passes.softmax_axis:SoftmaxAxis",
        "transpose-merge": "graphfix_passes.transpose_merge:TransposeMerge",
    },
)
