"""Which label belongs to which output."""

from pathlib import Path

import pytest

from graphfix.errors import UsageError
from graphfix.metrics.join import join


def test_names_are_cut_as_ais_bench_cuts_them(tmp_path: Path) -> None:
    outputs = {"a": 1, "b.0": 2, "c": 3, "d.e": 4}
    labels = {"val/a.0.jpg": "A", "b.0.jpg": "B", "val\\c.jpg": "C", "d.e": "D"}
    found = join(outputs, labels, tmp_path)

    assert [(item.name, item.output, item.truth) for item in found] == [
        ("a", 1, "A"),
        ("b.0", 2, "B"),
        ("c", 3, "C"),
        ("d.e", 4, "D"),
    ]


@pytest.mark.parametrize(
    ("outputs", "labels", "message"),
    [
        (
            ("a",),
            ("a", "b", "c"),
            "2 of 3 labels without an output, such as b; run the model on it, or",
        ),
        (("a", "b", "c"), ("a",), "has no label for output 'b' and 1 more; add it, or remove"),
        (("s",), ("s.0.jpg", "s.1.jpg"), "s.0.jpg and s.1.jpg both stand for output 's'; give"),
        ((), ("a",), "1 of 1 labels without an output, such as a; run the model on it"),
    ],
)
def test_what_has_no_partner_is_named(
    tmp_path: Path, outputs: tuple[str, ...], labels: tuple[str, ...], message: str
) -> None:
    with pytest.raises(UsageError) as error:
        join(dict.fromkeys(outputs, 0), dict.fromkeys(labels, 0), tmp_path)
    assert str(error.value).startswith(f"{tmp_path}: {message}")
