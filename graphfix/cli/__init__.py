"""The command line: parse, call a stage, render, exit. Only this package prints."""

from graphfix.cli.app import app, main

__all__ = ["app", "main"]
