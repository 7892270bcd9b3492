"""Claims V.C on invariance: operations on a system that leave the predicted property unchanged."""

from __future__ import annotations

from empnet.studies.claim import Claim, Counter
from empnet.studies.question_5_message_passing.measured import Measured, all_changes, changes_evidence, unchanged

__all__ = ["CLAIMS"]

NO_CHANGE = (
    "True if no network's prediction changes by more than rounding (float64): fresh ones on random systems and on "
    "molecules, trained ones on molecules."
)


CLAIMS: tuple[Claim[Measured], ...] = (
    Claim(
        id="V.C.a",
        statement="For all rotations of a system, its predicted property stays the same, with fresh and with trained "
        "weights.",
        rule=NO_CHANGE,
        decide=lambda e: unchanged(all_changes(e, "turned"), e.symmetries.bound),
        evidence=lambda e: changes_evidence(e, "turned"),
        why="Positions enter through distances alone, so each f_bar_j, each psi(f_bar_j) and their sum stay the same, "
        "whatever the weights.",
        textbook="true",
        counter=Counter("positions are among the features", {"coordinates": True}),
    ),
    Claim(
        id="V.C.b",
        statement="For all translations of a system, its predicted property stays the same.",
        rule=NO_CHANGE,
        decide=lambda e: unchanged(all_changes(e, "moved"), e.symmetries.bound),
        evidence=lambda e: changes_evidence(e, "moved"),
        why="As for rotations: a translation keeps all differences of positions.",
        textbook="true",
        counter=Counter("positions are among the features", {"coordinates": True}),
    ),
    Claim(
        id="V.C.c",
        statement="For all exchanges of particles with equal features, the predicted property stays the same.",
        rule=NO_CHANGE,
        decide=lambda e: unchanged(all_changes(e, "equals"), e.symmetries.bound),
        evidence=lambda e: changes_evidence(e, "equals"),
        why="The exchange permutes the terms of the sum over i and the rows that are summed over j; neither sum "
        "depends on the order of its terms.",
        textbook="true",
        counter=Counter(
            "in place of a sum, a dense layer reads the particles one after the other", {"readout": "flatten"}
        ),
    ),
    Claim(
        id="V.C.d",
        statement="For all orders in which particles are listed, each with its features, the predicted property is "
        "the same.",
        rule=NO_CHANGE,
        decide=lambda e: unchanged(all_changes(e, "reordered"), e.symmetries.bound),
        evidence=lambda e: changes_evidence(e, "reordered"),
        why="As for equal particles: phi and psi are shared, so nothing in the network knows a particle's number.",
        textbook="true",
        counter=Counter("each particle's number in the list is among its features", {"labels": True}),
    ),
)
