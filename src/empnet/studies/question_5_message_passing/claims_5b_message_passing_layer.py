"""Claims V.B: the message passing layer."""

from __future__ import annotations

from empnet.studies.claim import Claim, Counter, verdict
from empnet.studies.question_5_message_passing.figures import draw_far
from empnet.studies.question_5_message_passing.measured import Measured, parameters_by_size

__all__ = ["CLAIMS"]


CLAIMS: tuple[Claim[Measured], ...] = (
    Claim(
        id="V.B.a",
        statement="For all positions and features, the message passing layer gives what two loops over particles j "
        "and i give that add phi(d_ji) f_i up, i = j included, and apply softplus.",
        rule="True if layer and loops differ by no more than rounding on a random system, in float64.",
        decide=lambda e: verdict(e.layers.loop <= e.layers.bound),
        evidence=lambda e: {
            "largest difference, relative": e.layers.loop,
            "bound on rounding, relative": e.layers.bound,
        },
        why="The layer works on the list of all pairs, each distance once for both directions, and adds phi(0) f_j.",
        textbook="true",
        counter=Counter("a particle receives no message from itself", {"self_message": False}),
    ),
    Claim(
        id="V.B.b",
        statement="For all rotations and translations of a system, what its particles receive stays the same.",
        rule="True if it differs by no more than rounding for random systems, turned at random and moved by the shift, "
        "in float64.",
        decide=lambda e: verdict(max(e.layers.turned, e.layers.moved) <= e.layers.bound),
        evidence=lambda e: {
            "largest difference after turning, relative": e.layers.turned,
            "largest difference after moving, relative": e.layers.moved,
            "bound on rounding, relative": e.layers.bound,
        },
        why="Positions enter through their distances alone, which rotations and translations keep.",
        textbook="true",
        counter=Counter("positions are among the features", {"coordinates": True}),
    ),
    Claim(
        id="V.B.c",
        statement="For all permutations of the particles, what they receive is permuted likewise.",
        rule="True if output of the reordered and reordered output differ by no more than rounding, in float64.",
        decide=lambda e: verdict(e.layers.reordered <= e.layers.bound),
        evidence=lambda e: {
            "largest difference, relative": e.layers.reordered,
            "bound on rounding, relative": e.layers.bound,
        },
        why="A sum does not depend on the order of its terms, and each term on nothing but the two particles.",
        textbook="true",
        counter=Counter("each particle's number in the list is among its features", {"labels": True}),
    ),
    Claim(
        id="V.B.d",
        statement="All pairs share one filter phi, so that the layer's parameters do not depend on N.",
        rule="True if the built layer has equally many for N, 2 N and 3 N particles.",
        decide=lambda e: verdict(len(set(e.layers.filter_parameters.values())) == 1),
        evidence=lambda e: parameters_by_size(e.layers.filter_parameters),
        why="phi takes a distance and nothing else; only the number of its evaluations grows with N.",
        textbook="true",
        counter=Counter("each pair has a filter of its own", {"filters": "per-pair"}),
    ),
    Claim(
        id="V.B.e",
        statement="Moving systems by 10,000 angstrom changes no prediction of a float32 network by more than its "
        "rounding.",
        rule="True if no prediction changes by more than the bound on rounding in float32, as positions are given in "
        "float64.",
        decide=lambda e: verdict(e.far.moved <= e.far.bound),
        evidence=lambda e: {
            "moved by, angstrom": e.far.shift,
            "largest change of a prediction, relative": e.far.moved,
            "bound on rounding, relative": e.far.bound,
        },
        why="Differences of positions are taken in float64 and have errors of 1e-12 angstrom there; "
        "only distances are cast to float32.",
        textbook="true",
        counter=Counter("distances come from torch.cdist in float32", {"distances": "cdist"}),
        draw=lambda figure, e: draw_far(figure, e.far),
    ),
    Claim(
        id="V.B.f",
        statement="10,000 angstrom from the origin, torch.cdist in float32 has no larger errors than those that "
        "rounding the positions to float32 makes unavoidable, for any number of particles.",
        rule="True if, for systems of this many particles, the largest error of a distance is at most what the "
        "rounding of positions may do.",
        decide=lambda e: verdict(e.far.cdist <= e.far.positions),
        evidence=lambda e: {
            "largest error of torch.cdist, angstrom": e.far.cdist,
            "what rounding of positions may do, angstrom": e.far.positions,
            "it multiplies matrices": e.far.products,
        },
        why="For more than 25 points, torch.cdist takes |a|^2 + |b|^2 - 2 a.b by a matrix product: far away, squares "
        "of 1e8 cancel down to a few. For 25 points or fewer, it takes differences. Even at the origin, the "
        "product gives particles a distance of some 0.001 angstrom from themselves.",
        textbook="false",
        counter=Counter("a system has 20 particles, so that torch.cdist takes differences", {"particles": 20}),
    ),
)
