"""The audit of a trained model: the symmetries that every prediction must have, and what training never had."""

from empnet.audit.driver import audit
from empnet.audit.record import Audit, AuditLine

__all__ = ["Audit", "AuditLine", "audit"]
