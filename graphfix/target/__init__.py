"""What a compiler accepts: SoC, CANN release, operator and kernel tables."""

from graphfix.target.facts import Evidence, Kernel, Support
from graphfix.target.profile import CANN_RELEASES, Profile, load_profile
from graphfix.target.soc import SOCS, Soc

__all__ = [
    "CANN_RELEASES",
    "SOCS",
    "Evidence",
    "Kernel",
    "Profile",
    "Soc",
    "Support",
    "load_profile",
]
