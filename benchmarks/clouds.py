"""Folds on clouds of points: network and forest on data that neither has seen, upright and turned.

    python benchmarks/clouds.py DATA --property label --symmetry vertical --time 5m
    python benchmarks/clouds.py DATA --property volume --number --group block --time 5m

Classes are divided in stratified folds, numbers by groups of the key ``--group`` (neighbours stay together). Each fold
trains on the others with one thread, without a test set of its own. Turned: each test cloud is rotated at random, about
z for vertical symmetry, and listed in another order. The hull is the volume of the convex hull with one fitted factor.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.transform import Rotation
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import GroupKFold, StratifiedKFold

import empnet
from empnet.system.classes import class_of
from empnet.system.system import System


def main() -> None:
    """Train and measure the chosen folds, and print a line for each."""
    options = _options()
    systems = empnet.read(options.data)
    is_class = not options.number
    if is_class:
        systems = [s for s in systems if str(s.info.get(options.property, "-")).strip()]
    targets = np.array([class_of(s, options.property) if is_class else s.properties[options.property] for s in systems])
    folds = list(_folds(systems, targets, options.group))
    rows = []
    for k in [int(text) for text in options.folds.split(",")]:
        train, test = folds[k]
        began = time.process_time()
        with tempfile.TemporaryDirectory() as folder:
            run = _trained([systems[i] for i in train], Path(folder) / "run", options)
            spent = time.process_time() - began
            rows.append(_measured(run, [systems[i] for i in train], [systems[i] for i in test], targets[test], options))
        text = ", ".join(f"{name} {value:.4f}" for name, value in rows[-1].items())
        print(f"fold {k}: {text}; {spent:.0f} s of processor time in all", flush=True)
    for name in rows[0]:
        values = np.array([row[name] for row in rows])
        print(f"{name}: {values.mean():.4f} +- {values.std(ddof=1) / len(values) ** 0.5 if len(values) > 1 else 0:.4f}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--property", required=True)
    parser.add_argument("--number", action="store_true", help="the property is a number, not a class")
    parser.add_argument("--group", help="scalar or text of the data whose equal values stay together")
    parser.add_argument("--symmetry", default="full")
    parser.add_argument("--time", default="5m")
    parser.add_argument("--points", type=int)
    parser.add_argument("--width", type=int)
    parser.add_argument("--folds", default="0,1,2,3,4")
    return parser.parse_args()


def _folds(systems: list[System], targets: np.ndarray, group: str | None):  # noqa: ANN202 (scikit-learn's iterator)
    if group is not None:
        groups = [s.properties.get(group, s.info.get(group)) for s in systems]
        return GroupKFold(5).split(targets, targets, groups)
    return StratifiedKFold(5, shuffle=True, random_state=0).split(targets, targets)


def _trained(systems: list[System], out: Path, options: argparse.Namespace) -> Path:
    more = {name: getattr(options, name) for name in ("points", "width") if getattr(options, name) is not None}
    settings = {"symmetry": options.symmetry, "time": options.time, "threads": 1, "test": 0, **more}
    return empnet.train(systems, options.property, out=out, quiet=True, **settings).run


def _measured(
    run: Path, train: list[System], test: list[System], targets: np.ndarray, options: argparse.Namespace
) -> dict[str, float]:
    predictor, random = empnet.load(run), np.random.default_rng(0)
    found = predictor.predict(test)
    again = predictor.predict([_turned(system, random, options.symmetry == "vertical") for system in test])
    if found.classes:
        forest = np.array(found.classes)[found.baseline.argmax(axis=1)]
        labels, turned = np.array(found.labels), np.array(again.labels)
        return {
            "balanced accuracy": balanced_accuracy_score(targets, labels),
            "forest": balanced_accuracy_score(targets, forest),
            "turned": balanced_accuracy_score(targets, turned),
            "other class when turned": float((labels != turned).mean()),
            "largest change of a logit": float(np.abs(found.values - again.values).max()),
        }
    network, forest = (np.abs(values[:, 0] / targets - 1) for values in (found.values, found.baseline))
    hull = _hull_errors(train, test, options.property)
    return {
        "median error": float(np.median(network)),
        "within 10 %": float((network < 0.1).mean()),
        "forest": float(np.median(forest)),
        "forest within 10 %": float((forest < 0.1).mean()),
        "hull": float(np.median(hull)),
        "largest relative change when turned": float(np.abs(again.values / found.values - 1).max()),
    }


def _turned(system: System, random: np.random.Generator, vertical: bool) -> System:
    angle = random.uniform(0, 2 * np.pi)
    R = Rotation.from_euler("z", angle) if vertical else Rotation.random(random_state=random)
    return replace(system, positions=(system.positions @ R.as_matrix().T)[random.permutation(len(system))], arrays={})


def _hull_errors(train: list[System], test: list[System], name: str) -> np.ndarray:
    """Return relative errors of the hull's volume times the median factor of the training clouds."""
    factor = np.median([s.properties[name] / _hull(s) for s in train])
    return np.array([abs(factor * _hull(s) / s.properties[name] - 1) for s in test])


def _hull(system: System) -> float:
    try:
        return float(ConvexHull(system.positions).volume)
    except QhullError:  # a flat cloud
        return float("nan")


if __name__ == "__main__":
    main()
