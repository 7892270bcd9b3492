"""Claims I.E: cells, weights and abilities of an LSTM."""

from __future__ import annotations

from typing import TYPE_CHECKING

from empnet.studies.claim import Claim, Counter, Verdict, verdict
from empnet.studies.question_1e_lstm.formulas import (
    CHEMICAL_ACCURACY,
    LEARNED,
    decide_energies,
    draw_energies,
    errors,
)
from empnet.studies.question_1e_lstm.measured import Measured
from empnet.studies.question_1e_lstm.order import HIGH, Order, accuracies, decide_order, draw_order, weights_trained
from empnet.studies.question_1e_lstm.unfolding import Unfolding, cells_counted, draw_gradients, weights_compared

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["CLAIMS", "decide_sharing", "decide_untrainable"]

ROUNDING = 1e-9
"""Rounding of sums of some hundred products in float64; weights that differ by more are different."""


def decide_sharing(e: Unfolding) -> Verdict:
    """True for equal numbers of parameters, equal weights, and a gradient that is the sum; false for none of these."""
    alike = (e.parameters[0] == e.parameters[1], e.spread <= ROUNDING, e.gradient_gap <= ROUNDING)
    return "true" if all(alike) else "undecided" if any(alike) else "false"


def decide_untrainable(e: Order) -> Verdict:
    """True if no weight is trainable and none moved; false if weights are trainable and moved."""
    return "undecided" if (e.trainable > 0) != (e.moved > 0) else verdict(e.trainable == 0)


def draw_errors(figure: Figure, e: Measured) -> str:
    """Draw the figure of the energies."""
    return draw_energies(figure, e.energies)


CLAIMS: tuple[Claim[Measured], ...] = (
    Claim(
        id="I.E.1",
        statement="An LSTM consists of three cells, no more and no fewer.",
        rule="Cells are counted in the LSTM written out for strings of one length and of twice that length, in two "
        "ways: distinct cells (those with weights of their own), and applications of a cell to a string. True if "
        "either count is 3 at both lengths; else false.",
        decide=lambda e: verdict((3, 3) in (e.unfolding.cells, e.unfolding.applied)),
        evidence=lambda e: cells_counted(e.unfolding),
        why="A layer has one cell, which is applied once for each letter, so the unfolded network has as many copies "
        "as the string has letters. What there are three of are the sigmoid gates within a cell (input, forget, "
        "output); with the candidate for its state it has four blocks of weights. Three layers would have three cells.",
        textbook="false",
        counter=Counter("three layers are put on top of each other", {"layers": 3}),
    ),
    Claim(
        id="I.E.2",
        statement="LSTMs can classify sequences: there are classes that depend on nothing but the order of the "
        "letters, and an LSTM learns to predict them for unseen strings.",
        rule=f"True if the accuracy on new strings is at least {HIGH} while logistic regression and a perceptron, "
        "which see only how often each letter occurs, are within three standard errors of one half; false if the LSTM "
        "is within three standard errors of one half, too; else undecided.",
        decide=lambda e: decide_order(e.order),
        evidence=lambda e: accuracies(e.order),
        why="The state after the last letter depends on all letters and on their order; a linear layer on it gives "
        "logits of the classes. If the letters are shuffled, the strings do not determine the class, and "
        "nothing can be learned.",
        textbook="true",
        counter=Counter("the letters of each string are shuffled after its class is known", {"shuffled": True}),
        draw=lambda figure, e: draw_order(figure, e.order),
    ),
    Claim(
        id="I.E.3",
        statement="The cells of an unfolded LSTM have the same weights, whatever the length of the string.",
        rule=f"Three tests: the number of parameters is the same for strings twice as long; after some training steps "
        f"the weights of all steps are equal to {ROUNDING:g}; the gradient of the first step's cell is the sum over "
        f"the steps of the gradients of copies, to {ROUNDING:g}. True if all three hold, false if none does, else "
        "undecided.",
        decide=lambda e: decide_sharing(e.unfolding),
        evidence=lambda e: weights_compared(e.unfolding),
        why="Unfolding writes the same cell once for each letter. By the chain rule the gradient of a shared weight is "
        "the sum of what each place of use contributes, and it accumulates in one tensor. Copies of their own start "
        "equal, get different gradients, and drift apart.",
        textbook="true",
        counter=Counter("each step has weights of its own", {"shared": False}),
        draw=lambda figure, e: draw_gradients(figure, e.unfolding),
    ),
    Claim(
        id="I.E.4",
        statement="An LSTM has no weights that can be trained.",
        rule="True if the built LSTM has no trainable parameter and training leaves its weights as they were; false if "
        "it has some and training moves them; else undecided.",
        decide=lambda e: decide_untrainable(e.order),
        evidence=lambda e: weights_trained(e.order),
        why="Each of the four blocks of a cell has a matrix for the letter, one for the state, and biases (two vectors "
        "in torch): 4 width (letters + width + 2) numbers, all trained. With frozen weights an LSTM is a fixed random "
        "map of strings.",
        textbook="false",
        counter=Counter("its weights stay as they were drawn at random", {"trainable": False}),
    ),
    Claim(
        id="I.E.a",
        statement="The formula alone, read letter by letter by an LSTM, predicts the atomisation energy of a molecule "
        "as well as its geometry does.",
        rule="The LSTM and the message passing network are trained on the same molecules, with as many passes over "
        "them and the same composition baseline. True if the 95 % interval of the difference of their mean absolute "
        f"errors on test molecules lies below {CHEMICAL_ACCURACY:g} kcal/mol (chemical accuracy), false if it lies "
        f"above, else undecided; undecided, too, if the message passing network's error is more than {LEARNED:g} of "
        "the baseline's, for then it has not learned.",
        decide=lambda e: decide_energies(e.energies),
        evidence=lambda e: errors(e.energies),
        why="Isomers have one formula and different energies; the mean distance of an energy from the median of its "
        "isomers is a floor for whatever sees only the formula, however long it is trained. The geometry "
        "distinguishes isomers.",
        textbook="false",
        counter=Counter("all isomers have the same energy, the mean over them", {"isomers_differ": False}),
        draw=draw_errors,
    ),
)
