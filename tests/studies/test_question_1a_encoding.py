"""The study of one-hot encoding: its verdicts, its counter-cases, and the counts for any premises."""

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from empnet.errors import EmpnetError
from empnet.studies import Effort
from empnet.studies.question_1a_encoding import STUDY
from empnet.studies.question_1a_encoding.measurement import Strings, measure, random_strings

QUICK = Effort(quick=True, quiet=True)
VERDICTS = {
    "I.A.1": "false",
    "I.A.2": "false",
    "I.A.3": "true",
    "I.A.4": "false",
    **{f"I.A.{letter}": "true" for letter in "abcdef"},
}
OPPOSITE = {"true": "false", "false": "true"}


@pytest.fixture(scope="module")
def measured():
    return measure(Strings(), QUICK)


def test_all_claims_are_here():
    assert [claim.id for claim in STUDY.claims] == list(VERDICTS)


@pytest.mark.parametrize("claim", STUDY.claims, ids=lambda claim: claim.id)
def test_verdicts_and_counter_cases(measured, claim):
    assert claim.decide(measured) == VERDICTS[claim.id] == claim.textbook
    changed = measure(dataclasses.replace(Strings(), **claim.counter.premises), QUICK)
    assert claim.decide(changed) == OPPOSITE[VERDICTS[claim.id]]
    assert claim.evidence(measured)
    assert claim.evidence(changed)


@settings(max_examples=25)
@given(length=st.integers(0, 20), letters=st.integers(1, 30), batch_size=st.integers(1, 9), embedding=st.integers(0, 5))
def test_counts_for_any_premises(length, letters, batch_size, embedding):
    e = measure(Strings(length=length, letters=letters, batch_size=batch_size, embedding=embedding), QUICK)
    ones = batch_size * length
    assert e.nonzero == ones * (embedding or 1)
    assert e.least == e.nonzero // batch_size
    assert e.shape == (batch_size, length, embedding if embedding and length else letters)


@pytest.mark.parametrize(
    ("premises", "message"),
    [
        ({"shorter": 3}, "equal lengths"),
        ({"shorter": 100}, "has 0 items"),
        ({"unknown": 1}, "item 0 is '0'"),
        ({"unknown": 100}, "item 0 is '0'"),
    ],
)
def test_refused_strings(premises, message):
    e = measure(Strings(**premises), QUICK)
    assert message in e.refusal
    assert len(e.refusal) < 300  # not the whole strings
    counts = [claim for claim in STUDY.claims if claim.id not in ("I.A.d", "I.A.e")]
    assert {claim.decide(e) for claim in counts} == {"undecided"}
    assert all(claim.evidence(e)["refused because"] == e.refusal for claim in counts)


def test_faults_are_distinguished():
    """Unequal lengths are not held against the letters, nor the other way round."""
    wanted = {(0, 0): "true true", (1, 0): "false true", (0, 1): "true false", (1, 1): "false false"}
    for (shorter, unknown), verdicts in wanted.items():
        e = measure(Strings(shorter=shorter, unknown=unknown), QUICK)
        d, other = (claim.decide(e) for claim in STUDY.claims if claim.id in ("I.A.d", "I.A.e"))
        assert f"{d} {other}" == verdicts


def test_one_string_alone_may_have_any_length():
    assert measure(Strings(batch_size=1, shorter=4), QUICK).nonzero == 96


def test_random_strings_use_the_whole_alphabet_and_repeat():
    premises = Strings(letters=5)
    batch = random_strings(premises, "abcde")
    assert set("".join(batch)) == set("abcde")
    assert batch == random_strings(premises, "abcde")
    assert len(set(batch)) == len(batch)


def test_equal_rates_leave_the_learning_rate_undecided():
    """Nothing was compared."""
    e = measure(Strings(learning_rate=0.1, other_rate=0.1), QUICK)
    (claim,) = (claim for claim in STUDY.claims if claim.id == "I.A.a")
    assert claim.decide(e) == "undecided"


@pytest.mark.parametrize(
    ("premises", "message"),
    [
        ({"length": -1}, "--length -1; wanted at least 0"),
        ({"letters": 0}, "--letters 0; wanted at least 1"),
        ({"length": 5, "shorter": 6}, "--shorter 6; wanted at most --length 5"),
        ({"batch_size": 10**6}, "a batch of 2,600,000,000 entries; wanted at most 100,000,000"),
    ],
)
def test_impossible_premises(premises, message):
    with pytest.raises(EmpnetError) as error:
        Strings(**premises)
    assert str(error.value) == message


def test_figures(measured):
    from empnet.pages.svg import new_figure, svg

    (claim,) = (claim for claim in STUDY.claims if claim.draw)
    for e in (measured, measure(Strings(length=0), QUICK), measure(Strings(shorter=1), QUICK)):
        with new_figure() as figure:
            caption = claim.draw(figure, e)
            assert svg(figure, caption).startswith("<svg")
