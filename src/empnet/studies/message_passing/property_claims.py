"""Claims on the predicted property: what leaves it as it is, and which differences it cannot show. Question V C."""

from __future__ import annotations

from empnet.studies.claim import Claim, Counter, Evidence, verdict
from empnet.studies.message_passing.figures import draw_clouds
from empnet.studies.message_passing.measured import Measured, all_changes, unchanged

__all__ = ["BLIND_SPOTS", "INVARIANCE"]

NO_CHANGE = (
    "True if no network's prediction changes by more than rounding (float64): fresh ones on random systems and on "
    "molecules, trained ones on molecules."
)


def _told(e: Measured, how: str) -> Evidence:
    changes = {f"largest change, {name}, relative": value for name, value in all_changes(e, how).items()}
    return {**changes, "bound on rounding, relative": e.symmetries.bound}


INVARIANCE: tuple[Claim[Measured], ...] = (
    Claim(
        id="V.C.a",
        statement="For all rotations of a system, its predicted property stays the same, with fresh and with trained "
        "weights.",
        rule=NO_CHANGE,
        decide=lambda e: unchanged(all_changes(e, "turned"), e.symmetries.bound),
        evidence=lambda e: _told(e, "turned"),
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
        evidence=lambda e: _told(e, "moved"),
        why="As for rotations: a translation keeps all differences of positions.",
        textbook="true",
        counter=Counter("positions are among the features", {"coordinates": True}),
    ),
    Claim(
        id="V.C.c",
        statement="For all exchanges of particles with equal features, the predicted property stays the same.",
        rule=NO_CHANGE,
        decide=lambda e: unchanged(all_changes(e, "equals"), e.symmetries.bound),
        evidence=lambda e: _told(e, "equals"),
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
        evidence=lambda e: _told(e, "reordered"),
        why="As for equal particles: phi and psi are shared, so nothing in the network knows a particle's number.",
        textbook="true",
        counter=Counter("each particle's number in the list is among its features", {"labels": True}),
    ),
)

BLIND_SPOTS: tuple[Claim[Measured], ...] = (
    Claim(
        id="V.C.l",
        statement="There are weights with which a system and its mirror image get different predictions.",
        rule="True if for some network the predictions of mirror images differ by more than rounding, in float64; the "
        "random systems are no mirror images of themselves, which their signed volumes show.",
        decide=lambda e: verdict(max(e.symmetries.mirrored.values()) > e.symmetries.bound),
        evidence=lambda e: {
            **_told(e, "mirrored"),
            "least signed volume of the random systems, cubic angstrom": e.symmetries.volume,
        },
        why="Mirror images have the same distances. A property that differs between hands, such as optical rotation, "
        "cannot be learned from distances.",
        textbook="false",
        counter=Counter("a signed volume is among the features", {"handedness": True}),
    ),
    Claim(
        id="V.C.m",
        statement="There are weights with which a ring of six equal particles and two rings of three, all sides "
        "1.5 angstrom, get different predictions from messages that reach 2 angstrom, three steps of them.",
        rule="True if for some network with random weights the predictions differ by more than rounding, in float64.",
        decide=lambda e: verdict(e.blind.rings > e.blind.bound),
        evidence=lambda e: {
            "range of a message, angstrom": e.blind.cutoff,
            "largest difference of predictions, relative": e.blind.rings,
            "bound on rounding, relative": e.blind.bound,
            "distance of the two, best superposed, angstrom": e.blind.rings_rmsd,
        },
        why="Each particle has two equal neighbours at one side, which have two such neighbours, and so on: all steps "
        "see the same (the first-order Weisfeiler-Leman test).",
        textbook="false",
        counter=Counter("messages reach 3 angstrom, beyond the next but one in the larger ring", {"cutoff": 3.0}),
    ),
    Claim(
        id="V.C.n",
        statement="If messages reach all particles, there are weights with which six equal particles on a flat hexagon "
        "and six on two triangles turned against each other, which no rotation, reflection and reordering superposes, "
        "get different predictions.",
        rule="True if for some network with random weights the predictions differ by more than rounding, in float64, "
        "false if for none; undecided if the clouds are no farther than 0.01 angstrom from each other when best "
        "superposed over all rotations, reflections and orders.",
        decide=lambda e: verdict(None if e.blind.clouds_rmsd < 0.01 else e.blind.clouds > e.blind.bound),
        evidence=lambda e: {
            "largest difference of predictions, relative": e.blind.clouds,
            "bound on rounding, relative": e.blind.bound,
            "networks": e.blind.networks,
            "distance of the two, best superposed, angstrom": e.blind.clouds_rmsd,
            "largest difference of sorted distances around a particle, angstrom": e.blind.distances,
        },
        why="Around each particle lie two at one side, two at the root of three sides, one at two sides, in both "
        "clouds: distances around particles do not determine a cloud. Larger pairs of this kind exist among molecules "
        "(Pozdnyakov and Ceriotti, 2022, https://arxiv.org/abs/2201.07136). Angles tell them apart.",
        textbook="false",
        counter=Counter("one particle of one of the clouds is moved by 0.1 angstrom", {"displaced": 0.1}),
        draw=lambda figure, e: draw_clouds(figure, e.blind),
    ),
)
