"""Commands as values: read, written, found in scripts."""

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphfix.atc.command_line import CommandLine, parse_command_line
from graphfix.atc.gears import GearKind, Gears
from graphfix.atc.shapes import InputShape, Range
from graphfix.atc.shell import find_commands, split_command
from graphfix.errors import UsageError

NEEDED = ("--framework=5", "--model=m.onnx", "--output=m", "--soc_version=Ascend310P3")

names = st.text("abc/.:_-1~", min_size=1, max_size=8).filter(lambda name: name.strip(":") != "")
dims = st.one_of(
    st.integers(1, 999),
    st.just(-1),
    st.tuples(st.integers(0, 9), st.one_of(st.none(), st.integers(9, 99))).map(lambda r: Range(*r)),
)
commands = st.builds(
    CommandLine,
    model=st.sampled_from(["m.onnx", "a folder/it's.onnx"]),
    output=st.just("m"),
    soc_version=st.just("Ascend310P3"),
    input_shape=st.lists(
        st.builds(InputShape, names, st.lists(dims, max_size=4).map(tuple)), max_size=3
    ).map(tuple),
    gears=st.sampled_from(
        [None, Gears(GearKind.BATCH, ((1,), (8,))), Gears(GearKind.DIMS, ((1, 2), (3, 4)))]
    ),
    out_nodes=st.sampled_from([(), ("a:0", "b/c:1")]),
    optypelist_for_implmode=st.sampled_from([(), ("Gelu", "Sigmoid")]),
    extra=st.sampled_from([(), (("debug_dir", "x y"), ("sparsity", "1"))]),
)


@given(commands)
def test_a_command_is_read_as_it_was_written(command: CommandLine) -> None:
    assert parse_command_line(command.words()) == command
    assert split_command(command.render(), {}).words == command.words()[1:]


def test_a_shell_passes_on_what_was_rendered() -> None:
    command = CommandLine(
        model="it's $HOME.onnx",
        output="m",
        soc_version="Ascend310P3",
        input_shape=(InputShape("a", (1, 3)), InputShape("b", ())),
    )
    script = f"atc() {{ printf '%s\\n' \"$@\"; }}\n{command.render()}\n"
    passed = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert passed.stdout.splitlines() == list(command.words()[1:])


def test_both_spellings_of_a_flag_and_of_its_value() -> None:
    words = ("-model", "m.onnx", "--output=m", "-soc_version=Ascend310P3", "--input-shape=x:1")
    command = parse_command_line(("/usr/bin/atc", *words))
    assert command.model == "m.onnx"
    assert command.input_shape == (InputShape("x", (1,)),)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((*NEEDED, "--out_node=a"), "atc has no flag --out_node; did you mean --out_nodes?"),
        ((*NEEDED, "y:1"), "'y:1' belongs to no flag of atc"),
        ((*NEEDED, "--log"), "--log needs a value"),
        (NEEDED[:3], "the command has no --soc_version"),
        ((*NEEDED, "--input_shape=x:a"), "--input_shape: 'x:a': 'a' is not a whole number"),
        ((*NEEDED, "--dynamic_dims=1;2,3"), "--dynamic_dims: gear 2,3 has 2 values, the first"),
        (("--framework=-5",), "--framework: '-5' is not a number"),
    ],
)
def test_a_command_that_cannot_be_read_says_why(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse_command_line(words)
    assert str(raised.value).startswith(message)


SCRIPT = """\
#!/bin/bash
# atc --model=old.onnx
chip_name=310P3
bs=$1
for n in 1 8; do
  atc --framework=5 --model=m.onnx --output="m_bs${n}" \\
      --input_shape="x:${n},3;y:1" --soc_version=Ascend${chip_name} \\
      --log=${level:-error} > convert.log 2>&1 && echo '--model=no.onnx'
done
time /opt/atc --model=b.onnx --output='b $bs'; ls
python atc.py --model=c.onnx
"""


def test_commands_are_found_in_a_script_as_a_shell_would_run_them() -> None:
    first, second = find_commands(SCRIPT, {"n": "8"})
    assert (first.line, second.line) == (6, 10)
    assert first.words == (
        "--framework=5",
        "--model=m.onnx",
        "--output=m_bs8",
        "--input_shape=x:8,3;y:1",
        "--soc_version=Ascend310P3",
        "--log=error",
    )
    assert second.words == ("--model=b.onnx", "--output=b $bs")


def test_commands_are_found_in_a_readme() -> None:
    text = (
        "Don't run atc by hand:\n\n```\n$ atc --model=m.onnx --output=m\n# atc --model=n.onnx\n```"
    )
    found = find_commands(text, {}, comments=True)
    assert [command.words[0] for command in found] == ["--model=m.onnx", "--model=n.onnx"]


def test_what_a_shell_would_do_to_a_broken_line_is_said() -> None:
    text = 'atc --model=m.onnx \\ \n  --output="m\n'
    (command,) = find_commands(text, {})
    assert command.problems == (
        "line 1 ends in a backslash and a space: the command ends there",
        "a quote is not closed",
    )
