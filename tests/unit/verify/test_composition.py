"""What several contracts promise together."""

import numpy as np

from graphfix.contract import (
    EQUAL,
    Approximate,
    Close,
    Exact,
    InRange,
    Interface,
    Replaces,
    Substitution,
)
from graphfix.verify.composition import compose


def test_nothing_but_exact_passes_is_exact() -> None:
    found = compose([("sim", Exact()), ("out-nodes", Exact())])
    assert (found.contract, found.weakest, found.conditions) == ("exact", "", ())
    assert found.statement == "the outputs are those of the original, bit for bit"


def test_one_close_pass_makes_the_whole_close() -> None:
    found = compose([("a", Exact()), ("b", Close()), ("c", Exact())])
    assert (found.contract, found.weakest) == ("close", "b")
    assert "rounding of one reordering" in found.statement


def test_the_sign_of_zero_is_no_rounding() -> None:
    found = compose([("a", Exact()), ("b", EQUAL)])
    assert (found.contract, found.weakest) == ("equal", "b")
    assert found.statement == "the outputs are those of the original, where 0 and -0 are the same"
    assert "of one reordering" in compose([("a", EQUAL), ("b", Close())]).statement


def test_tolerances_do_not_add_up() -> None:
    found = compose([("a", Close(rtol=1e-3)), ("b", Close())])
    assert (found.contract, found.weakest) == ("close(rtol=0.001)", "a")
    assert "the 2 passes that reorder share the tolerance of one" in found.statement


def test_an_approximation_taints_everything() -> None:
    found = compose([("a", Approximate(0.9)), ("b", Close()), ("c", Approximate(0.99))])
    assert (found.contract, found.weakest) == ("approximate(cosine>=0.9)", "a")


def test_conditions_add_up_and_look_inside() -> None:
    trimmed = Interface(outputs={"y": "y", "boxes": "b7"}, base=InRange())
    stand_in = Substitution(("x",), "y", lambda x: np.asarray(x))
    found = compose([("trim", trimmed), ("restore", Replaces((stand_in,), base=Close()))])
    assert found.contract == "close"
    assert found.conditions == (
        "trim changes inputs or outputs; the promise is about y, boxes (was b7)",
        "trim holds while integers fit the narrower type",
        (
            "restore replaces 1 stand-in, compared with a reference of its own and not with the "
            "original"
        ),
    )


def test_no_pass_is_exact() -> None:
    assert compose([]).contract == "exact"
