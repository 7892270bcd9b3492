"""The report of a run: one page on the model and its reliability, in words and pictures."""

from empnet.pages.report.write import write_report

__all__ = ["write_report"]
