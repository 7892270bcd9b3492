"""How many knots do trained filters need? Trains on QM7, measures the tables, and writes docs/tables.md and .png.

    python benchmarks/table_error.py [--runs FOLDER] [--epochs 20] [--knots 128 64 256]

Training of one run takes a minute; runs that are in FOLDER already are not trained again.
"""

import argparse
import copy
import datetime
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from unittest import mock

import numpy as np
import torch

from empnet.dataset.cache import Recipe, open_dataset
from empnet.dataset.dataset import Dataset
from empnet.model.architecture import Architecture
from empnet.model.property_model import PropertyModel
from empnet.model.table_error import interaction_table_errors, with_knots
from empnet.pages.svg import new_figure
from empnet.prediction.load import load
from empnet.prediction.predictor import Predictor
from empnet.runtime.durable_files import replacing, write_text
from empnet.training import job
from empnet.training.run.run_folder import RunFolder
from empnet.training.start_run import run_training as train

DOCS = Path(__file__).parents[1] / "docs"
LADDER = (32, 64, 128, 256, 512)
FINER = 4
KCAL_PER_MOL_IN_EV = 0.0433641


@dataclass
class Row:
    """What one number of knots does to one set of parameters: filters' errors and changes of predictions."""

    knots: int
    relative: float
    largest: float
    energy: float
    energy_largest: float
    force: float


def trained(folder: Path, knots: int, epochs: int) -> Predictor:
    """The run with so many knots, trained if it is not there."""
    run = folder / f"{epochs}-{knots}"
    if not (run / "model.safetensors").exists():
        # TrainConfig has no setting for knots: the architecture that it makes gets them here
        with mock.patch.object(job, "Architecture", partial(Architecture, knots=knots)):
            train("qm7", out=run, epochs=epochs, quiet=True)
    return load(run)


def energies_and_forces(model: PropertyModel, dataset: Dataset, which: np.ndarray, predictor: Predictor) -> tuple:
    """kcal/mol and eV/angstrom, in float64."""
    energies, forces = [], []
    for chunk in dataset.chunks(which):
        batch = dataset.batch(chunk, predictor.card.encoder, torch.float64)
        positions = batch.positions.clone().requires_grad_()
        energy = model(replace(batch, positions=positions))
        (gradient,) = torch.autograd.grad(energy.sum(), positions)
        energies.append(energy.detach()[:, 0])
        forces.append(-KCAL_PER_MOL_IN_EV * gradient)
    return torch.cat(energies), torch.cat(forces)


def rows(predictor: Predictor, dataset: Dataset, which: np.ndarray, fresh: bool) -> Iterator[Row]:
    """Each number of knots against four times as many, with the same parameters."""
    model = copy.deepcopy(predictor.model)
    if fresh:
        torch.manual_seed(0)
        start = PropertyModel(model.architecture).state_dict()
        keep = {name: value for name, value in model.state_dict().items() if "mean_neighbours" in name}
        model.load_state_dict(start | keep | {"baseline": model.baseline, "scale": model.scale})
    model = model.double().eval()
    for knots in LADDER:
        coarse = with_knots(model, knots)
        errors = interaction_table_errors(coarse)
        (E, F), (E_fine, F_fine) = (
            energies_and_forces(each, dataset, which, predictor) for each in (coarse, with_knots(model, FINER * knots))
        )
        change = (E - E_fine).abs()
        force = (F - F_fine).square().sum(1).mean().sqrt().item()
        worst = max(error.relative for error in errors)
        largest = max(error.largest for error in errors)
        yield Row(knots, worst, largest, change.mean().item(), change.max().item(), force)


def step_times(predictor: Predictor, dataset: Dataset, rounds: int = 30) -> dict[int, float]:
    """Processor time of forward and backward with each number of knots, relative to 128, in turn."""
    models = {knots: with_knots(predictor.model, knots).train() for knots in LADDER}
    batch = dataset.batch(np.arange(32), predictor.card.encoder, torch.float32)
    taken: dict[int, list[float]] = {knots: [] for knots in LADDER}
    for _ in range(rounds + 3):
        for knots, model in models.items():
            began = time.process_time()
            model(batch).square().sum().backward()
            taken[knots].append(time.process_time() - began)
    return {knots: statistics.median(a / b for a, b in zip(taken[knots], taken[128], strict=True)) for knots in LADDER}


