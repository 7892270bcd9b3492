"""Inspection of the data before training: report suspicious data, refuse data that cannot be learned."""

from __future__ import annotations

import numpy as np

from empnet.dataset.dataset import Dataset
from empnet.errors import EmpnetError
from empnet.files.stated import first_of
from empnet.inspection import quick_findings
from empnet.system.label_spec import UNEVEN
from empnet.system.one_hot import symbol
from empnet.training.class_targets import tell_few_values
from empnet.training.run.config import TrainConfig
from empnet.training.run.journal import Journal
from empnet.training.targets import IN_MEMORY

__all__ = ["look_at", "report_isolated", "report_labels"]


def look_at(dataset: Dataset, config: TrainConfig, journal: Journal) -> None:
    """Run the quick part of an inspection: report suspicious data, and refuse invalid data.

    Arguments:
        dataset: The data.
        config: The configuration.
        journal: Receives the findings.

    Raises:
        EmpnetError: If there is nothing to learn.
    """
    names = config.property
    if config.baseline_key:
        names = tuple(f"{name} - {key}" for name, key in zip(names, config.baseline_key, strict=True))
    if tuple(dataset.species) == (0,) and config.preparation is None:
        first = first_of(config.data if config.data != IN_MEMORY else ()).system
        values = ", ".join([*first.properties, *first.arrays, *first.info]) if first else ""
        there = f"; the data have: {values}" if values else ""
        journal.say(f"species: the data name none; all particles are taken to be alike{there}")
    if dataset.classes:
        return
    for k, name in enumerate(config.property):
        tell_few_values(dataset.targets[:, k], name, journal)
    if config.preparation is not None:
        return
    report_labels(dataset, journal)
    report_isolated(dataset, config, journal)
    findings = quick_findings(
        dataset,
        names,
        config.unit,
        differences=bool(config.baseline_key),
        derivatives=config.derivatives,
        named=not config.assumes_stress,
    )
    for finding in findings:
        if finding.level == "error":
            raise EmpnetError(
                f"{finding.topic}: {finding.text}", where=finding.where or config.data, remedy=finding.remedy
            )
        journal.say(str(finding))
    if any(finding.level != "note" for finding in findings):
        journal.say(f"more about the data: empnet inspect {config.data}")


def report_isolated(dataset: Dataset, config: TrainConfig, journal: Journal) -> None:
    """Report the free atoms in the data, their energies, and their use in training.

    Arguments:
        dataset: The data.
        config: Names and units of the properties.
        journal: Receives the messages.
    """
    alone = np.flatnonzero(dataset.isolated)
    if not len(alone):
        return
    kinds = dataset.kinds_of(alone)
    energies = [
        f"{symbol(int(kind))} {np.mean(dataset.targets[alone[kinds == kind], 0]):.6g}" for kind in np.unique(kinds)
    ]
    journal.say(
        f"free atoms: {len(alone)} systems are one particle, without neighbours or labelled as an isolated atom and so "
        "read without periodic images "
        f"({config.property[0]}: {', '.join(energies)} {config.unit[0]}); they stay in training, and the composition "
        "baseline is fitted to the other systems, which are bound; dissociation limits are not learned: do not trust "
        "energies of atoms far apart"
    )


def report_labels(dataset: Dataset, journal: Journal) -> None:
    """Report how many systems lack forces or stress, and that constraints change no force.

    Arguments:
        dataset: The data.
        journal: Receives the messages.
    """
    labels = {"forces": dataset.with_forces if dataset.has_forces else None}
    labels["stress"] = dataset.with_stress if dataset.has_stress else None
    for what, there in labels.items():
        if there is not None and not there.all():
            text = f"{what}: {int(there.sum())} of {len(dataset)} systems have them; the others train what they have"
            journal.say(text)
    uneven = np.asarray(dataset.arrays.get("uneven", np.zeros(1)))
    if count := int((uneven > UNEVEN).sum()):
        worst = int(np.argmax(uneven))
        journal.say(
            f"warning: stress: the 3 x 3 tensors of {count} of {len(dataset)} systems are not symmetric, by up to "
            f"{uneven[worst]:.1%} of their largest component ({dataset.origin(worst)}); the mean of mirrored "
            "components is learned"
        )
    held = int(dataset.arrays["constrained"].sum()) if dataset.has_forces else 0
    if held:
        journal.say(f"forces: constraints hold particles in {held} systems; forces are read raw, as they stand")
