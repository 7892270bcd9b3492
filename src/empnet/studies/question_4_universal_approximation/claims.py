"""Claims IV.A: functions that one hidden layer of sigmoid units can approximate."""

from __future__ import annotations

from empnet.studies.claim import Claim, Counter
from empnet.studies.question_4_universal_approximation.measured import Measured

__all__ = ["CLAIMS"]

PURSUED = (
    "False if the adversary names for every tested network (trained, solved for, constructed, random) a point of the "
    "domain where its error, computed with mpmath, is at least 1 - delta; true if one network stays below epsilon on a "
    "grid over all that was fitted and at the adversary's point; undecided otherwise."
)

CLAIMS: tuple[Claim[Measured], ...] = (
    Claim(
        id="IV.A.1",
        statement="Take any twice continuously differentiable function on [0, 1] and any tolerance above zero: some "
        "number of hidden units and some weights keep the network's error below the tolerance on the "
        "whole interval.",
        rule="True if for each function of the family the largest error on 8001 points falls below epsilon for some "
        "of the networks; false if for one of them all networks stay above epsilon and half of its largest "
        "change over a vanishing distance, which no continuous function gets below, is above epsilon; "
        "undecided otherwise.",
        decide=lambda m: m.continuous.decide(),
        evidence=lambda m: m.continuous.evidence(),
        why="Cybenko's theorem, by construction: steep sigmoids make a staircase, whose error is at most the "
        "modulus of continuity over one step, and that falls with N. Smoothness only makes it fall faster.",
        textbook="true",
        counter=Counter("the functions may jump", {"functions": "jumps"}),
        draw=lambda figure, m: m.continuous.draw(figure),
    ),
    Claim(
        id="IV.A.2",
        statement="For sin(1/x) on the open interval (0, 1) and any tolerance above zero there are a number of "
        "hidden units and weights with an error below the tolerance at every point.",
        rule=PURSUED,
        decide=lambda m: m.sine_of_inverse.decide(),
        evidence=lambda m: m.sine_of_inverse.evidence(),
        why="A network is continuous at 0, so near 0 it hardly changes, while sin(1/x) goes on taking both 1 and "
        "-1: one of them is at least 1 away from the network's value at 0. The interval is not compact, and the "
        "function has no continuous extension to its closure.",
        textbook="false",
        counter=Counter("the domain is (0.05, 1)", {"left": 0.05}),
        draw=lambda figure, m: m.sine_of_inverse.draw(figure, inverse=True),
    ),
    Claim(
        id="IV.A.3",
        statement="For sin x on the whole real line and any tolerance above zero there are a number of hidden units "
        "and weights with an error below the tolerance at every point.",
        rule=PURSUED,
        decide=lambda m: m.sine.decide(),
        evidence=lambda m: m.sine.evidence(),
        why="Each sigmoid has a limit at infinity, so the network has one; the sine goes on taking both 1 and -1, "
        "one of which is at least 1 away from that limit.",
        textbook="false",
        counter=Counter("the domain is five periods of the sine", {"periods": 5}),
        draw=lambda figure, m: m.sine.draw(figure, inverse=False),
    ),
    Claim(
        id="IV.A.4",
        statement="Given a polynomial on the real line, whatever its degree, and any tolerance above zero, there "
        "are a number of hidden units and weights for which the L2 norm over the line of the error times "
        "exp(-x²) is below it.",
        rule="True if for each polynomial tested the norm, integrated outwards until nothing is added, falls below "
        "epsilon for some network; false if for one polynomial and all networks it passes 1 / epsilon within "
        "some radius; undecided otherwise.",
        decide=lambda m: m.weighted.decide(),
        evidence=lambda m: m.weighted.evidence(),
        why="The weight makes what lies outside a large interval as small as is liked, for the polynomial and for a "
        "bounded network; inside, the interval is compact. Without it a bounded network is infinitely far from "
        "any polynomial that is not constant.",
        textbook="true",
        counter=Counter("the norm has no weight", {"weight": 0.0}),
        draw=lambda figure, m: m.weighted.draw(figure),
    ),
    Claim(
        id="IV.A.5",
        statement="To any tolerance above zero belongs one number of hidden units that does for all functions on "
        "[0, 1]: each is within the tolerance, in the L2 norm, of a network with that number.",
        rule="False if for each N tried the adversary's function is, by the bound on changes of sign, at least "
        "epsilon away from every network allowed, and no network found is nearer; true if for each N some "
        "network allowed is nearer than epsilon; undecided otherwise.",
        decide=lambda m: m.square_waves.decide(),
        evidence=lambda m: m.square_waves.evidence(),
        why="Times a positive denominator a network of N sigmoids is a sum of at most 2^N exponentials, and so "
        "changes its sign at most 2^N - 1 times; a square wave with more pieces escapes it. The order of the "
        "quantifiers matters: if N may depend on the function, steps at the wave's edges suffice.",
        textbook="false",
        counter=Counter(
            "the function is chosen first, and the number of units may depend on it", {"first": "function"}
        ),
        draw=lambda figure, m: m.square_waves.draw(figure),
    ),
    Claim(
        id="IV.A.a",
        statement="The filters of the message passing network are networks of one variable on the compact [0, "
        "cutoff], and replacing one by its spline through K knots costs an error that falls as the fourth "
        "power of the spacing.",
        rule="True if for each filter, and for the sigmoid network in a filter's place, the error's power of the "
        "spacing, fitted to the last four numbers of knots above rounding, is within 3.5 and 4.5; false if for "
        "one it is below 3; undecided otherwise.",
        decide=lambda m: m.filter_tables.decide(),
        evidence=lambda m: m.filter_tables.evidence(),
        why="Cubic splines approximate functions with four continuous derivatives to fourth order; SiLU, softplus "
        "and sigmoid have all. At the kinks of ReLU the error falls with the first power only.",
        textbook="true",
        counter=Counter("the filters have ReLU in place of a smooth activation", {"filter": "relu"}),
        draw=lambda figure, m: m.filter_tables.draw(figure),
    ),
    Claim(
        id="IV.A.b",
        statement="To any tolerance above zero and any bound on the slopes belongs one number of hidden units that "
        "does for all functions on [0, 1] of bounded slope: each is everywhere within the tolerance of a "
        "network with that number.",
        rule="N is computed from epsilon and the bound alone. True if for each function the staircase of N steps "
        "stays below epsilon; false if for one function every network of N units is, by the bound on changes "
        "of sign, at least epsilon away somewhere, and none found is nearer; undecided otherwise.",
        decide=lambda m: m.bounded_slopes.decide(),
        evidence=lambda m: m.bounded_slopes.evidence(),
        why="All these functions share the modulus of continuity slope · h, and with it the bound on the "
        "staircase's error. This is the set of functions for which the quantifiers of the fifth statement may "
        "be exchanged.",
        textbook="true",
        counter=Counter("the slopes have no bound", {"lipschitz": 0.0}),
    ),
)
