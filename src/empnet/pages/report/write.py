"""Write ``report.html`` into a run folder."""

from __future__ import annotations

from html import escape
from pathlib import Path

from empnet.pages.page import Section, page, paragraph
from empnet.pages.report.audit_section import audit_section, audit_summary
from empnet.pages.report.class_sections import class_facts, class_section
from empnet.pages.report.derivative_sections import derivative_section
from empnet.pages.report.error_sections import error_section
from empnet.pages.report.material import Material, gather
from empnet.pages.report.scene import Scene
from empnet.pages.report.sections import configuration, course, files_and_versions, filters, model_section, split
from empnet.pages.report.uncertainty_section import uncertainty_section
from empnet.pages.report.viewer import STYLE, script
from empnet.pages.report.words import amount, duration, notes, pooling_text, training_summary
from empnet.prediction.accuracy import of_results
from empnet.prediction.evaluate import Evaluation
from empnet.prediction.last_words import course_facts, verdict_of_evaluations, verdict_of_run
from empnet.prediction.verdict import Verdict, verdict
from empnet.runtime.durable_files import refuse_to_replace, write_text
from empnet.training.own_data import inputs_of
from empnet.training.run.run_folder import RunFolder

__all__ = ["write_report"]

STYLE_OF_REPORT = """
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 24rem), 1fr)); gap: 0 2rem; }
.figures figure svg { max-height: none; max-width: 34rem; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 12rem), 1fr)); gap: .8rem;
  margin: 1rem 0; }
.facts b { display: block; overflow-wrap: anywhere; font-size: 1.3rem; line-height: 1.3;
  font-variant-numeric: tabular-nums; }
.facts span { color: var(--faint); font-size: .85rem; display: block; overflow-wrap: anywhere; }
figure.card { margin: 0; }
.audit td:last-child { min-width: 16rem; }
@media print { h3 { break-after: avoid; } .figures { grid-template-columns: 1fr 1fr; }
  tr, .card { break-inside: avoid; } .audit td:last-child { min-width: 0; } .audit td.number { white-space: normal; } }
"""


def write_report(run: str | Path, *, out: str | Path | None = None, audited: bool = True, quiet: bool = False) -> Path:
    """Write ``report.html``: a self-contained page on a run and its model.

    The page shows all available results of the run. Errors are measured again on the run's own test set, or on the
    validation set if there is no test set. If the data do not exist any more, the page says so and shows the errors
    measured in training.

    Arguments:
        run: The run folder.
        out: Path of the page; default: ``report.html`` in the run folder.
        audited: Whether to audit the model on a few systems, which takes some seconds.
        quiet: No progress bar.

    Returns:
        Path of the page; an existing page is replaced.

    Raises:
        EmpnetError: If it is not a run folder, or a file in it is damaged; if ``out`` is an input file.
        FileError: If the page cannot be written.

    Example:
        >>> import tempfile
        >>> places = [[[0, 0, 0], [0, 0, 1 + 0.01 * i]] for i in range(20)]
        >>> pairs = [empnet.System(r, [1, 1], properties={"energy": r[1][2]}) for r in places]
        >>> run = empnet.train(pairs, "energy", out=tempfile.mkdtemp() + "/run", epochs=1, quiet=True).run
        >>> write_report(run, audited=False, quiet=True).name
        'report.html'
    """
    path = RunFolder(run).path / "report.html" if out is None else Path(out)
    if path.parent.is_dir() or out is not None:  # otherwise it is not a run, and gather raises that error
        refuse_to_replace(path, True, inputs=inputs_of(run))
    material = gather(run, audited=audited, quiet=quiet)
    sections, scenes = _sections(material)
    style = f"<style>{STYLE_OF_REPORT}{STYLE}</style>\n"
    title = f"Report of {material.run.path.resolve().name}: {', '.join(material.card.properties)}"
    write_text(path, page(title, style + _lead(material), sections, script=script(scenes)))
    return path


