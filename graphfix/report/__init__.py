"""Reports for people and programs: JSON, Markdown, and one HTML page, from one frozen value."""

from graphfix.report.write import check_format, write_report

__all__ = ["check_format", "write_report"]
