"""For which releases of CANN a fact holds."""

from graphfix.target import CANN_RELEASES, Profile


def between(profile: Profile, first: str, last: str) -> bool:
    """Whether the release of a profile is one from ``first`` to ``last``, both included."""
    at = CANN_RELEASES.index
    return at(first) <= at(profile.cann) <= at(last)
