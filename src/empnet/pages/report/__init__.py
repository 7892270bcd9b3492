"""The report of a run: one page that says in words and pictures what was learned and how far it can be trusted."""

from empnet.pages.report.write import write_report

__all__ = ["write_report"]