def _sections(material: Material) -> tuple[list[Section], list[Scene]]:
    """Return all parts of the page in order, and the scenes for its viewers."""
    scenes: list[Scene] = []
    errors = []
    if material.side is not None:
        for k in range(len(material.card.properties)):
            clouds = material.card.preparation is not None
            section, more = error_section(material.side, k, material.card.species, len(scenes), clouds)
            errors.append(section)
            scenes += more
            errors += map(derivative_section, material.side.evaluations[k].derivatives.values())
        errors += filter(None, [uncertainty_section(material.side)])
    if material.class_side is not None:
        clouds = material.card.preparation is not None
        errors.append(class_section(material.class_side, "clouds" if clouds else "systems", clouds))
    rest = (
        audit_section(material.audit),
        course(material),
        filters(material),
        split(material),
        configuration(material),
        model_section(material),
    )
    return [*errors, *(section for section in rest if section is not None), files_and_versions(material)], scenes


def _lead(material: Material) -> str:
    """Return the summary: first the verdict, then the main numbers, then facts on training."""
    model = None if material.predictor is None else material.predictor.model
    words = _verdict(material)
    lines = [paragraph(sentence.text, kind=sentence.kind) for sentence in words.sentences]
    lines.append(_facts(material))
    if material.side is None and material.class_side is None and words.sentences:
        lines.append(paragraph("These errors were measured when training ended, not again for this page."))
    if material.side is not None and material.side.name == "validation":
        lines.append(paragraph("The run has no test set, so the errors are measured on the validation set."))
    lines.append(paragraph(training_summary(material, model)))
    if material.card.architecture.readout == "additive":
        lines += [paragraph(pooling_text(material, k)) for k in range(len(material.card.properties))]
    findings = notes(material) if material.audit is None else [audit_summary(material.audit), *notes(material)]
    return "".join([*lines, *(paragraph(line, kind=kind) for line, kind in findings)])


def _verdict(material: Material) -> Verdict:
    """Return the verdict, as ``empnet check`` does, from the new errors or else from the errors in training."""
    if material.side is not None:
        return verdict_of_evaluations(material.side.evaluations, material.side.name, material.run.path)
    if material.class_side is not None:
        return verdict_of_evaluations([material.class_side.evaluation], material.class_side.name, material.run.path)
    if material.card.classes:
        return verdict_of_run(material.run.path)
    return verdict(of_results(material.results), course_facts(material.run.path))


def _facts(material: Material) -> str:
    facts = []
    for evaluation in () if material.side is None else material.side.evaluations:
        facts += _facts_of(evaluation, material.side.name if material.side else "")
    if material.class_side is not None:
        facts += class_facts(material.class_side)
    if material.curves is not None:
        facts.append((duration(float(material.curves.seconds[-1])), "of training"))
    cards = (f'<div class="card"><b>{_breakable(value)}</b><span>{escape(what)}</span></div>' for value, what in facts)
    return f'<div class="facts">{"".join(cards)}</div>' if facts else ""


def _breakable(text: str) -> str:
    """Return HTML in which a long unit may break after a slash, not within a word."""
    return escape(text).replace("/", "/<wbr>")


def _facts_of(evaluation: Evaluation, side: str) -> list[tuple[str, str]]:
    mae, base, unit = evaluation.metrics["mae"], evaluation.baseline["mae"], evaluation.unit
    interval = f"95 %: {amount(mae.low)} to {amount(mae.high, unit)}"
    return [
        (amount(mae.value, unit), f"{side} MAE of {evaluation.name} ({interval})"),
        (amount(base.value, unit), f"MAE of the {evaluation.baseline_name}"),
        *(
            (amount(errors.metrics["mae"].value, errors.unit), f"{side} MAE of {errors.name}")
            for errors in evaluation.derivatives.values()
        ),
    ]
