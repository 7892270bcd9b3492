"""All public functions take data in the same forms, and answer anything else in one line."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator

import empnet
from empnet.audit import audit
from empnet.errors import EmpnetError
from empnet.files.source import as_source
from empnet.inspection import inspect_data
from empnet.pages.map import map_run
from empnet.prediction.evaluate import evaluate
from empnet.prediction.predict import predict_file
from empnet.training.overfit import overfit
from empnet.training.start_run import resume_training as resume
from empnet.training.start_run import run_training as train
from empnet.workflows.learning_curve import learning_curve
from empnet.workflows.train_ensemble import train_ensemble

SMALL = {"width": 8, "layers": 1, "moments": 0, "epochs": 1, "threads": 1, "quiet": True}


def waters(n: int = 12) -> list[Atoms]:
    """Waters with their own results of EMT."""
    rng, frames = np.random.default_rng(0), []
    for _ in range(n):
        atoms = molecule("H2O")
        atoms.rattle(0.1, rng=rng)
        atoms.calc = EMT()
        results = {"energy": atoms.get_potential_energy(), "forces": atoms.get_forces()}
        frame = atoms.copy()
        frame.calc = SinglePointCalculator(frame, **results)
        frames.append(frame)
    return frames


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(waters(), out=tmp_path_factory.mktemp("door") / "run", forces="forces", **SMALL).run


CALLS = {
    "train": lambda run, data, out: train(data, out=out / "run", **SMALL),
    "resume": lambda run, data, out: resume(run, data, quiet=True),
    "overfit": lambda run, data, out: overfit(data, systems=2, width=8, layers=1, moments=0, quiet=True),
    "train_ensemble": lambda run, data, out: train_ensemble(data, members=2, out=out / "run", **SMALL),
    "learning_curve": lambda run, data, out: learning_curve(data, sizes=[2, 4], out=out / "curve", **SMALL),
    "inspect_data": lambda run, data, out: inspect_data(data, quiet=True),
    "predict": lambda run, data, out: empnet.load(run).predict(data),
    "represent": lambda run, data, out: empnet.load(run).represent(data),
    "evaluate": lambda run, data, out: evaluate(run, data, quiet=True),
    "audit": lambda run, data, out: audit(run, data, quiet=True),
    "map_run": lambda run, data, out: map_run(run, data, out=out / "map.html", quiet=True),
    "predict_file": lambda run, data, out: predict_file(run, data, out / "predicted.xyz", quiet=True),
    "write": lambda run, data, out: empnet.write(out / "written.xyz", data),
    "read": lambda run, data, out: empnet.read(data),
    "iread": lambda run, data, out: list(empnet.iread(data)),
}
ODD = {
    "empty list": list,
    "empty generator": lambda: (system for system in ()),
    "None": lambda: None,
    "no such file": lambda: "nofile.xyz",
    "empty text": lambda: "",
    "a null in the path": lambda: "a\0b",
    "bytes": lambda: b"a.xyz",
    "paths": lambda: ["a.xyz", "b.xyz"],
    "a None among atoms": lambda: [molecule("H2O"), None],
    "no energy": lambda: [molecule("H2O")] * 12,
    "number": lambda: 3,
    "array": lambda: np.zeros((3, 3)),
    "dict": lambda: {"R": 1},
    "nested": lambda: [[molecule("H2O")]],
    "an atom": lambda: molecule("H2O")[0],
    "no particles": lambda: Atoms(),
    "class": lambda: Atoms,
    "not finite": lambda: [Atoms("H", [[np.nan, 0, 0]])] * 3,
    "unknown species": lambda: [Atoms("Xe2", [[0, 0, 0], [0, 0, 3]])] * 3,
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("odd", ODD)
def test_odd_data_are_taken_or_refused_in_one_line(call, odd, run, tmp_path):
    try:
        CALLS[call](run, ODD[odd](), tmp_path)
    except EmpnetError as error:
        assert len(str(error)) > 10
        assert "\n" not in str(error)
    except Exception as error:
        # beartype, which watches the tests, refuses what read's and others' annotations do not name
        if type(error).__module__.split(".")[0] not in ("beartype", "jaxtyping"):
            raise


@pytest.mark.parametrize("call", [name for name in CALLS if name not in ("read", "iread", "resume")])
def test_all_forms_of_data_give_the_same(call, run, tmp_path):
    frames = waters()
    empnet.write(tmp_path / "waters.xyz", frames)
    path = tmp_path / "waters.xyz"
    systems = empnet.read(path)
    forms = [path, str(path), systems, tuple(frames), (atoms for atoms in frames), iter(systems)]
    if call in ("train_ensemble", "learning_curve", "overfit", "audit", "map_run"):
        forms = [path, (atoms for atoms in frames)]
    found = []
    for k, form in enumerate(forms):
        (out := tmp_path / str(k)).mkdir()
        result = CALLS[call](run, form, out)
        found.append(_numbers(call, result, out))
    for other in found[1:]:
        np.testing.assert_allclose(other, found[0], rtol=1e-6, atol=1e-6)


def _numbers(call, result, out):
    """What a call gave, as numbers."""
    match call:
        case "train" | "train_ensemble":
            return [result.results["test"]["energy"]["mae"], result.results["validation"]["energy"]["rmse"]]
        case "overfit":
            return [result.floor, *(attempt.loss for attempt in result.attempts[:1])]
        case "learning_curve":
            return [point.mae.value for point in result[0].points]
        case "inspect_data":
            return [result.systems, result.properties[0].mean, result.properties[0].left]
        case "predict":
            return result.values
        case "represent":
            return result
        case "evaluate":
            return [result[0].metrics["mae"].value, result[0].derivatives["forces"].metrics["mae"].value]
        case "audit":
            return [len(result.lines), result.systems]
        case "map_run":
            return result.predicted
        case "predict_file":
            return [system.properties["empnet_energy"] for system in empnet.read(out / "predicted.xyz")]
        case "write":
            return [system.properties["energy"] for system in empnet.read(out / "written.xyz")]


def test_forces_of_atoms_are_learned(run):
    """The run of the fixture was trained on ase.Atoms with forces: they were found in the calculators."""
    forces = evaluate(run, waters(), quiet=True)[0].derivatives["forces"]
    expected = np.concatenate([atoms.calc.results["forces"] for atoms in waters()])
    np.testing.assert_allclose(forces.targets, expected)


def test_resume_takes_atoms_again(tmp_path):
    result = train(waters(), out=tmp_path / "run", **SMALL)
    again = resume(result.run, (atoms for atoms in waters()), quiet=True)
    assert again.results["test"]["energy"]["mae"] == result.results["test"]["energy"]["mae"]


def test_results_of_a_calculator_that_has_moved_on_are_left_out_with_a_word():
    """One calculator for several Atoms holds the results of the last: they are not the others'."""
    one, two = molecule("H2O"), molecule("H2O")
    two.positions[0, 2] += 0.3
    one.calc = two.calc = EMT()
    one.get_potential_energy()
    energy = two.get_potential_energy()
    with pytest.warns(UserWarning, match="frame 0: the calculator's results .* belong to other positions"):
        first, second = as_source([one, two])
    assert "energy" not in first.properties
    assert second.properties["energy"] == pytest.approx(energy)


def test_lines_say_what_to_do():
    for data, words in (
        (["a.xyz", "b.xyz"], r"item 0 of the data is 'a.xyz'; .*empnet.read"),
        ([molecule("H2O"), None], "item 1 of the data is None"),
        (None, "data are None; wanted a path"),
        ([], "no systems"),
    ):
        with pytest.raises(EmpnetError, match=words):
            as_source(data)


def test_wrong_runs_are_refused_in_one_line():
    """In a process of its own, without the type checks that stand before functions in the tests."""
    script = """
import empnet
from empnet.audit import audit
from empnet.prediction.evaluate import evaluate
for run in (None, 3, b"run", [], "nowhere"):
    for call in (empnet.load, empnet.EMPNetCalculator, evaluate, audit, empnet.resume, empnet.read):
        try:
            call(run)
            print("taken", call, run)
        except empnet.EmpnetError as error:
            assert str(error)
print("done")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout == "done\n", done.stdout + done.stderr
