"""The error of a run: a request that does not fit the model or its data."""

from graphfix.errors import UsageError


class InferError(UsageError, RuntimeError):
    """Samples, sizes or options do not fit the model.

    A ``RuntimeError`` too, which is what ais_bench raises and scripts catch.
    """
