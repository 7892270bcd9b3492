"""Which standard deviation is better, the last layer's or an ensemble's? Writes docs/uncertainty.md and .png.

    python benchmarks/uncertainty.py [--data qm7] [--members 5] [--epochs 25] [--threads 1] [--runs FOLDER]

Trains an ensemble, and one network for as many epochs as all members together, on the same sides; half an hour with
the defaults. Runs that are in FOLDER already are not trained again. All is measured on the test set.
"""

import argparse
import datetime
import math
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from scipy.stats import norm, spearmanr

from empnet.dataset.dataset import Dataset
from empnet.dataset.split import Split
from empnet.files.read import iread
from empnet.model.property_model import PropertyModel
from empnet.pages.svg import new_figure
from empnet.prediction.outside import why_outside
from empnet.runtime.durable_files import replacing, write_text
from empnet.training.job import open_data
from empnet.training.run.model_file import ModelCard, load_model
from empnet.training.run.run_folder import RunFolder
from empnet.training.start_run import run_training as train
from empnet.training.uncertainty.ensemble_file import load_ensemble
from empnet.training.uncertainty.ensemble_std import EnsembleStd
from empnet.training.uncertainty.rigidity import LastLayer, fit_last_layer
from empnet.workflows.train_ensemble import train_ensemble

DOCS = Path(__file__).parents[1] / "docs"
CPU = torch.device("cpu")
DISPLACED = 0.15
GROUPS = 8


@dataclass
class Subject:
    """One way to be told a standard deviation: a model, its card, and what tells it."""

    name: str
    model: PropertyModel
    card: ModelCard
    uncertainty: LastLayer | EnsembleStd


@dataclass
class Told:
    """What a subject says of the test set, and what is true."""

    errors: np.ndarray
    std: np.ndarray
    share_of_time: float

    @property
    def rmse(self) -> float:
        return float(np.sqrt(np.square(self.errors).mean()))

    @property
    def ratio(self) -> np.ndarray:
        return np.abs(self.errors) / self.std

    @property
    def nll(self) -> float:
        return float(-norm.logpdf(self.errors, scale=self.std).mean())

    @property
    def rank(self) -> float:
        if np.ptp(self.std) == 0:
            return np.nan
        return float(spearmanr(np.abs(self.errors), self.std).statistic)

    def found(self, errors: float = 0.05, looked_at: float = 0.1) -> float:
        """Share of the largest errors among the systems of the largest deviations."""
        n = len(self.errors)
        if np.ptp(self.std) == 0:
            return np.nan
        largest = np.argsort(-np.abs(self.errors))[: math.ceil(errors * n)]
        return float(np.isin(largest, np.argsort(-self.std)[: math.ceil(looked_at * n)]).mean())


def ask(subject: Subject, dataset: Dataset, which: np.ndarray) -> Told:
    """Predict the systems with and without the deviation, in turn."""
    predicted, std, plain, asked = [], [], 0.0, 0.0
    model = subject.model.frozen()
    for piece in dataset.chunks(which, 20_000):
        batch = dataset.batch(piece, subject.card.encoder, subject.card.torch_dtype)
        with torch.no_grad():
            model(batch)
            began = time.process_time()
            model(batch)
            middle = time.process_time()
            found = model.predict(batch)
            predicted.append(found.values.numpy()[:, 0])
            std.append(subject.uncertainty.std(found, batch)[:, 0])
            plain, asked = plain + middle - began, asked + time.process_time() - middle
    errors = np.concatenate(predicted) - dataset.targets[which][:, 0]
    return Told(errors, np.concatenate(std), asked / plain)


def flagged(subject: Subject, dataset: Dataset, which: np.ndarray) -> float:
    """Share of systems that are said to be unlike the training data."""
    arrays = []
    for piece in dataset.chunks(which, 20_000):
        batch = dataset.batch(piece, subject.card.encoder, subject.card.torch_dtype)
        with torch.no_grad():
            arrays.append(subject.uncertainty.std(subject.model.predict(batch), batch))
    std = np.concatenate(arrays)
    return float(np.mean([bool(why) for why in why_outside(subject.card, dataset, std, subject.uncertainty.limits)]))


