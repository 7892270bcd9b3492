"""Inspection of data before training: facts, and suspected errors."""

from empnet.inspection.inspect import inspect_data
from empnet.inspection.quick import quick_findings
from empnet.inspection.record import Finding, Inspection

__all__ = ["Finding", "Inspection", "inspect_data", "quick_findings"]
