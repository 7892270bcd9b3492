"""What all studies have in common: every option of the exam is there, rules are rules, and the report says all."""

import dataclasses
import importlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import empnet.studies
from empnet.errors import EmpnetError
from empnet.studies import NAMES, Claim, Counter, Effort, Premises, Study, load, premise, verdict
from empnet.studies.report import write_studies
from empnet.studies.run import run
from empnet.studies.table import print_outcome

HOME = Path(empnet.studies.__file__).parent

OPTIONS = {
    **dict.fromkeys(("I.A", "I.B", "I.C", "I.D", "I.E", "III.D"), 4),
    **dict.fromkeys(("I.F", "II.B"), 8),
    "II.A": 2,
    "IV.A": 5,
}
"""How many options each question of the exam has."""

OPEN = ["III.A", "III.B", "III.C", "III.E", "V.A", "V.B", "V.C"]
"""Its questions without options."""


@pytest.fixture(scope="module")
def claims() -> list[tuple[str, Claim]]:
    return [(name, claim) for name in NAMES for claim in load(name).claims]


def test_every_option_of_the_exam_is_a_claim_and_every_open_question_has_one(claims):
    ids = [claim.id for _, claim in claims]
    assert len(set(ids)) == len(ids)
    options = [each for each in ids if re.fullmatch(r"[IV]+\.[A-F]\.\d+", each)]
    assert sorted(options) == sorted(f"{question}.{k}" for question, n in OPTIONS.items() for k in range(1, n + 1))
    ours = {each.rpartition(".")[0] for each in ids if re.fullmatch(r"[IV]+\.[A-F]\.[a-z]", each)}
    assert set(OPEN) <= ours


def test_the_map_leads_to_the_text_of_every_claim(claims):
    """README.md of the studies: question, claims, study, and files that hold the texts, measure and test."""
    lines = (HOME / "README.md").read_text().splitlines()
    rows = [line.split("|")[1:-1] for line in lines if re.match(r"\| [IV]+\.", line)]
    mapped = []
    for question, listed, study, text, measurement, test in ([cell.strip() for cell in row] for row in rows):
        (file,) = re.findall(r"\((.*?)\)", text)
        own = importlib.import_module(f"empnet.studies.{file.removesuffix('.py').replace('/', '.')}").CLAIMS
        numbers = re.findall(r"(\w)-(\w)|(\w)", listed.removeprefix(f"{question}."))
        ids = [chr(k) for first, last, one in numbers for k in range(ord(first or one), ord(last or one) + 1)]
        found = [claim.id for claim in own]
        assert found == [f"{question}.{each}" for each in ids]
        mapped += [(study.strip("`"), each) for each in found]
        for path in re.findall(r"\((.*?)\)", measurement):
            assert (HOME / path).is_file()
        assert (Path(__file__).parent / f"{test.strip('`')}.py").is_file()
        assert Path(file).parts[0] == test.strip("`").removeprefix("test_")
    assert sorted(mapped) == sorted((name, claim.id) for name, claim in claims)


def test_claims_are_complete_and_premises_can_be_changed(claims):
    for name in NAMES:
        study = load(name)
        assert study.name == name
        assert dataclasses.is_dataclass(study.premises)
        for claim in study.claims:
            for text in (claim.statement, claim.rule, claim.why, claim.counter.change):
                assert len(text) > 5, claim.id
            assert claim.counter.premises, claim.id
            assert dataclasses.replace(study.premises(), **claim.counter.premises) != study.premises()
        for field in dataclasses.fields(study.premises):
            assert type(field.default) in (int, float, str, bool), field.name


@dataclasses.dataclass(frozen=True)
class Dice(Premises):
    sides: int = premise(6, "Sides of a die.", at_least=1)
    colour: str = premise("white", "Of the die.", one_of=("white", "black"))


@dataclasses.dataclass(frozen=True)
class Throws:
    largest: int


