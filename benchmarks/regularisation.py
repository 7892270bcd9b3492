"""Measure what is missing in docs/studies/regularisation.json, and write docs/regularisation.md and .png from it.

    OMP_NUM_THREADS=1 python benchmarks/regularisation.py

All of it takes forty minutes of one core; what is there is not measured again. Ctrl-C may end it at any time; the same
command goes on.
"""

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path

from empnet.pages.svg import new_figure
from empnet.runtime.durable_files import replacing, write_text
from empnet.studies.claim import Effort
from empnet.studies.question_2b_regularisation import STUDY
from empnet.studies.question_2b_regularisation.evidence import Change, Measured, symptom, table
from empnet.studies.question_2b_regularisation.figures import LABELS, draw_changes, draw_symptom
from empnet.studies.run import Outcome, run

DOCS = Path(__file__).parents[1] / "docs"
RESULTS = DOCS / "studies"


def interval(c: Change, scale: float = 1, digits: int = 2) -> str:
    """A change with its interval, for the table."""
    if not c.pairs:
        return "-"
    return f"{scale * c.mean:+.{digits}f} ({scale * c.low:+.{digits}f} to {scale * c.high:+.{digits}f})"


def paragraph(text: str) -> str:
    """Filled to the width of the other documents."""
    return textwrap.fill(" ".join(text.split()), 118, break_long_words=False, break_on_hyphens=False) + "\n"


def introduction(e: Measured) -> Iterator[str]:
    """What was measured, where and how."""
    p = e.premises
    record = json.loads((RESULTS / "regularisation.json").read_text(encoding="utf-8"))
    seconds = sum(run["seconds"] for run in record["runs"])
    share, factor, rise = symptom(e)
    yield "# Remedies against overfitting, measured\n"
    yield paragraph(f"""Measured {record["date"]} on {record["machine"]}: {len(record["runs"])} trainings,
        {seconds / 60:.0f} minutes of one core. Written by `benchmarks/regularisation.py` from
        `studies/regularisation.json`, which contains all losses.""")
    yield paragraph(f"""The network is a reduced form of the network of the study `regularisation`. The data are the
        bundled photographs of signing hands at {p.size} x {p.size} pixels, {p.pictures} of them for training. The
        network has convolutions 8 x 8 x {p.channels // p.reduction} and 4 x 4 x {p.second_channels}, and
        {p.linear_units // p.reduction} linear units. Adam has a rate of {p.rate:g} times {p.reduction}, because a
        network of 1/{p.reduction} of the width needs a rate larger by this factor (Yang and Hu, Tensor Programs V,
        2022). There are {p.epochs} epochs, with batch size {p.batch_size} and dropout {p.dropout:g}. Each of {p.seeds}
        seeds holds out another sixth of the hands, and has {p.repeats} trainings, whose losses are averaged (one in the
        counter-cases). Losses are cross entropies in evaluation mode, after every second
        epoch.""")
    yield paragraph(f"""**Symptom.** The validation loss comes within 5 % of its smallest value after
        {100 * share:.0f} % of the epochs. From then on, the training loss falls by a factor of {factor:.0f}, while the
        validation loss rises to {rise:.2f} times its smallest value. The best validation loss is {e.best:.2f} nats
        (mean over the seeds).""")
    yield "![Training and validation loss without a remedy](regularisation-symptom.png)\n"


def results(e: Measured) -> Iterator[str]:
    """The table of remedies and the rule."""
    words = {True: "yes", False: "no", None: "undecided"}
    yield "## The remedies\n"
    yield "![Changes in best validation loss and in the gap, with intervals](regularisation.png)\n"
    yield "| remedy | change in best validation loss, % | change in gap, nats | promising |\n|---|---|---|---|"
    for name, best, gap, told in table(e):
        yield f"| {LABELS[name]} | {interval(best, 100, 0)} | {interval(gap)} | {words[told]} |"
    yield "\n" + paragraph("""Intervals are 95 %, by Student's t over the pairs of trainings with the same seed and the
        same hands held out. The gap is validation minus training loss after the last epoch. For reruns, the parameters
        with the smallest training loss are compared with the best validation loss of single trainings.""")
    yield paragraph("""**Rule.** Promising: the interval of the change in best validation loss is below zero, and the
        mean gain is at least 5 %. Not promising: the whole interval is above -5 %. Otherwise: undecided.""")
    yield paragraph("""**Changes of the plan.** Rule and remedies were written before measuring, with these exceptions.
        Changes are fractions of the loss without the remedy; this was decided after two of six seeds had been seen,
        because that loss differs by a factor of two between the hands held out. Repeats were added after four seeds had
        been seen and several remedies were undecided. Rate and epochs were chosen in pilot trainings without a remedy,
        with dropout and with augmentation. Five counter-cases were replaced after the first seeds, because the first
        versions changed too little: pooling of 3 x 3, noise of 0.3 on the pictures held out, a rate ten times larger,
        an end after 4 epochs for the smaller batch, and, for reruns, a choice by validation loss.""")
    yield paragraph("""**Removals** must also leave fewer parameters. Only the removal of both convolutions does:""")
    yield "| removed | parameters at full size | parameters as measured |\n|---|---|---|"
    for name, number in e.parameters.items():
        yield f"| {name.removeprefix('without ')} | {number:,} | {e.measured_parameters[name]:,} |"


def verdicts(outcome: Outcome) -> Iterator[str]:
    """Claims, counter-cases and disagreements."""
    yield "\n## Verdicts and counter-cases\n"
    yield "| claim | statement | verdict | textbook | if ... | then |\n|---|---|---|---|---|---|"
    for finding in outcome.findings:
        claim, counter = finding.claim, finding.counter
        assert counter is not None
        row = [claim.id, claim.statement, finding.verdict, claim.textbook, counter.change, counter.verdict]
        yield f"| {' | '.join(row)} |"
    unlike = [finding.claim for finding in outcome.findings if finding.agrees is False]
    told = [paragraph(f"- {claim.id}: {claim.disagreement}") for claim in unlike]
    if told:
        yield "\n## Verdicts that differ from the textbook's\n"
        yield "".join(told).rstrip()


def main() -> None:
    """Measure and write."""
    outcome = run(STUDY, effort=Effort(folder=RESULTS))
    for name, draw in (("regularisation.png", draw_changes), ("regularisation-symptom.png", draw_symptom)):
        with new_figure(8, 4) as figure, replacing(DOCS / name) as path:
            draw(figure, outcome.measured)
            figure.savefig(path, format="png", facecolor="white")
    lines = [*introduction(outcome.measured), *results(outcome.measured), *verdicts(outcome)]
    write_text(DOCS / "regularisation.md", "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
