"""Quick part of an inspection, before training, on data that are already flat arrays."""

from __future__ import annotations

from collections.abc import Sequence

from empnet.dataset.dataset import Dataset
from empnet.inspection.derivatives import derivative_findings
from empnet.inspection.duplicates import exact_findings
from empnet.inspection.frames import from_dataset
from empnet.inspection.record import Finding, gravest_first
from empnet.inspection.reference import reference_findings
from empnet.inspection.targets import is_energy, property_facts, target_findings
from empnet.inspection.time_order import order_findings
from empnet.system.label_spec import LabelSpec

__all__ = ["quick_findings"]


def quick_findings(
    dataset: Dataset,
    properties: Sequence[str],
    units: Sequence[str],
    *,
    differences: bool = False,
    derivatives: LabelSpec | None = None,
    named: bool = False,
) -> list[Finding]:
    """Return the findings to report before training; an error means that training cannot start.

    Arguments:
        dataset: The data, with their targets.
        properties: Name of each target.
        units: Unit of each target.
        differences: Whether targets are differences (delta learning), so that their size does not show their unit.
        derivatives: Forces and stress to train on with the first property.
        named: Whether the user named the unit of the stress; otherwise it is assumed.

    Returns:
        Findings that require action, the most serious first, and notes on forces and stress; other notes are left out.

    Example:
        >>> from empnet import System
        >>> from empnet.dataset.cache import Recipe, open_dataset
        >>> pairs = [System([[0, 0, 0], [0, 0, 1 + k / 9]], [1, 1], properties={"E": k % 2 / 9}) for k in range(40)]
        >>> quick_findings(open_dataset(pairs, Recipe(("E",), cutoff=5.0)), ["E"], ["eV"])[0].topic
        'order'
    """
    frames = from_dataset(dataset, tuple(properties))
    findings = [*order_findings(frames), *exact_findings(frames, dict(zip(properties, units, strict=True)))]
    for name, unit in zip(properties, units, strict=True):
        facts = property_facts(frames, name, unit)
        if facts is None:
            continue
        findings += target_findings(frames, facts, wanted=True)
        if not differences and is_energy(name) and facts.pooling != "mean":
            findings += reference_findings(frames, facts)
    findings = [finding for finding in findings if finding.level != "note"]
    if derivatives:
        findings += derivative_findings(frames, properties[0], derivatives, named)
    return list(gravest_first(findings))