def others(data: str, split: Split, card: ModelCard, n: int = 300) -> dict[str, Dataset]:
    """Test systems as they are, with displaced particles, and stretched: what is to be flagged and what is not."""
    wanted, rng = set(split.test[:n].tolist()), np.random.default_rng(0)
    systems = [system for k, system in enumerate(iread(data)) if k in wanted]
    moved = [replace(s, positions=s.positions + rng.normal(0, DISPLACED, s.positions.shape)) for s in systems]
    stretched = [replace(s, positions=1.15 * s.positions) for s in systems]
    sets = {
        "of the test set": systems,
        f"the same, particles displaced by {DISPLACED} angstrom": moved,
        "the same, stretched by 15 %": stretched,
    }
    return {name: Dataset.from_systems(those, card.architecture.cutoff) for name, those in sets.items()}


def subjects(folder: Path, arguments: argparse.Namespace) -> tuple[list[Subject], Dataset, Split]:
    """The trained contenders: a member alone, one network of the same total effort, the ensemble."""
    settings = {"threads": arguments.threads, "quiet": True}
    names = [f"member-{k + 1}" for k in range(arguments.members)]
    if not (folder / "ensemble" / "ensemble.json").exists():
        out = folder / "ensemble"
        train_ensemble(arguments.data, members=arguments.members, out=out, epochs=arguments.epochs, **settings)
    if not (folder / "single" / "results.json").exists():
        epochs = arguments.members * arguments.epochs
        train(arguments.data, out=folder / "single", epochs=epochs, seed=0, split_seed=0, **settings)
    first = RunFolder(folder / "ensemble" / names[0])
    dataset, split = open_data(arguments.data, first.read_config(), quiet=True), first.read_split()
    found = []
    for name, run in [(f"last layer, {name}", first.path.parent / name) for name in names] + [
        ("last layer, one network", folder / "single")
    ]:
        model, card = load_model(run)
        fitted = fit_last_layer(model, dataset, split, card, CPU)
        assert fitted is not None
        found.append(Subject(name, model, card, fitted))
    return [*found, Subject("ensemble", *load_ensemble(folder / "ensemble"))], dataset, split


def draw(told: dict[str, Told], unit: str, path: Path) -> None:
    """Is the deviation as large as the errors, are tails heavy, and do large deviations find large errors?"""
    with new_figure(10.5, 3.6) as figure, replacing(path) as unfinished:
        left, middle, right = figure.subplots(1, 3)
        low = high = next(iter(told.values())).rmse
        k = np.linspace(0, 4, 200)
        for name, each in told.items():
            groups = np.array_split(np.argsort(each.std), GROUPS)
            s = np.array([np.sqrt(np.square(each.std[group]).mean()) for group in groups])
            rmse = np.array([np.sqrt(np.square(each.errors[group]).mean()) for group in groups])
            q68 = np.array([np.quantile(np.abs(each.errors[group]), 0.6827) for group in groups])
            (line,) = left.loglog(s, q68, "o-", label=f"{name}: 68 % quantile")
            left.loglog(s, rmse, "x:", color=line.get_color(), label="RMSE")
            low, high = min(low, *s, *q68), max(high, *s, *rmse)
            middle.plot(k, [(each.ratio < x).mean() for x in k], color=line.get_color(), label=name)
            order = np.argsort(-each.std)
            shares = np.linspace(0, 0.9, 60)
            kept = [np.sqrt(np.square(each.errors[order[int(x * len(order)) :]]).mean()) for x in shares]
            right.plot(100 * shares, kept, color=line.get_color(), label=name)
            best = np.sort(np.abs(each.errors))[::-1]
            right.plot(
                100 * shares,
                [np.sqrt(np.square(best[int(x * len(best)) :]).mean()) for x in shares],
                ":",
                color=line.get_color(),
            )
        left.plot([low, high], [low, high], color="0.5", linewidth=1)
        left.set(xlabel=f"standard deviation told [{unit}]", ylabel=f"error in groups of equal deviation [{unit}]")
        middle.plot(k, 2 * norm.cdf(k) - 1, color="0.5", linewidth=1, label="normal errors")
        for axis in (left.xaxis, left.yaxis):
            axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axis.set_minor_formatter(NullFormatter())
        middle.set(xlabel="standard deviations", ylabel="share of errors within")
        right.set(xlabel="largest deviations left out, %", ylabel=f"RMSE of the others [{unit}]", ylim=(0, None))
        right.set_title("dotted: largest errors left out", fontsize=8)
        for axes in (left, middle, right):
            axes.grid(alpha=0.3, which="both" if axes is left else "major")
            axes.legend(fontsize=7, loc="lower right" if axes is left else "best")
        figure.savefig(unfinished, format="png", dpi=150, facecolor="white")


