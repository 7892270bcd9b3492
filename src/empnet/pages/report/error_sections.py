"""The parts of the page on errors: parity, distribution, groups of systems, the worst systems."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from empnet.pages.clouds.three_views import three_views
from empnet.pages.page import Section, figure, paragraph, table
from empnet.pages.report.figures import Group, distribution, grouped, mae_of_groups, parity, residuals, size_groups
from empnet.pages.report.scene import Scene, formula_of, scene_of
from empnet.pages.report.side import MeasuredSide
from empnet.pages.report.viewer import legend, view
from empnet.pages.report.words import amount
from empnet.prediction.evaluate import Evaluation
from empnet.prediction.metrics import R2, r2_in_words, to_error
from empnet.system.one_hot import symbol

__all__ = ["error_section"]

QUANTILES = (0.5, 0.75, 0.9, 0.95, 0.99)


def error_section(
    side: MeasuredSide, k: int, species: tuple[int, ...], first: int, clouds: bool = False
) -> tuple[Section, list[Scene]]:
    """Return the section on the errors of one property.

    Arguments:
        side: The measured set of the data.
        k: Index of the property.
        species: Species of the model, in the order of the counts.
        first: Index of the section's first scene on the page.
        clouds: Whether the systems are clouds of points, which have three views and no species.

    Returns:
        The section, and the scenes of its pictures.
    """
    evaluation = side.evaluations[k]
    if clouds:
        return _cloud_errors(evaluation, side, k), []
    scenes = [scene_of(system) for system in side.worst[k]]
    body = "".join((
        _parity(evaluation, side.name),
        "<h3>Distribution of errors</h3>", _distribution(evaluation),
        "<h3>By size and species</h3>", _groups(evaluation, side, species),
        "<h3>The worst systems</h3>", _worst(evaluation), _pictures(evaluation, scenes, first),
    ))  # fmt: skip
    return Section(f"Errors of {evaluation.name}", body), scenes


def _cloud_errors(evaluation: Evaluation, side: MeasuredSide, k: int) -> Section:
    """Return the section on the errors of a property of clouds."""
    worst = evaluation.worst[: len(side.worst[k])]
    titles = [f"true {each.target:.4g}, predicted {each.predicted:.4g} {evaluation.unit}" for each in worst]
    views = [
        figure(
            three_views(np.asarray(system.positions), unit=str(system.info.get("length_unit", "")), label=title),
            f"{rank}. {each.origin}: {title}.",
        )
        for rank, (system, each, title) in enumerate(zip(side.worst[k], worst, titles, strict=True), start=1)
    ]
    body = "".join((
        _parity(evaluation, side.name),
        "<h3>Distribution of errors</h3>", _distribution(evaluation),
        "<h3>The worst clouds</h3>", _worst(evaluation),
        paragraph("Three views of each: front, side, top. Dark is low, bright is high.", kind="faint"), *views,
    ))  # fmt: skip
    return Section(f"Errors of {evaluation.name}", body)


def _parity(evaluation: Evaluation, side: str) -> str:
    n, r2 = len(evaluation.targets), evaluation.metrics["r2"]
    left = f"Predicted against true values of the {n:,} systems in the {side} set; on the line they are equal."
    left += f" {R2}: {r2_in_words(r2)}."
    right = "Residuals: predicted minus true value. A slope or a bend here shows a systematic error."
    pair = figure(parity(evaluation), left) + figure(residuals(evaluation), right)
    return f'<div class="figures">{pair}</div>' + _metrics(evaluation)


def _metrics(evaluation: Evaluation) -> str:
    labels = {"mae": "mean absolute error", "rmse": "root mean square error", "max": "largest error"}
    unit = evaluation.unit

    def cells(name: str) -> Iterator[str]:
        for metric in (evaluation.metrics[name], evaluation.baseline[name]):
            yield f"{amount(metric.value, unit)} ({amount(metric.low)} to {amount(metric.high)})"

    rows = [[label, *cells(name)] for name, label in labels.items()]
    for name, metric in (evaluation.per_particle or {}).items():
        if name in ("mae", "rmse"):
            each = f"{amount(metric.value, f'{unit}/particle')} ({amount(metric.low)} to {amount(metric.high)})"
            rows.append([f"{labels[name]}, per particle", each, ""])
    return table(["with 95 % interval", "model", evaluation.baseline_name], rows)


def _distribution(evaluation: Evaluation) -> str:
    error = evaluation.predicted - evaluation.targets
    drawn, outside = distribution(evaluation)
    beyond = f"; {outside:,} lie beyond the edges and are drawn there" if outside else ""
    caption = f"Errors of {len(error):,} systems{beyond}."
    absolute, unit = np.abs(error), evaluation.unit
    rows = [
        [f"{100 * share:g} % of all systems", amount(float(np.quantile(absolute, share)), unit)] for share in QUANTILES
    ]
    rows.append(["all systems", amount(float(absolute.max()), unit)])
    mean, median = (amount(float(value), unit) for value in (error.mean(), np.median(error)))
    bias = f"Mean error, with its sign: {mean}; median {median}."
    quantiles = table(["systems", "absolute error at most"], rows, numbers=[1]) + paragraph(bias)
    return f'<div class="figures">{figure(drawn, caption)}<div>{quantiles}</div></div>'


def _groups(evaluation: Evaluation, side: MeasuredSide, species: tuple[int, ...]) -> str:
    errors, name, unit = evaluation.predicted - evaluation.targets, evaluation.name, evaluation.unit
    interval = "The thin lines are 95 % intervals; the numbers of systems are at the right."
    parts, alike = [], []
    if len(np.unique(side.sizes)) > 1:
        drawn = mae_of_groups(
            size_groups(errors, side.sizes), unit, "particles", f"Error of {name} by number of particles"
        )
        parts.append(figure(drawn, f"Error by number of particles. {interval}"))
    else:
        alike.append(f"All systems have {side.sizes[0]:,} particles.")
    groups = _species_groups(errors, side, species)
    if any(group.systems < len(errors) for group in groups):
        drawn = mae_of_groups(groups, unit, "systems with", f"Error of {name} by species")
        left_out = f" The 20 of {len(groups)} species with the largest errors are shown." if len(groups) > 20 else ""
        parts.append(figure(drawn, f"Error of the systems with each species.{left_out} {interval}"))
    elif len(groups) > 1:
        there = ", ".join(group.name for group in groups)
        alike.append(f"All systems contain the same species ({there}), so there are no errors by species.")
    return f'<div class="figures">{"".join(parts)}</div>' * bool(parts) + "".join(map(paragraph, alike))


def _species_groups(errors: np.ndarray, side: MeasuredSide, species: tuple[int, ...]) -> list[Group]:
    having = ((symbol(kind), side.counts[:, column] > 0) for column, kind in enumerate(species))
    groups = [grouped(name, errors[inside]) for name, inside in having if inside.any()]
    return sorted(groups, key=lambda group: -group.mae)


def _worst(evaluation: Evaluation) -> str:
    unit = evaluation.unit
    rows = [
        [
            str(rank),
            system.origin,
            system.formula,
            to_error(system.target, system.predicted - system.target),
            to_error(system.predicted, system.predicted - system.target),
            f"{system.predicted - system.target:+.4g}",
        ]
        for rank, system in enumerate(evaluation.worst, start=1)
    ]
    columns = ["", "where", "formula", *(f"{what} [{unit}]" for what in ("true", "predicted", "error"))]
    return table(columns, rows, numbers=[3, 4, 5])


def _pictures(evaluation: Evaluation, scenes: list[Scene], first: int) -> str:
    pictures = []
    for rank, (scene, system) in enumerate(zip(scenes, evaluation.worst, strict=False), start=1):
        error = f"{system.predicted - system.target:+.4g} {evaluation.unit}"
        label = f"Picture of {system.formula} ({formula_of(scene)}), error {error}"
        caption = f"{rank}. {system.formula}, {system.origin}: error {error}."
        pictures.append(view(scene, first + rank - 1, label, caption))
    lead = paragraph(
        "The first of these systems. To rotate a picture, drag it or use the arrow keys; to zoom, use Ctrl and the "
        "wheel, or plus and minus. Bonds are drawn between near atoms; the model does not use them.",
        kind="faint",
    )
    return f'{lead}{legend(scenes)}<div class="grid">{"".join(pictures)}</div>'