def toss(limit: int = 6, counter_sides: int = 7, textbook: str = "true", disagreement: str = "") -> Study:
    claim: Claim[Throws] = Claim(
        id="I.Z.1",
        statement=f"No throw is larger than {limit} <b>.",
        rule=f"true if the largest is at most {limit}",
        decide=lambda throws: verdict(throws.largest <= limit),
        evidence=lambda throws: {"largest throw": throws.largest, "root": float("nan")},
        why="A die has no more sides.",
        textbook=textbook,
        counter=Counter(f"the die has {counter_sides} sides", {"sides": counter_sides}),
        disagreement=disagreement,
        draw=lambda figure, throws: figure.subplots().plot([0, throws.largest]) and "A line & its caption.",
    )
    return Study("dice", "Dice", "A die is thrown.", Dice, lambda p, _: Throws(p.sides), (claim,))


def test_verdicts_follow_from_evidence_and_premises():
    outcome = run(toss())
    (finding,) = outcome.findings
    assert (finding.verdict, finding.counter.verdict, finding.agrees, finding.flips) == ("true", "false", True, True)
    assert outcome.sound
    changed = run(toss(), Dice(sides=20))
    assert [(f.verdict, f.counter, f.textbook) for f in changed.findings] == [("false", None, None)]
    assert changed.changed


@pytest.mark.parametrize(
    ("study", "message"),
    [
        (toss(limit=5, counter_sides=4), "the textbook says true, measured is false: not explained"),
        (toss(counter_sides=5), "the verdict stays true even if the die has 5 sides"),
    ],
)
def test_unsound_findings_are_reported(study, message, capsys):
    outcome = run(study)
    assert not outcome.sound
    print_outcome(outcome)
    assert message in " ".join(capsys.readouterr().out.split())


def test_an_explained_disagreement_is_sound():
    outcome = run(toss(limit=5, counter_sides=4, disagreement="The book has dice of five sides."))
    assert outcome.findings[0].agrees is False
    assert outcome.sound


@pytest.mark.parametrize(
    ("given", "message"),
    [({"sides": 0}, "--sides 0; wanted at least 1"), ({"colour": "red"}, "--colour red; wanted white or black")],
)
def test_invalid_premises(given, message):
    with pytest.raises(EmpnetError, match=f"^{message}$"):
        Dice(**given)


def test_the_report_holds_every_claim_with_its_evidence(tmp_path):
    path = write_studies([run(toss(), effort=Effort(quick=True))], tmp_path / "new")
    (record,) = json.loads((tmp_path / "new" / "claims.json").read_text())
    assert (record["study"], record["id"]) == ("dice", "I.Z.1")
    assert record["verdict"] == "true"
    assert record["evidence"] == {"largest throw": 6, "root": "nan"}
    assert record["counter"]["evidence"]["largest throw"] == 7
    page = path.read_text()
    for text in ("I.Z.1", "larger than 6 &lt;b&gt;", "if the die has 7 sides", "<svg", "its caption", "quick"):
        assert text in page
    assert not re.findall(r"""(?:src|href)=["'](?!#|data:)|url\((?!#)""", page)  # it needs nothing but itself


def empnet(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "empnet", *map(str, words)], capture_output=True, text=True)


def test_the_command_line(tmp_path):
    message = empnet("study")
    assert message.returncode == 0, message.stderr
    for name in NAMES:
        assert name in message.stdout
    helped = empnet("study", "encoding", "--help").stdout
    assert "--batch-size" in helped
    assert "[default: 32]" in helped
    one = empnet("study", "encoding", "--quick", "--out", tmp_path / "one")
    assert one.returncode == 0, one.stderr
    assert "3,200" in one.stdout
    assert (tmp_path / "one" / "report.html").exists()
    again = empnet("study", "encoding", "--quick", "--out", tmp_path / "one")
    assert again.returncode == 2
    assert "already exists" in again.stderr
    other = json.loads(empnet("study", "encoding", "--batch-size", 64, "--json").stdout)
    assert {record["id"]: record["verdict"] for record in other}["I.A.3"] == "false"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("study", "encodin"), "there is no study 'encodin'; did you mean 'encoding'?"),
        (("study", "convolution", "--kernel", 65), "a kernel of 65 x 65 pixels is larger than the image, 64 x 64"),
        (("study", "encoding", "--length", "-1"), "--length -1; wanted at least"),
    ],
)
def test_a_mistake_is_one_line(words, message):
    done = empnet(*words)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
