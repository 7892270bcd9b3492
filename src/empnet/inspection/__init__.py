"""Data looked at before anything is trained: facts, and what is suspected to be wrong with them."""

from empnet.inspection.inspect import inspect_data
from empnet.inspection.quick import quick_findings
from empnet.inspection.record import Finding, Inspection

__all__ = ["Finding", "Inspection", "inspect_data", "quick_findings"]
