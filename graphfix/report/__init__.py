"""Reports for people and programs: JSON, Markdown, and one HTML page, from one frozen value."""

from graphfix.report.write import FORMATS, check_format, write_report

__all__ = ["FORMATS", "check_format", "write_report"]
