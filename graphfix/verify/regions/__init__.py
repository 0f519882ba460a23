"""Verification per rewrite site: cut out before and after, run on what really arrives there."""

from graphfix.verify.regions.verifier import RegionVerifier

__all__ = ["RegionVerifier"]
