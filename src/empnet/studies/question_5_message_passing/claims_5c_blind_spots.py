"""Claims V.C on systems that a message passing network cannot distinguish."""

from __future__ import annotations

from empnet.studies.claim import Claim, Counter, verdict
from empnet.studies.question_5_message_passing.figures import draw_clouds
from empnet.studies.question_5_message_passing.measured import Measured, changes_evidence

__all__ = ["CLAIMS"]

CLAIMS: tuple[Claim[Measured], ...] = (
    Claim(
        id="V.C.l",
        statement="There are weights with which a system and its mirror image get different predictions.",
        rule="True if for some network the predictions of mirror images differ by more than rounding, in float64; the "
        "random systems are no mirror images of themselves, which their signed volumes show.",
        decide=lambda e: verdict(max(e.symmetries.mirrored.values()) > e.symmetries.bound),
        evidence=lambda e: {
            **changes_evidence(e, "mirrored"),
            "least signed volume of the random systems, cubic angstrom": e.symmetries.volume,
        },
        why="Mirror images have the same distances. A property that differs between hands, such as optical rotation, "
        "cannot be learned from distances.",
        textbook="false",
        counter=Counter("a signed volume is among the features", {"handedness": True}),
    ),
    Claim(
        id="V.C.m",
        statement="There are weights with which three message passing steps with a cutoff of 2 angstrom give different "
        "predictions for a ring of six equal particles and for two rings of three, all sides 1.5 angstrom.",
        rule="True if for some network with random weights the predictions differ by more than rounding, in float64.",
        decide=lambda e: verdict(e.blind.rings > e.blind.bound),
        evidence=lambda e: {
            "cutoff of messages, angstrom": e.blind.cutoff,
            "largest difference of predictions, relative": e.blind.rings,
            "bound on rounding, relative": e.blind.bound,
            "distance of the two, best superposed, angstrom": e.blind.rings_rmsd,
        },
        why="Each particle has two equal neighbours at the distance of one side, which have two such neighbours, and "
        "so on: all steps receive the same (the first-order Weisfeiler-Leman test).",
        textbook="false",
        counter=Counter("the cutoff is 3 angstrom, beyond second neighbours in the larger ring", {"cutoff": 3.0}),
    ),
    Claim(
        id="V.C.n",
        statement="With messages between all pairs, there are weights with which six equal particles on a flat hexagon "
        "and six on two triangles rotated against each other, which no rotation, reflection and reordering superposes, "
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
        "(Pozdnyakov and Ceriotti, 2022, https://arxiv.org/abs/2201.07136). Angles distinguish them.",
        textbook="false",
        counter=Counter("one particle of one of the clouds is moved by 0.1 angstrom", {"displaced": 0.1}),
        draw=lambda figure, e: draw_clouds(figure, e.blind),
    ),
)