def draw(tables: dict[str, list[Row]], error: float, path: Path) -> None:
    """Error of filters and of predictions against knots."""
    with new_figure(8, 3.4) as figure, replacing(path) as unfinished:
        left, right = figure.subplots(1, 2)
        for name, found in tables.items():
            knots = [row.knots for row in found]
            style = {"marker": "o", "linestyle": "--" if name.startswith("fresh") else "-"}
            left.loglog(knots, [row.relative for row in found], label=name, **style)
            right.loglog(knots, [row.energy for row in found], label=name, **style)
        right.axhline(0.01 * error, color="0.5", linewidth=1)
        right.text(LADDER[2], 0.016 * error, "1 % of the test error", fontsize=8, color="0.3")
        left.set_title("filter: RMS error / RMS filter", fontsize=10)
        right.set_title("energy: mean change, kcal/mol", fontsize=10)
        for axes in (left, right):
            axes.set_xlabel("knots on 5 angstrom")
            axes.set_xticks(LADDER, [str(knots) for knots in LADDER])
            axes.minorticks_off()
            axes.grid(alpha=0.3)
        left.legend(fontsize=8)
        figure.savefig(unfinished, format="png", dpi=150, facecolor="white")


def text(tables: dict[str, list[Row]], maes: dict[int, float], times: dict[int, float], epochs: int, n: int) -> str:
    """docs/tables.md."""
    lines = [
        "# How many knots a filter's table needs",
        "",
        f"Written by `benchmarks/table_error.py` on {datetime.date.today()}. Default networks were trained on QM7 for "
        f"{epochs} epochs",
        f"(about a minute). Their filters are compared with their tables. Predictions for {n} molecules of the test",
        "set are compared with predictions by the same parameters on 4 times as many knots, in float64.",
        "",
        "![Errors of filters and of energies against knots](tables.png)",
        "",
        "| parameters | knots | filter: RMS error / RMS filter | largest error | energy: mean change, kcal/mol "
        "| largest | force: RMS change, eV/angstrom | step, processor time / that of 128 |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, found in tables.items():
        lines += [
            f"| {name} | {row.knots} | {row.relative:.1e} | {row.largest:.1e} | {row.energy:.1e} | "
            f"{row.energy_largest:.1e} | {row.force:.1e} | {times[row.knots]:.2f} |"
            for row in found
        ]
    lines += ["", "The errors of filters are those of the worst interaction, including the envelope.", ""]
    lines += ["Mean absolute error on the test set by number of knots in training, kcal/mol: "]
    lines[-1] += ", ".join(f"{knots} knots {mae:.3f}" for knots, mae in sorted(maes.items())) + "."
    lines += [
        "",
        "The filter *is* its spline, in training and in prediction. A table that is too coarse therefore breaks",
        "neither the symmetries nor energy conservation. But the network then differs from the formula, and depends on",
        "the places of the knots.",
        "",
        "**Rule.** There are enough knots if four times as many, with the same parameters, change predictions by less",
        "than 1 % of the error on unseen data. The error falls with the fourth power of the spacing, so the change by",
        "four times as many knots equals the error of the table, except for 1/256 of it.",
        "",
    ]
    for name, found in tables.items():
        enough = [row.knots for row in found if row.energy < 0.01 * maes[128]]
        own = next(row for row in found if row.knots == Architecture(1, ("sum",)).knots)
        if enough and name != "fresh":
            lines.append(
                f"- {name.capitalize()}: {enough[0]} knots are enough by this rule; the default of {own.knots} leaves "
                f"{100 * own.energy / maes[128]:.2g} % of the test error."
            )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Train, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--knots", type=int, nargs="+", default=[128, 64, 256])
    parser.add_argument("--systems", type=int, default=300)
    arguments = parser.parse_args()
    folder = arguments.runs or Path(tempfile.mkdtemp())
    dataset = open_dataset("qm7", Recipe(("energy",), cutoff=5.0), quiet=True)
    tables, maes = {}, {}
    for knots in arguments.knots:
        predictor = trained(folder, knots, arguments.epochs)
        split = RunFolder(folder / f"{arguments.epochs}-{knots}").read_split()
        which = split.test[: arguments.systems]
        if not tables:
            tables["fresh"] = list(rows(predictor, dataset, which, fresh=True))
            times = step_times(predictor, dataset)
        tables[f"trained with {knots} knots"] = list(rows(predictor, dataset, which, fresh=False))
        E, _ = energies_and_forces(copy.deepcopy(predictor.model).double(), dataset, split.test, predictor)
        maes[knots] = float((E - torch.tensor(dataset.targets[split.test][:, 0])).abs().mean())
    draw(tables, maes[arguments.knots[0]], DOCS / "tables.png")
    write_text(DOCS / "tables.md", text(tables, maes, times, arguments.epochs, arguments.systems))


if __name__ == "__main__":
    main()
