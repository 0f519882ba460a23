"""Every flag of ATC: its type, the values it takes, and the release it came with.

Source: hicann/ge 8.5.0, 9.0.0, 9.1.0 and the development branch: ``api/atc/atc_flags.cc`` and
``cmd_flag_info.cc``. That some flags came with 7.0 is inferred from the documentation of 6.3 and
7.0.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from graphfix.target import CANN_RELEASES


class Kind(Enum):
    """How ATC reads the value of a flag."""

    TEXT = "text"
    INTEGER = "integer"
    """Digits only: not even a sign."""
    BOOLEAN = "boolean"
    """The flag alone means yes."""


@dataclass(frozen=True)
class Flag:
    """One flag; ``choices`` are the values it takes, empty where ATC takes any at first."""

    name: str
    kind: Kind = Kind.TEXT
    choices: str = ""
    """Separated by spaces."""
    since: str = ""
    """The first release that has it; empty where every known one does."""

    def known_to(self, cann: str) -> bool:
        """Whether a CANN release has the flag."""
        return not self.since or CANN_RELEASES.index(cann) >= CANN_RELEASES.index(self.since)


_FLAGS: Final = (
    Flag("model"),
    Flag("output"),
    Flag("framework", Kind.INTEGER, choices="0 1 3 5"),
    Flag("weight"),
    Flag("input_shape"),
    Flag("input_hint_shape"),
    Flag("input_shape_range"),
    Flag("help", Kind.BOOLEAN),
    Flag("cal_conf"),
    Flag("insert_op_conf"),
    Flag("op_name_map"),
    Flag("target"),
    Flag("om"),
    Flag("json"),
    Flag("mode", Kind.INTEGER, choices="0 1 3 5 6 7 30"),
    Flag("out_nodes"),
    Flag("op_precision_mode"),
    Flag("allow_hf32"),
    Flag(
        "precision_mode",
        choices="force_fp16 force_fp32 cube_fp16in_fp32out allow_mix_precision allow_fp32_to_fp16 "
        "must_keep_origin_dtype allow_mix_precision_fp16 allow_mix_precision_bf16 "
        "allow_fp32_to_bf16",
    ),
    Flag(
        "precision_mode_v2",
        since="7.0",
        choices="fp16 origin cube_fp16in_fp32out mixed_float16 mixed_bfloat16 cube_hif8 mixed_hif8",
    ),
    Flag("modify_mixlist"),
    Flag("keep_dtype"),
    Flag("input_format"),
    Flag("check_report"),
    Flag("input_fp16_nodes"),
    Flag("is_output_adjust_hw_layout"),
    Flag("is_input_adjust_hw_layout"),
    Flag("output_type"),
    Flag(
        "op_select_implmode",
        choices="high_precision high_performance high_precision_for_all high_performance_for_all",
    ),
    Flag("optypelist_for_implmode"),
    Flag("singleop"),
    Flag("disable_reuse_memory", Kind.INTEGER, choices="0 1"),
    Flag("auto_tune_mode"),
    Flag("jit_compile", choices="0 1 2", since="development"),
    Flag("optimization_switch", since="development"),
    Flag("static_model_ops_lower_limit", since="development"),
    Flag("h2d_overlapped_with_compute", since="development"),
    Flag("raw_ge_options", since="development"),
    Flag("raw_ge_options_ignore_unsupported", Kind.BOOLEAN, since="development"),
    Flag("soc_version"),
    Flag("virtual_type", Kind.INTEGER, choices="0 1"),
    Flag("core_type", choices="AiCore VectorCore"),
    Flag("aicore_num"),
    Flag("buffer_optimize", choices="l1_optimize l2_optimize off_optimize"),
    Flag("fusion_switch_file"),
    Flag("compression_optimize_conf"),
    Flag("customize_dtypes"),
    Flag("op_debug_config"),
    Flag("save_original_model"),
    Flag("dynamic_batch_size"),
    Flag("dynamic_image_size"),
    Flag("dynamic_dims"),
    Flag("enable_small_channel"),
    Flag("enable_compress_weight"),
    Flag("enable_attr_compression", since="9.0"),
    Flag("compress_weight_conf"),
    Flag("sparsity", Kind.INTEGER, choices="0 1"),
    Flag("enable_single_stream"),
    Flag("ac_parallel_enable"),
    Flag("tiling_schedule_optimize"),
    Flag("log", choices="debug info warning error null"),
    Flag("dump_mode", choices="0 1"),
    Flag("op_debug_level", Kind.INTEGER, choices="0 1 2 3 4"),
    Flag("enable_scope_fusion_passes"),
    Flag("debug_dir"),
    Flag("status_check", choices="0 1"),
    Flag("op_compiler_cache_dir"),
    Flag("op_compiler_cache_mode", choices="enable disable force"),
    Flag("mdl_bank_path"),
    Flag("op_bank_path"),
    Flag("display_model_info", choices="0 1"),
    Flag("device_id"),
    Flag("shape_generalized_build_mode", choices="shape_generalized shape_precise"),
    Flag("atomic_clean_policy", choices="0 1"),
    Flag("external_weight", since="7.0", choices="0 1 2"),
    Flag("deterministic", since="7.0", choices="0 1"),
    Flag("deterministic_level", choices="0 1 2 3"),
    Flag("host_env_os", since="7.0"),
    Flag("host_env_cpu", since="7.0"),
    Flag("cluster_config"),
    Flag("hccl_sub_comm_config", since="9.1"),
    Flag("quant_dumpable"),
    Flag("is_weight_clip"),
    Flag("oo_level"),
    Flag("build_config", since="development"),
)

FLAGS: Final[Mapping[str, Flag]] = {flag.name: flag for flag in _FLAGS}
"""By name."""

YES: Final = frozenset({"", "1", "t", "true", "y", "yes"})
NO: Final = frozenset({"0", "f", "false", "n", "no"})
"""What a boolean flag takes."""
