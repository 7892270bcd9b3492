"""The audit of a trained model: symmetries that every prediction must have, and data outside the training range."""

from empnet.audit.driver import audit
from empnet.audit.record import Audit, AuditLine

__all__ = ["Audit", "AuditLine", "audit"]
