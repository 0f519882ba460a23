"""Where ATC has an operator, when it is not where the model needs it."""

from graphfix.target import Profile


def elsewhere(op_type: str, profile: Profile, opset: int, domain: str = "") -> str:
    """The reason why an operator cannot be spelled at ``opset``, and what opset to convert to."""
    fitting = [at for at in range(8, 19) if profile.support(op_type, at, domain).verdict]
    if not fitting:
        return f"{profile.name} has no {op_type}"
    nearest = min(fitting, key=lambda at: abs(at - opset))
    return (
        f"{profile.name} has {op_type} at opset {_ranges(fitting)}, not at {opset} of the model; "
        f"convert it with opset{{to={nearest}}}"
    )


def _ranges(numbers: list[int]) -> str:
    """``11, 16 to 18`` for sorted numbers."""
    starts = [n for n in numbers if n - 1 not in numbers]
    ends = [n for n in numbers if n + 1 not in numbers]
    return ", ".join(f"{a} to {b}" if a != b else str(a) for a, b in zip(starts, ends, strict=True))
