"""What the network is called: verdicts at the question's premises, and where they flip."""

from dataclasses import replace

import pytest

from empnet.errors import EmpnetError
from empnet.studies.claim import Effort
from empnet.studies.question_1b_architectures import STUDY, Network

VERDICTS = {"I.B.1": "false", "I.B.2": "true", "I.B.3": "false", "I.B.4": "true"}
OPPOSITE = {"true": "false", "false": "true"}
CLAIMS = {claim.id: claim for claim in STUDY.claims}


@pytest.fixture(scope="module")
def measured():
    """Premises -> evidence, each measured once."""
    known = {}

    def measure(premises):
        if premises not in known:
            known[premises] = STUDY.measure(premises, Effort(quick=True, quiet=True))
        return known[premises]

    return measure


def test_ids():
    assert list(CLAIMS) == list(VERDICTS)


@pytest.mark.parametrize("claim", STUDY.claims, ids=lambda claim: claim.id)
def test_a_claim_and_its_counter_case(claim, measured):
    evidence = measured(Network())
    countered = measured(replace(Network(), **claim.counter.premises))
    assert claim.decide(evidence) == VERDICTS[claim.id] == claim.textbook
    assert claim.decide(countered) == OPPOSITE[VERDICTS[claim.id]]
    assert all(isinstance(value, float | int | str) for value in claim.evidence(countered).values())


def test_the_autoencoder_is_real(measured):
    """The molecules differ, PCA gets better with every component, and the network beats it through the same five."""
    e = measured(Network())
    assert e.structure.widths == (25, 30, 5, 50, 25)
    assert 0.5 < e.of_mean < 1.5  # the mean is off by one variance, but for values that hardly vary or are padding
    errors = [e.of_pca[number] for number in sorted(e.of_pca)]
    assert errors == sorted(errors, reverse=True)
    assert e.of_network < e.of_pca[5] < e.of_mean


def test_other_counter_cases(measured):
    around = measured(Network(kind="skip"))
    assert CLAIMS["I.B.2"].decide(around) == CLAIMS["I.B.4"].decide(around) == "false"
    narrowed = measured(Network(outputs=1))
    assert CLAIMS["I.B.2"].decide(narrowed) == "true"
    assert CLAIMS["I.B.4"].decide(narrowed) == "false"
    assert narrowed.of_network is None
    assert CLAIMS["I.B.4"].evidence(narrowed)["output nodes"] == 1


def test_the_figure_is_drawn(measured):
    from empnet.pages.svg import new_figure, svg

    for premises in (Network(), Network(outputs=1), Network(widths="30,40,50")):
        with new_figure() as figure:
            caption = CLAIMS["I.B.4"].draw(figure, measured(premises))
            assert svg(figure, caption).startswith("<svg")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"widths": "30,5,"}, "--widths '30,5,'; wanted positive whole numbers with commas, such as 30,5,50"),
        ({"widths": "30,0"}, "--widths '30,0'; wanted positive"),
        ({"inputs": 10}, "--inputs 10; wanted at least 23"),
        ({"kind": "skip", "outputs": 3}, "--kind skip with 25 inputs and 3 outputs; wanted as many of both"),
        (
            {"kind": "recurrent", "widths": "30"},
            "--kind recurrent with --widths 30; wanted a state and a further layer",
        ),
        ({"kind": "deep"}, "--kind deep; wanted dense or skip or recurrent"),
    ],
)
def test_invalid_premises(wrong, message):
    with pytest.raises(EmpnetError, match=message):
        Network(**wrong)
