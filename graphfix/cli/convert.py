"""``graphfix convert``: from ONNX to ``.om`` with ATC."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graphfix.cli.options import AsJson, PluginFiles, TargetFiles, open_registry
from graphfix.cli.render import print_json, print_table

if TYPE_CHECKING:
    from graphfix.stages.convert import Conversion


class Precision(str, Enum):
    """``--precision_mode_v2`` of ATC."""

    FP16 = "fp16"
    ORIGIN = "origin"
    MIXED_FLOAT16 = "mixed_float16"
    MIXED_BFLOAT16 = "mixed_bfloat16"
    CUBE = "cube_fp16in_fp32out"
    CUBE_HIF8 = "cube_hif8"
    MIXED_HIF8 = "mixed_hif8"


class InputFormat(str, Enum):
    """``--input_format`` of ATC for ONNX."""

    NCHW = "NCHW"
    ND = "ND"
    NCDHW = "NCDHW"


def convert(
    context: typer.Context,
    model: Annotated[Path, typer.Argument(help="The .onnx file to convert.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Folder for the .om and what belongs to it.")
    ],
    target: Annotated[
        str, typer.Option("--target", help="SoC; 'graphfix targets' lists them.")
    ] = "Ascend310P3",
    cann: Annotated[str, typer.Option("--cann", help="CANN release of atc.")] = "8.5",
    target_file: TargetFiles = None,
    shape: Annotated[
        list[str] | None,
        typer.Option(
            "--shape", help="Input shape, as x:1,3,224,224; dims may have names, as x:N,3,H,W."
        ),
    ] = None,
    gears: Annotated[
        list[str] | None,
        typer.Option(
            "--gears",
            help="Sizes for named dims: N=1,4,8, T=16..512:16, H,W=224,224;448,448; N=1~16 "
            "is a range. Several combine.",
        ),
    ] = None,
    input_format: Annotated[
        InputFormat | None,
        typer.Option("--input-format", help="What the dims mean; by the number of dims if absent."),
    ] = None,
    aipp: Annotated[
        Path | None,
        typer.Option("--aipp", help="Preprocessing in YAML, an AIPP file of ATC, or an adapter."),
    ] = None,
    precision: Annotated[
        Precision | None, typer.Option("--precision", help="Precision mode; that of atc if absent.")
    ] = None,
    high_precision: Annotated[
        list[str] | None,
        typer.Option("--high-precision", help="Nodes, as a selector such as 'op=Softmax'."),
    ] = None,
    high_performance: Annotated[
        list[str] | None, typer.Option("--high-performance", help="Nodes, as a selector.")
    ] = None,
    keep_dtype: Annotated[
        list[str] | None,
        typer.Option("--keep-dtype", help="Nodes that keep their type, as a selector."),
    ] = None,
    out_node: Annotated[
        list[str] | None,
        typer.Option("--out-node", help="node:index or an output of the graph; may be repeated."),
    ] = None,
    atc_flag: Annotated[
        list[str] | None,
        typer.Option("--atc-flag", help="Another flag of atc, as log=debug; may be repeated."),
    ] = None,
    timeout: Annotated[
        float | None, typer.Option("--timeout", min=0.1, help="Seconds after which atc is stopped.")
    ] = None,
    host: Annotated[
        str | None,
        typer.Option("--host", help="user@machine with CANN to run atc on, over ssh."),
    ] = None,
    script_only: Annotated[
        bool, typer.Option("--script-only", help="Write convert.sh and run nothing.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Go on although findings say that it will fail.")
    ] = False,
    plugin: PluginFiles = None,
    json: AsJson = False,
) -> None:
    """Convert a model to .om with atc: check, run, and explain what went wrong."""
    from graphfix.atc.precision_plan import PrecisionPlan
    from graphfix.stages.adapters import adapter_preprocessing
    from graphfix.stages.convert import Status
    from graphfix.stages.convert import convert as run
    from graphfix.stages.convert_plan import ConvertRequest

    registry = open_registry(context, plugin)
    named = adapter_preprocessing(registry, str(aipp)) if aipp and not aipp.exists() else None
    request = ConvertRequest(
        model,
        output,
        target,
        cann,
        tuple(target_file or ()),
        tuple(shape or ()),
        tuple(gears or ()),
        input_format.value if input_format else "",
        named or aipp,
        precision.value if precision else "",
        PrecisionPlan(
            tuple(high_precision or ()), tuple(high_performance or ()), tuple(keep_dtype or ())
        ),
        tuple(out_node or ()),
        tuple(atc_flag or ()),
        host,
        timeout,
        script_only,
        force,
    )
    with _ended_by_sigterm(), _progress() as on_line:
        result = run(request, registry, on_line)
    if json:
        print_json(result.to_dict())
    else:
        _print(result)
    done = {Status.CONVERTED: 0, Status.REFUSED: 1}
    raise typer.Exit(done.get(result.status, 0 if script_only else 3))


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Let SIGTERM end this program as an interrupt does: atc must not stay behind."""

    def end(number: int, frame: object) -> None:
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """The last line of atc on a terminal, nothing in a pipe."""
    if not sys.stderr.isatty():
        yield lambda line: None
        return
    from rich.console import Console
    from rich.text import Text

    with Console(stderr=True).status("atc") as status:
        yield lambda line: status.update(Text(line[:200] or "atc"))


def _print(result: "Conversion") -> None:
    from graphfix.stages.convert import Status

    if result.findings:
        print_table(
            ("severity", "rule", "where", "what", "remedy"),
            [
                (f.severity.value, f.rule, ", ".join(f.nodes[:2]), f.message, f.remedy or f.advice)
                for f in result.findings
            ],
        )
        print()
    for note in result.notes:
        print(f"note: {note}")
    for diagnosis in result.diagnoses:
        print(f"{diagnosis.code or 'atc'}: {diagnosis.message}")
        for label, text in (
            ("node", diagnosis.node),
            ("cause", diagnosis.cause),
            ("remedy", diagnosis.remedy),
            ("pass", diagnosis.fixing_pass),
        ):
            if text:
                print(f"  {label:<7} {text}")
    for path in result.files:
        print(f"wrote {path}")
    if result.status is Status.CONVERTED:
        print(f"converted for {result.target} in {result.seconds:.1f} s by {result.tool}")
    else:
        print(f"{result.status.value}: {result.reason}")
    if result.log is not None:
        print(f"log: {result.log}")
