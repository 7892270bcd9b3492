"""Systems that are the same thing twice: two copies far apart, and a cell beside its supercell."""

from __future__ import annotations

from empnet.audit.record import AuditLine
from empnet.audit.subject import Base, Subject
from empnet.audit.variants import boxed, doubled, opened, two_far_apart

__all__ = ["additivity_lines"]


def additivity_lines(subject: Subject, base: Base) -> list[AuditLine]:
    """Two copies far apart, and the 2 x 1 x 1 supercell: twice the property, or the same if it is a mean.

    Both hold for any particles, whether the model was trained on crystals or not; so open systems are put into a
    periodic box that is half a cutoff larger than they are, where they meet their images, and of periodic ones the
    open cluster is taken for the copies.

    Arguments:
        subject: The model under audit.
        base: The systems of the sample.
    """
    twice = "twice the property" if subject.growth(2).max() > 1 else "the same property"
    open_ones = [opened(system) for system in base.systems]
    boxes = [boxed(system, subject.cutoff / 2) for system in base.systems]
    periodic = all(any(system.pbc) for system in base.systems)
    crystals = "Each periodic system" if periodic else "Each system, in a box half a cutoff larger than it,"
    return [
        subject.compare(
            "two copies",
            f"Two copies of each system{' (as an open cluster)' if periodic else ''}, two cutoffs apart, have {twice}.",
            subject.base(open_ones),
            [two_far_apart(system, subject.cutoff) for system in open_ones],
            growth=subject.growth(2),
        ),
        subject.compare(
            "supercell",
            f"{crystals} and its 2 x 1 x 1 supercell agree: {twice}.",
            subject.base(boxes),
            [doubled(system) for system in boxes],
            growth=subject.growth(2),
        ),
    ]
