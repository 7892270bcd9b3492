"""The study of LSTMs: its verdicts, its counter-cases, and what its numbers must be by hand."""

import dataclasses

import numpy as np
import pytest
import torch

from empnet.errors import EmpnetError
from empnet.pages.svg import new_figure, svg
from empnet.studies import Effort
from empnet.studies.question_1e_lstm import STUDY, Recurrence, measure
from empnet.studies.question_1e_lstm.claims import decide_sharing, decide_untrainable
from empnet.studies.question_1e_lstm.formulas import Energies, decide_energies, formula
from empnet.studies.question_1e_lstm.order import Order, decide_order, marked_strings
from empnet.studies.question_1e_lstm.unfolding import unfold
from empnet.system.system import System

QUICK = Effort(quick=True, quiet=True)
VERDICTS = {"I.E.1": "false", "I.E.2": "true", "I.E.3": "true", "I.E.4": "false", "I.E.a": "false"}
OPPOSITE = {"true": "false", "false": "true"}


@pytest.fixture(scope="module")
def measured():
    before = torch.random.get_rng_state()
    found = measure(Recurrence(), QUICK)
    assert torch.equal(torch.random.get_rng_state(), before)
    return found


def test_all_claims_are_here():
    assert [claim.id for claim in STUDY.claims] == list(VERDICTS)


@pytest.mark.parametrize("claim", STUDY.claims, ids=lambda claim: claim.id)
def test_verdicts_and_counter_cases(measured, claim):
    assert claim.decide(measured) == VERDICTS[claim.id] == claim.textbook
    changed = measure(dataclasses.replace(Recurrence(), **claim.counter.premises), QUICK)
    assert claim.decide(changed) == OPPOSITE[VERDICTS[claim.id]]
    for found in (measured, changed):
        assert all(isinstance(value, int | float) for value in claim.evidence(found).values())
    if claim.draw is not None:
        with new_figure() as figure:
            caption = claim.draw(figure, measured)
            assert "<svg" in svg(figure, caption)
        assert len(caption) > 20


@pytest.mark.parametrize(("length", "layers", "width"), [(6, 1, 4), (9, 2, 3)])
@pytest.mark.parametrize("shared", [True, False])
def test_an_unfolded_lstm_is_counted_right(length, layers, width, shared):
    e = unfold(Recurrence(length=length, layers=layers, width=width, letters=5, shared=shared))
    own = 4 * width * (5 + width + 2) + (layers - 1) * 4 * width * (2 * width + 2)  # torch has two vectors of biases
    copies = (1, 1) if shared else (length, 2 * length)
    assert e.lengths == (length, 2 * length)
    assert e.cells == tuple(n * layers for n in copies)
    assert e.applied == (length * layers, 2 * length * layers)
    assert e.parameters == tuple(n * own for n in copies)
    assert (e.gates, e.blocks) == (3, 4)
    assert e.deviation < 1e-14  # outputs below one in float64
    assert e.contributions.shape == (length,)
    assert (e.gradient_gap < 1e-12) == (e.spread == 0) == shared


def test_strings_have_each_marked_letter_once_and_their_class_is_the_order():
    strings, classes = marked_strings(200, 7, 6, shuffled=False, seed=1)
    assert {len(s) for s in strings} == {7}
    assert {(s.count("a"), s.count("b")) for s in strings} == {(1, 1)}
    assert set().union(*strings) == set("abcdef")
    assert classes.tolist() == [int(s.index("a") < s.index("b")) for s in strings]
    shuffled, same = marked_strings(200, 7, 6, shuffled=True, seed=1)
    assert same.tolist() == classes.tolist()
    assert [sorted(s) for s in shuffled] == [sorted(s) for s in strings]
    agree = np.mean([int(s.index("a") < s.index("b")) == c for s, c in zip(shuffled, classes, strict=True)])
    assert abs(agree - 0.5) < 3 * np.sqrt(0.25 / 200)  # three standard errors of chance


def test_formulas():
    assert formula(System(np.eye(3), [8, 1, 1])) == "HHO"
    assert formula(System(np.eye(5, 3), [16, 7, 1, 6, 8])) == "CHNOS"


def test_the_errors_of_the_formula_do_not_fall_below_the_spread_of_isomers(measured):
    """The floor is of all molecules, the error of the test set: they scatter by some per cent."""
    e = measured.energies
    assert np.abs(e.formula - e.true).mean() > 0.8 * e.isomers
    assert len(e.true) == 240


def order(lstm, bag, **other):
    return Order(
        (24,), (lstm,), (bag,), (0.5,), **{"trained_on": 1, "trainable": 5, "formula": 5, "moved": 1.0, **other}
    )


def energies(formula_error, geometry_error, n=100):
    signs = np.where(np.arange(n) % 2, 1.0, -1.0)
    spread = 1 + np.linspace(-0.5, 0.5, n)
    true = 20.0 * signs
    return Energies(true, true + formula_error * spread, true + geometry_error * spread, 0.0, 1, 1, (1, 1))


def test_rules_at_their_borders(measured):
    assert decide_order(order(0.95, 0.54)) == "true"
    assert decide_order(order(0.94, 0.5)) == "undecided"
    assert decide_order(order(0.54, 0.5)) == "false"
    assert decide_order(order(1.0, 0.6)) == "undecided"
    assert decide_untrainable(order(1.0, 0.5, moved=0.0)) == "undecided"
    assert decide_untrainable(order(1.0, 0.5, trainable=0)) == "undecided"
    assert decide_energies(energies(5.0, 5.5)) == "true"
    assert decide_energies(energies(5.0, 4.0)) == "undecided"
    assert decide_energies(energies(5.0, 3.0)) == "false"
    assert decide_energies(energies(5.0, 19.0)) == "undecided"  # the geometry was not learned
    mixed = dataclasses.replace(measured.unfolding, spread=1.0)
    assert decide_sharing(mixed) == "undecided"


@pytest.mark.parametrize(
    ("premises", "message"),
    [
        ({"length": 5}, "--length 5; wanted at least 6"),
        ({"letters": 27}, "--letters 27; wanted at most 26"),
        ({"layers": 0}, "--layers 0; wanted at least 1"),
        ({"width": 0}, "--width 0; wanted at least 1"),
    ],
)
def test_invalid_premises(premises, message):
    with pytest.raises(EmpnetError) as error:
        Recurrence(**premises)
    assert str(error.value) == message
