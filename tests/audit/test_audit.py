"""The audit: healthy models of every kind pass, and each broken one fails in the right place."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from ase.build import bulk, molecule

from empnet.audit import Audit, audit
from empnet.basis.radial import envelope
from empnet.dataset.coverage import DataCoverage
from empnet.dataset.dataset import Dataset
from empnet.dataset.neighbours import NeighbourList, neighbour_list
from empnet.errors import EmpnetError
from empnet.files.write import write
from empnet.kernels.pairs import displacements, distances, sum_over_neighbours
from empnet.model.architecture import Architecture
from empnet.model.property_model import PropertyModel
from empnet.pages.audit_table import print_audit
from empnet.prediction.load import load
from empnet.prediction.predictor import Predictor
from empnet.system.batch import Batch
from empnet.system.system import Origin, System
from empnet.training.run.model_file import ModelCard
from empnet.training.start_run import run_training as train

NAMES = ("CH3CH2OH", "C6H6", "CH4", "H2O", "CO2")
SPECIES = (1, 6, 8, 14)
CUTOFF = 4.0
SYMMETRIES = {"rotation", "reflection", "translation", "permutation", "two copies", "supercell", "batch", "determinism"}
SMOOTH = {"smooth value", "smooth slope", "smooth curvature"}


def of(atoms, frame: int = 0) -> System:
    cell = atoms.cell.array if any(atoms.pbc) else None
    return System(atoms.positions, atoms.numbers, cell=cell, pbc=tuple(atoms.pbc), origin=Origin("m.xyz", frame))


def rattled(atoms, frame: int = 0) -> System:
    """Without any symmetry, so that nothing holds by chance."""
    atoms.rattle(0.1, seed=frame)
    return of(atoms, frame)


MOLECULES = [rattled(molecule(name), frame) for frame, name in enumerate(NAMES)]


def predictor_of(
    model: type[PropertyModel] = PropertyModel, *, dtype="float32", pooling=("sum",), **sizes
) -> Predictor:
    """A model with random weights and a baseline that is not zero."""
    architecture = Architecture(n_species=4, pooling=pooling, cutoff=CUTOFF, width=16, layers=2, **sizes)
    card = ModelCard(architecture, SPECIES, ("energy", "gap")[: len(pooling)], ("eV",) * len(pooling), dtype=dtype)
    torch.manual_seed(0)
    built = model(architecture)
    for parameter in built.parameters():
        parameter.data = parameter.data.to(card.torch_dtype)
    built.baseline += torch.arange(1.0, 5.0)[:, None]
    return Predictor(built.eval(), card)


@pytest.fixture(autouse=True)
def one_path(monkeypatch):
    """Paths through one system are enough for mistakes that are everywhere, and three times as quick."""
    monkeypatch.setattr("empnet.audit.driver.PATHS", 1)


def failed(found: Audit) -> set[str]:
    return {line.name for line in found.lines if line.verdict == "fail"}


def crystals() -> list[System]:
    cells = [rattled(bulk("Si", cubic=True), frame) for frame in range(3)]
    return [*cells, replace(cells[0], pbc=(True, False, True)), of(bulk("Si"))]


@pytest.mark.parametrize(
    ("dtype", "pooling"), [("float32", ("sum",)), ("float64", ("mean",)), ("float32", ("sum", "mean"))]
)
@pytest.mark.parametrize("data", [MOLECULES, crystals()], ids=["molecules", "crystals"])
def test_fresh_models_pass(dtype, pooling, data):
    found = audit(predictor_of(dtype=dtype, pooling=pooling), data, quiet=True)
    assert failed(found) == set()
    assert {line.name for line in found.lines if line.verdict == "pass"} >= SYMMETRIES | SMOOTH


def test_single_particles():
    found = audit(predictor_of(), [System([[1.0, 2.0, 3.0]], [z]) for z in SPECIES], quiet=True)
    assert found.passed
    assert found["smooth value"].verdict == "pass"


def test_one_system_of_equal_particles():
    found = audit(predictor_of(), [System([[0, 0, 0]], [1])], quiet=True)
    assert found.passed
    assert found["batch"].verdict == "skip"


class Leaky(PropertyModel):
    """Where a particle is leaks into its features."""

    def contributions(self, batch: Batch, hidden=None):
        return super().contributions(batch, hidden) + 1e-4 * batch.positions[:, :1].sin()


class Handed(PropertyModel):
    """Knows left from right: adds the volume that three sums of vectors span, a pseudo-scalar."""

    def contributions(self, batch: Batch, hidden=None):
        vectors = displacements(batch.positions, batch.pairs, batch.cells, batch.system_of)
        d = distances(vectors)[:, None]
        weights = (envelope(d, CUTOFF) * (-d * k).exp() for k in (0, 1, 2))
        ends, n = torch.cat([batch.pairs.first, batch.pairs.second]), len(batch.positions)
        three = [sum_over_neighbours(torch.cat([w * vectors, -w * vectors]), ends, n) for w in weights]
        volume = (torch.linalg.cross(three[0], three[1]) * three[2]).sum(dim=1, keepdim=True)
        return super().contributions(batch, hidden) + volume


class Ordered(PropertyModel):
    """A sum that depends on the order of the particles: the first of each system counts a little more."""

    def contributions(self, batch: Batch, hidden=None):
        first = torch.ones(len(batch.positions), 1, dtype=torch.float64)
        first[1:][batch.system_of[1:] == batch.system_of[:-1]] = 0
        return super().contributions(batch, hidden) * (1 + 1e-5 * first)


class Gossiping(PropertyModel):
    """Systems of one batch influence each other."""

    def predict(self, batch: Batch):
        found = super().predict(batch)
        return replace(found, values=found.values + 1e-3 * (batch.n_systems - 1))


class Fickle(PropertyModel):
    """Draws a random number in prediction."""

    def predict(self, batch: Batch):
        found = super().predict(batch)
        return replace(found, values=found.values + 1e-9 * torch.rand(1, dtype=torch.float64))


class Averaging(PropertyModel):
    """Means where it should sum."""

    def predict(self, batch: Batch):
        found = super().predict(batch)
        return replace(found, values=found.values / torch.bincount(batch.system_of)[:, None])


class Pairwise(PropertyModel):
    """Adds a pair potential that ends as :meth:`tail` says."""

    def tail(self, u):
        raise NotImplementedError

    def contributions(self, batch: Batch, hidden=None):
        d = distances(displacements(batch.positions, batch.pairs, batch.cells, batch.system_of))
        pair = 1e-3 * self.tail(d / CUTOFF)[:, None]
        ends = torch.cat([batch.pairs.first, batch.pairs.second])
        return super().contributions(batch, hidden) + sum_over_neighbours(pair.repeat(2, 1), ends, len(batch.positions))


class HardCutoff(Pairwise):
    def tail(self, u):
        return (-u).exp()


class Kinked(Pairwise):
    def tail(self, u):
        return 1 - u


class Curved(Pairwise):
    def tail(self, u):
        return (1 - u) ** 2


class Rounding(PropertyModel):
    """Positions in float32 before differences are taken: a mistake that float64 hides."""

    def geometry(self, batch: Batch):
        return super().geometry(replace(batch, positions=batch.positions.to(self.dtype).double()))


@pytest.mark.parametrize(
    ("model", "right"),
    [
        (Leaky, {"rotation", "reflection", "translation", "two copies", "supercell", "net force", "net torque"}),
        (Handed, {"reflection"}),
        (Ordered, {"permutation", "two copies", "supercell"}),
        (Gossiping, {"batch", "two copies", "supercell"}),
        (Averaging, {"two copies", "supercell"}),
        (Rounding, {"translation"}),
        (HardCutoff, SMOOTH),
        (Kinked, {"smooth slope"}),
        (Curved, {"smooth curvature"}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_broken_model_fails_where_it_is_broken(model, right):
    assert failed(audit(predictor_of(model), MOLECULES, quiet=True)) == right


def test_a_prediction_that_is_never_the_same():
    assert "determinism" in failed(audit(predictor_of(Fickle), MOLECULES, quiet=True))


def capped(order):
    """A neighbour list of 8 neighbours at most: the first ones in an order."""

    def cap(system: System, cutoff: float) -> NeighbourList:
        full = neighbour_list(system, cutoff)
        shifts = full.shifts @ (np.zeros((3, 3)) if system.cell is None else system.cell)
        d = np.linalg.norm(system.positions[full.senders] - system.positions[full.receivers] + shifts, axis=1)
        keep = np.zeros(len(full), dtype=bool)
        for j in range(len(system)):
            rows = np.flatnonzero(full.receivers == j)
            keep[rows[np.argsort(order(d[rows]), kind="stable")][:8]] = True
        return NeighbourList(full.receivers[keep], full.senders[keep], full.shifts[keep])

    return cap


@pytest.mark.parametrize(
    ("order", "right"),
    [(lambda d: d, {"smooth value"}), (np.zeros_like, {"permutation"})],
    ids=["nearest", "first in the list"],
)
def test_a_cap_on_neighbours(monkeypatch, order, right):
    monkeypatch.setattr("empnet.audit.driver.PATHS", 3)
    monkeypatch.setattr("empnet.dataset.dataset.neighbour_list", capped(order))
    largest = [system for system in MOLECULES if len(system) > 8]  # a cap that is never reached does no harm
    assert failed(audit(predictor_of(), largest, quiet=True)) >= right


def test_a_failure_says_where():
    line = audit(predictor_of(HardCutoff), MOLECULES, quiet=True)["smooth value"]
    assert "at 4.0000 angstrom" in line.remark
    assert line.where.startswith("m.xyz, frame ")
    assert line.unit == "eV"
    two_sides = 2e-3 * np.exp(-1)  # eV; each of the two particles has the pair
    assert line.deviation == pytest.approx(two_sides, rel=1e-3)  # apart from what the network adds near its end


def test_dead_units():
    predictor = predictor_of()
    with torch.no_grad():
        predictor.model.interactions[1].psi[0].bias[:20] = -1e4  # of 32; there SiLU is zero
    line = audit(predictor, MOLECULES, quiet=True)["dead units"]
    assert line.verdict == "fail"
    assert line.deviation == 20 / 32
    assert "interactions.1.psi 20 of 32" in line.remark


def with_seen(systems: list[System]) -> Predictor:
    predictor = predictor_of()
    seen = DataCoverage.of(Dataset.from_systems(systems, CUTOFF))
    return Predictor(predictor.model, replace(predictor.card, seen=seen))


def squeezed(system: System, factor: float) -> System:
    return replace(system, positions=system.positions * factor)


def test_coverage_of_the_training_data_themselves():
    found = audit(with_seen(MOLECULES), MOLECULES, quiet=True)
    assert found.passed
    assert [found[name].deviation for name in ("particles", "shortest distance", "distances")] == [0, 0, 0]


@pytest.mark.parametrize(
    ("data", "wrong"),
    [
        ([squeezed(system, 0.8) for system in MOLECULES], {"shortest distance", "distances"}),
        ([squeezed(system, 1.3) for system in MOLECULES], {"distances"}),
        ([System([[0, 0, 0]], [14])], {"particles"}),
    ],
    ids=["too near", "stretched", "a species without training"],
)
def test_what_training_never_had(data, wrong):
    assert failed(audit(with_seen(MOLECULES), data, quiet=True)) == wrong


def test_not_recorded_is_skipped():
    assert audit(predictor_of(), MOLECULES, quiet=True)["distances"].remark == "not recorded in this model file"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    rng = np.random.default_rng(0)
    systems = [
        replace(squeezed(MOLECULES[k % 3], factor), properties={"energy": float(factor * len(MOLECULES[k % 3]))})
        for k, factor in enumerate(rng.uniform(0.9, 1.1, 60))
    ]
    folder = tmp_path_factory.mktemp("audit")
    write(folder / "molecules.extxyz", systems)
    settings = {"epochs": 2, "width": 8, "layers": 1, "batch": 8, "cutoff": CUTOFF, "quiet": True}
    train(folder / "molecules.extxyz", "energy", out=folder / "run", **settings)
    train(systems, "energy", out=folder / "in-memory", **settings)
    return folder


def test_a_trained_run_on_its_own_test_side(run, capsys):
    found = audit(load(run / "run"), quiet=True)
    assert failed(found) <= {"error of energy"}  # two epochs need not beat the baseline
    assert (found.data, found.systems) == ("the run's own test set", 6)
    assert "loaded again" in found["determinism"].done
    assert found["distances"].verdict == "pass"
    assert json.loads(json.dumps(found.to_json(), allow_nan=False))["passed"] is found.passed
    print_audit(found)
    told = capsys.readouterr().out
    assert ("0 failed" in told) == found.passed
    assert all(line in told for line in found.words.lines)
    assert all(line.name in told for line in found.lines)


def test_data_that_are_gone(run, tmp_path):
    with pytest.raises(EmpnetError, match="in-memory: its data were systems in memory; name the data"):
        audit(load(run / "in-memory"), quiet=True)
    found = audit(load(run / "in-memory"), run / "molecules.extxyz", quiet=True)
    assert failed(found) <= {"error of energy"}
    assert found["error of energy"].deviation is not None  # measured on the systems that were given
    (run / "molecules.extxyz").rename(tmp_path / "moved.extxyz")
    with pytest.raises(EmpnetError, match=r"data cannot be read .*; name the data to audit on"):
        audit(load(run / "run"), quiet=True)
    (tmp_path / "moved.extxyz").rename(run / "molecules.extxyz")


def test_changed_weights_are_not_the_folders(run):
    predictor = load(run / "run")
    with torch.no_grad():
        predictor.model.readout[-1].bias += 1e-3
    assert failed(audit(predictor, MOLECULES[:2], quiet=True)) == {"determinism"}


def test_a_fine_tuned_and_an_unfinished_run_are_judged_by_themselves(tmp_path, capsys):
    pairs = [System([[0, 0, 0], [0, 0, d]], [1, 1], properties={"energy": 1 / d}) for d in np.arange(0.8, 2.8, 0.04)]
    write(tmp_path / "pairs.xyz", pairs)
    small = {"width": 8, "layers": 1, "moments": 0, "quiet": True}
    first = train(tmp_path / "pairs.xyz", "energy", out=tmp_path / "first", epochs=2, **small).run
    tuned = train(
        tmp_path / "pairs.xyz", "energy", out=tmp_path / "tuned", epochs=1, seed=1, fine_tune=str(first), quiet=True
    ).run
    found = audit(load(tuned), quiet=True)
    assert found.words.sentences
    assert str(first) not in " ".join(found.words.lines)
    (tuned / "results.json").unlink()  # as it is before the end of training
    unfinished = audit(load(tuned), quiet=True)
    assert "Training has not ended" in " ".join(unfinished.words.lines)
