"""The parts of the page on forces and stress: parity, and errors for each species or component."""

from __future__ import annotations

from empnet.pages.page import Section, figure, paragraph, table
from empnet.pages.parity import MOST, N_GROUPS, draw_component_errors, draw_component_parity
from empnet.pages.report.figures import BLUE, WIDTH
from empnet.pages.report.words import amount
from empnet.pages.svg import new_figure, svg
from empnet.prediction.derivative_errors import DerivativeErrors

__all__ = ["derivative_section"]

LABELS = {"mae": "mean absolute error", "rmse": "root mean square error", "max": "largest error"}


def derivative_section(errors: DerivativeErrors) -> Section:
    """Return the section on the errors of the forces or of the stress.

    Arguments:
        errors: Forces or stress with their errors.
    """
    n, forces = errors.targets.size, errors.name == "forces"
    groups = "species" if forces else "component"
    some = f" {MOST:,} of them, drawn at random, are shown." if n > MOST else ""
    left = f"Predicted against true values of the {n:,} components; on the line they are equal.{some}"
    more = f" {N_GROUPS} are shown." if len(errors.groups) >= N_GROUPS else ""
    right = f"Errors of all components and by {groups}; the thin lines are 95 % intervals.{more}"
    pair = figure(_parity(errors), left) + figure(_bars(errors), right)
    lead = (
        "Forces are the exact gradient of the predicted energy"
        if forces
        else "Stress is the exact derivative of the predicted energy with respect to strain, divided by the volume"
    )
    size = f"The root mean square of the {errors.name} in the data is {amount(errors.target_rms, errors.unit)}"
    share = f"{100 * errors.metrics['rmse'].value / errors.target_rms:.2g} %" if errors.target_rms > 0 else "all"
    text = paragraph(f"{lead}. {size}; the root mean square error is {share} of it.")
    return Section(f"Errors of the {errors.name}", f'{text}<div class="figures">{pair}</div>{_metrics(errors, groups)}')


def _parity(errors: DerivativeErrors) -> str:
    with new_figure(WIDTH, 4.3) as drawing:
        draw_component_parity(drawing.subplots(), errors, BLUE)
        return svg(drawing, f"Parity plot of the {errors.name}")


def _bars(errors: DerivativeErrors) -> str:
    with new_figure(WIDTH, 1.2 + 0.4 * min(N_GROUPS, len(errors.groups_and_all))) as drawing:
        draw_component_errors(drawing.subplots(), errors, BLUE)
        return svg(drawing, f"Errors of the {errors.name} by group")


def _metrics(errors: DerivativeErrors, groups: str) -> str:
    """Return a table of every group's errors; the intervals come from drawing whole systems."""
    rows = []
    for group, metrics in errors.groups_and_all.items():
        cells = [
            f"{amount(metrics[name].value, errors.unit)} ({amount(metrics[name].low)} to {amount(metrics[name].high)})"
            for name in LABELS
        ]
        rows.append([group, *cells])
    return table([f"by {groups}, with 95 % interval", *LABELS.values()], rows)
