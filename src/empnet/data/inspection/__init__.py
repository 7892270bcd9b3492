"""Data looked at before anything is trained: facts, and what is suspected to be wrong with them."""

from empnet.data.inspection.inspect import inspect_data
from empnet.data.inspection.quick import quick_findings
from empnet.data.inspection.record import Finding, Inspection

__all__ = ["Finding", "Inspection", "inspect_data", "quick_findings"]
