"""Stages: each takes frozen values and returns a frozen value; the command line renders it."""