def row(name: str, those: list[Told]) -> str:
    """A line of the table: means over several."""

    def mean(values: list[float], digits: int = 2) -> str:
        return f"{np.mean(values):.{digits}f}"

    return " | ".join(
        [
            f"| {name}",
            mean([np.abs(each.errors).mean() for each in those], 3),
            mean([each.rmse for each in those], 3),
            mean([100 * (each.ratio < 1).mean() for each in those], 0),
            mean([100 * (each.ratio < 2).mean() for each in those], 0),
            mean([each.nll for each in those]),
            mean([each.rank for each in those]),
            mean([100 * each.found() for each in those], 0),
            f"{mean([each.share_of_time for each in those])} |",
        ]
    )


def text(
    found: dict[str, Told], shares: dict[str, dict[str, float]], card: ModelCard, arguments: argparse.Namespace
) -> str:
    """The measured part of docs/uncertainty.md."""
    members = [told for name, told in found.items() if "member" in name]
    single, ensemble, n = found["last layer, one network"], found["ensemble"], arguments.members
    constant = replace_by_constant(single)
    sides = f"{len(single.errors)} systems of the test set"
    total = n * arguments.epochs
    lines = [
        f"Measured by `benchmarks/uncertainty.py` on {datetime.date.today()}: {arguments.data}, {n} members of "
        f"{arguments.epochs} epochs, one",
        f"network of {total} epochs with the same split, {sides}, errors in {card.units[0]}.",
        "",
        "| standard deviation | MAE | RMSE | within s, % | within 2 s, % | negative log likelihood | rank correlation "
        "of abs(error) and s | largest 5 % of errors among the largest 10 % of s, % | time of a prediction / without |",
        "|---|---|---|---|---|---|---|---|---|",
        row(f"one number for all, {total} epochs", [constant]).replace("nan", "-"),
        row(f"last layer, {arguments.epochs} epochs (mean of {n} networks)", members),
        row(f"last layer, {total} epochs", [single]),
        row(f"ensemble, {n} x {arguments.epochs} epochs", [ensemble]),
        "",
        f"An ensemble's prediction costs {n} times as much as that of one network. The last column does not include",
        "this factor: it is the processor time relative to the same model without standard deviations.",
        "",
        "![Calibration, tails and ranking](uncertainty.png)",
        "",
        "Left: systems in groups of similar standard deviation; on the line, 68 % of a group's errors are smaller.",
        "Middle: the heaviness of the tails. Right: the error of the remaining systems, if those with large standard",
        "deviations are left out.",
        "",
        "| systems | flagged as unlike the training data: last layer, % | ensemble, % |",
        "|---|---|---|",
    ]
    for name in shares["ensemble"]:
        one, other = (100 * shares[each][name] for each in ("last layer, one network", "ensemble"))
        lines.append(f"| {name} | {one:.1f} | {other:.1f} |")
    return "\n".join(lines) + "\n"


def replace_by_constant(told: Told) -> Told:
    """As if all systems had the same deviation: what any other must be better than."""
    return Told(told.errors, np.full(len(told.errors), np.quantile(np.abs(told.errors), 0.6827)), 1.0)


def main() -> None:
    """Train, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="qm7")
    parser.add_argument("--members", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--runs", type=Path)
    arguments = parser.parse_args()
    those, dataset, split = subjects(arguments.runs or Path(tempfile.mkdtemp()), arguments)
    found = {subject.name: ask(subject, dataset, split.test) for subject in those}
    judged = [subject for subject in those if "member" not in subject.name]
    sets = others(arguments.data, split, judged[0].card)
    shares = {
        subject.name: {name: flagged(subject, other, np.arange(len(other))) for name, other in sets.items()}
        for subject in judged
    }
    card = judged[0].card
    draw({subject.name: found[subject.name] for subject in judged}, card.units[0], DOCS / "uncertainty.png")
    page = DOCS / "uncertainty.md"
    told = page.read_text(encoding="utf-8") if page.exists() else "# Uncertainty\n\n## Measured\n\n"
    kept = told[: told.index("## Measured")]
    write_text(page, f"{kept}## Measured\n\n{text(found, shares, card, arguments)}")


if __name__ == "__main__":
    main()
