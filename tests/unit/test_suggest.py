"""What is suggested for a name that does not exist."""

import pytest

from graphfix.suggest import suggest

KNOWN = ("Ascend310", "Ascend310P1", "Ascend310P3", "Atlas")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("310P3", "did you mean 'Ascend310P3'?"),
        ("ascend310p4", "did you mean 'Ascend310P3'?"),
        ("atals", "did you mean 'Atlas'?"),
        ("Ascend310P", "there are: Ascend310, Ascend310P1, Ascend310P3, Atlas"),
        ("zzz", "there are: Ascend310, Ascend310P1, Ascend310P3, Atlas"),
    ],
)
def test_the_nearest_name_or_all(name: str, hint: str) -> None:
    assert suggest(name, KNOWN) == hint


def test_without_any_name() -> None:
    assert suggest("zzz", ()) == "there are: none"
