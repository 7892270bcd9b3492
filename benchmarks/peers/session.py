"""One session of measurements: processes that wait in turn, so that only one computes at a time."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from contestants import OURS, Contestant
from conversation import Failed, Worker
from environments import NoEnvironment, python_of

__all__ = ["MEASURES", "Session", "Settings"]

MEASURES = ("energy", "forces", "train-energy", "train-forces")
"""What is timed on the batch of molecules."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How much is measured, and where.

    Arguments:
        environments: Folder of the peers' virtual environments.
        empnet_python: Interpreter that has this package.
        threads: Processor threads of each process.
        rounds: How often each measure is taken of everybody.
        window: Seconds over which calls are averaged, each time.
        patience: Seconds that the first call of anything may take, compilation included.
    """

    environments: Path
    empnet_python: Path
    threads: int = 2
    rounds: int = 9
    window: float = 0.3
    patience: float = 240.0


@dataclass(eq=False)
class Session:
    """The processes of the contestants and what was found out about them.

    Arguments:
        settings: How much is measured.
        contestants: Who takes part.
    """

    settings: Settings
    contestants: Sequence[Contestant]
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    _pythons: dict[str, Path] = field(default_factory=dict)
    _folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="peers-")))

    def set_up(self) -> None:
        """Make the environments; a peer that cannot be installed or started takes no further part."""
        for peer in dict.fromkeys(contestant.peer for contestant in self.contestants):
            try:
                own = peer == OURS
                self._pythons[peer] = self.settings.empnet_python if own else self._python(peer)
                with self.start(peer) as worker:
                    self.facts[peer] = worker.ask(do="hello", timeout=self.settings.patience)
            except (NoEnvironment, Failed) as error:
                self.facts[peer] = {"failed": str(error)}
                print(f"{peer}: {error}", flush=True)
        self.contestants = [one for one in self.contestants if "failed" not in self.facts[one.peer]]

    def _python(self, peer: str) -> Path:
        return python_of(peer, self.settings.environments)

    def start(self, peer: str, preload: str | None = None) -> Worker:
        """A new process of a peer."""
        command = [str(self._pythons[peer]), "-m", f"workers.{peer}"]
        return Worker(command, self._folder / f"{peer}.log", self.settings.threads, preload)

    def batch(self, work: Path) -> dict[str, dict[str, Any]]:
        """Times of the four measures for each contestant, taken in turn.

        Arguments:
            work: The systems.

        Returns:
            For each contestant ``prepared`` or ``failed``, and for each measure either lists, one entry a round, or
            ``failed``.
        """
        workers, results = self._prepared(work)
        try:
            for _round in range(self.settings.rounds):
                for measure in MEASURES:
                    self._take(measure, workers, results, _round)
                print(f"round {_round + 1} of {self.settings.rounds}", flush=True)
        finally:
            for worker in workers.values():
                worker.close()
        return results

    def _prepared(self, work: Path) -> tuple[dict[str, Worker], dict[str, dict[str, Any]]]:
        """A process for each contestant, in which everything has run once; what fails is written down."""
        workers: dict[str, Worker] = {}
        results: dict[str, dict[str, Any]] = {}
        for one in self.contestants:
            result = results[one.key] = {}
            for measure in MEASURES:
                result[measure] = self._first_calls(one, work, measure, workers, result)
            for measure in MEASURES:
                if "failed" not in result[measure] and not workers[one.key].alive:  # a later one was its end
                    result[measure] = self._first_calls(one, work, measure, workers, result)
        return workers, results

    def _first_calls(
        self, one: Contestant, work: Path, measure: str, workers: dict[str, Worker], result: dict[str, Any]
    ) -> dict[str, Any]:
        """The record of a measure, to be filled; or why it does not work."""
        try:
            worker = self._living(one, work, workers, result)
            question = {"do": "time", "measure": measure, "least": 0.0, "warm": False}
            first = worker.ask(**question, timeout=self.settings.patience)
            worker.ask(**question, timeout=self.settings.patience)
        except Failed as error:
            print(f"{one.label}, {measure}: {error}", flush=True)
            return {"failed": str(error)}
        return {"first": first["seconds"], "seconds": [], "cpu": [], "others": []}

    def _living(self, one: Contestant, work: Path, workers: dict[str, Worker], result: dict[str, Any]) -> Worker:
        """The contestant's process, prepared; a new one if there is none or the last measure was its end."""
        worker = workers.get(one.key)
        if worker is None or not worker.alive:
            if worker is not None:
                worker.close()
            worker = workers[one.key] = self.start(one.peer)
            result["prepared"] = self._prepare(worker, work, one)
        return worker

    def _prepare(self, worker: Worker, work: Path, one: Contestant) -> dict[str, Any]:
        return worker.ask(do="prepare", work=str(work), form=one.form, timeout=self.settings.patience)

    def _take(self, measure: str, workers: dict[str, Worker], results: dict[str, dict[str, Any]], turn: int) -> None:
        """Ask everybody once, each round beginning with another one."""
        keys = list(workers)
        for key in keys[turn % len(keys) :] + keys[: turn % len(keys)]:
            record = results[key][measure]
            if "failed" in record:
                continue
            try:
                taken = workers[key].ask(do="time", measure=measure, least=self.settings.window)
            except Failed as error:
                record["failed"] = str(error)
                continue
            for name in ("seconds", "cpu", "others"):
                record[name].append(taken[name])

    def memory(self, work: Path, small: Path) -> dict[str, dict[str, Any]]:
        """Added memory of the four measures, each contestant in a fresh process.

        Arguments:
            work: The systems.
            small: Fewer systems, on which everything runs once before: code is loaded, threads are started.
        """
        results: dict[str, dict[str, Any]] = {}
        for one in self.contestants:
            result = results[one.key] = {}
            first = work if one.compiled else small  # what is compiled for one shape is not compiled twice
            workers: dict[str, Worker] = {}
            try:
                for measure in MEASURES:
                    self._first_call(one, first, measure, workers, result)
                if not workers[one.key].alive:  # the last measure was its end
                    for measure in (name for name in MEASURES if name not in result):
                        self._first_call(one, first, measure, workers, result)
                if first is small:
                    self._prepare(workers[one.key], work, one)
                for measure in (name for name in MEASURES if name not in result):
                    result[measure] = workers[one.key].ask(do="memory", measure=measure, calls=3)
            except Failed as error:
                result.update({name: {"failed": str(error)} for name in MEASURES if name not in result})
            finally:
                workers[one.key].close()
            result.pop("prepared", None)
        print("memory: done", flush=True)
        return results

    def _first_call(
        self, one: Contestant, work: Path, measure: str, workers: dict[str, Worker], result: dict[str, Any]
    ) -> None:
        try:
            worker = self._living(one, work, workers, result)
            worker.ask(do="time", measure=measure, least=0.0, timeout=self.settings.patience)
        except Failed as error:
            result[measure] = {"failed": str(error)}

    def droplets(
        self, works: dict[int, Path], small: Path, rounds: int, preload: str | None = None
    ) -> dict[str, dict[str, Any]]:
        """Time and added memory of energy and forces of single large systems, each time in a fresh process.

        Arguments:
            works: A file for each number of atoms.
            small: A small system of the same kind, which runs first.
            rounds: How many processes each contestant gets, in turn; above 4,000 atoms one.
            preload: A shared library to load first.
        """
        results: dict[str, dict[str, Any]] = {}
        for atoms, work in works.items():
            found = results[str(atoms)] = {}
            for _ in range(rounds if atoms <= 4000 else 1):
                for one in self.contestants:
                    if one.droplet and "failed" not in found.get(one.key, {}):
                        calls = 5 if atoms <= 1000 else 3 if atoms <= 4000 else 2
                        _join(found, one.key, self._fresh(one, small, work, "forces", calls, preload))
            print(f"droplet of {atoms} atoms: done", flush=True)
        return results

    def _fresh(
        self, one: Contestant, small: Path, work: Path, measure: str, calls: int, preload: str | None = None
    ) -> dict[str, Any]:
        try:
            with self.start(one.peer, preload) as worker:
                self._prepare(worker, small, one)
                worker.ask(do="time", measure=measure, least=0.0, timeout=self.settings.patience)
                self._prepare(worker, work, one)
                return worker.ask(do="memory", measure=measure, calls=calls)
        except Failed as error:
            print(f"{one.label}, {work.stem}: {error}", flush=True)
            return {"failed": str(error)}

    def epochs(self, work: Path, ours: Callable[[], dict[str, Any]], epochs: int, rounds: int) -> dict[str, Any]:
        """Seconds an epoch through each peer's own data pipeline, in turn, beside its bare steps.

        Arguments:
            work: The systems.
            ours: Runs ``empnet train`` and returns its epochs and the path of its model.
            epochs: Epochs that count, each time.
            rounds: How often each contestant is asked.
        """
        results: dict[str, dict[str, Any]] = {}
        first = {one.peer: one for one in reversed(self.contestants) if one.same}
        for _ in range(rounds):
            for peer, one in reversed(first.items()):
                if "failed" in results.get(peer, {}):
                    continue
                try:
                    taken = ours() if peer == OURS else {}
                    with self.start(peer) as worker:
                        question = {"work": str(work), "form": one.form, "epochs": epochs, **taken}
                        taken = {**taken, **worker.ask(do="epoch", timeout=1800.0, **question)}
                    taken.pop("model", None)
                    results[peer] = _joined(results.get(peer, {}), taken)
                except Failed as error:
                    results[peer] = {"failed": str(error)}
                print(f"epoch, {peer}: {_told(results[peer])}", flush=True)
        return results


def _join(found: dict[str, Any], key: str, taken: dict[str, Any]) -> None:
    """Add a fresh process's numbers to those of earlier ones."""
    before = found.get(key)
    if before is None or "failed" in taken:
        found[key] = taken if "failed" in taken else {"seconds": taken["seconds"], "added": [taken["added"]]}
        return
    before["seconds"] += taken["seconds"]
    before["added"].append(taken["added"])


def _joined(before: dict[str, Any], taken: dict[str, Any]) -> dict[str, Any]:
    """Lists are appended to, the rest is the latest."""
    return {name: before.get(name, []) + value if isinstance(value, list) else value for name, value in taken.items()}


def _told(record: dict[str, Any]) -> str:
    if "failed" in record:
        return str(record["failed"])
    return ", ".join(
        f"{name} {statistics.median(value):.2f} s" for name, value in record.items() if isinstance(value, list)
    )
