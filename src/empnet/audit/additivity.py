"""Check additivity: two copies of a system far apart, and a supercell compared with its unit cell."""

from __future__ import annotations

from empnet.audit.record import AuditLine
from empnet.audit.subject import Base, Subject
from empnet.audit.variants import boxed, doubled, opened, two_far_apart

__all__ = ["additivity_lines"]


def additivity_lines(subject: Subject, base: Base) -> list[AuditLine]:
    """Test two distant copies and the 2 x 1 x 1 supercell: the property doubles, or stays the same if it is a mean.

    Both rules hold for all particles, whether or not the model was trained on crystals. For the supercell, an open
    system is therefore put into a periodic box that is half a cutoff larger than the system, so that it interacts with
    its images. For the copies, the particles of a periodic system are taken as an open cluster.

    Arguments:
        subject: The model under audit.
        base: The systems of the sample.
    """
    value = "twice the value of" if subject.growth(2).max() > 1 else "the same value as"
    open_ones = [opened(system) for system in base.systems]
    boxes = [boxed(system, subject.cutoff / 2) for system in base.systems]
    periodic = all(any(system.pbc) for system in base.systems)
    cluster = " (as an open cluster)" if periodic else ""
    each = "each periodic system" if periodic else "each system, in a box half a cutoff larger than the system,"
    return [
        subject.compare(
            "two copies",
            f"Two copies of each system{cluster}, two cutoffs apart, have {value} one copy.",
            subject.base(open_ones),
            [two_far_apart(system, subject.cutoff) for system in open_ones],
            growth=subject.growth(2),
        ),
        subject.compare(
            "supercell",
            f"The 2 x 1 x 1 supercell of {each} has {value} the unit cell.",
            subject.base(boxes),
            [doubled(system) for system in boxes],
            growth=subject.growth(2),
        ),
    ]
