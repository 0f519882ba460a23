"""Statistics of times."""

import pytest

from graphfix.infer.times import Statistics, Times


def test_of_a_list() -> None:
    times = list(map(float, range(1, 201)))
    found = Statistics.of(times)
    assert (found.min, found.max, found.mean, found.median) == (1.0, 200.0, 100.5, 100.5)
    assert found.percentile == pytest.approx(198.01)
    assert found.count == 200


def test_of_nothing() -> None:
    assert set(Statistics.of([]).to_dict().values()) == {0}


def test_runs_that_overlap_count_the_time_in_which_any_ran() -> None:
    spans = [(5.0, 6.0), (0.0, 3.0), (1.0, 2.0), (2.0, 4.0)]
    found, copies, _ = Times(parallel=True, spans=spans, to_device=[1.0, 3.0]).statistics()
    assert found.to_dict() == {"mean": 5.0 / 4, "count": 4}
    assert found.line("NPU_compute_time") == "NPU_compute_time (ms): mean = 1.25"
    assert copies.to_dict() == {"mean": 2.0, "count": 2}


def test_the_line_of_the_console() -> None:
    assert Statistics.of([2.0]).line("H2D_latency") == (
        "H2D_latency (ms): min = 2.0, max = 2.0, mean = 2.0, median = 2.0, percentile(99%) = 2.0"
    )
