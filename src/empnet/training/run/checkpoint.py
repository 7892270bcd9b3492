"""Checkpoint of a run: one file with everything needed to go on as if training had never stopped."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from empnet.errors import EmpnetError
from empnet.runtime.durable_files import replacing
from empnet.training.run.belonging import refuse_other_belonging
from empnet.training.run.integrity import file_of_tensors, hash_of_tensors, refuse_flipped

__all__ = [
    "FILE",
    "PREVIOUS",
    "Progress",
    "Restored",
    "copied",
    "load_checkpoint",
    "restore",
    "save_checkpoint",
    "state_of",
]

FILE = Path("checkpoint") / "state.safetensors"
PREVIOUS = FILE.with_name("previous.safetensors")
"""Previous checkpoint: training goes on from it, to the same weights, if the last one is damaged."""


@dataclass(slots=True)
class Progress:
    """Progress of a run.

    Arguments:
        step: Steps done.
        epoch: Current epoch, counted from 0.
        batch: Batches done in the current epoch.
        loss_sum: Sum of their losses.
        total: Total number of steps, once fixed; the learning rate anneals towards it.
        anneal_from: Step at which annealing begins.
        explosions: Number of explosions of the loss; each has halved the learning rate.
        rate: Learning rate of the last step, for a run resumed at the end of an epoch, before it takes a step.
        usual_gradient: Running mean of the gradients' lengths.
        elapsed: Seconds spent in training so far.
        best: Lowest validation score so far.
        best_epoch: Epoch with this score.
        done: True if training has ended.
    """

    step: int = 0
    epoch: int = 0
    batch: int = 0
    loss_sum: float = 0.0
    total: int | None = None
    anneal_from: int = 0
    explosions: int = 0
    rate: float = 0.0
    usual_gradient: float | None = None
    elapsed: float = 0.0
    best: float | None = None
    best_epoch: int = -1
    done: bool = False


def state_of(model: torch.nn.Module, average: torch.nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return copies on the CPU of all tensors of training, by name; they do not depend on the number of processes.

    Arguments:
        model: The model that is trained.
        average: The moving average of its weights.
        optimizer: The optimiser with its moments.
    """
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    tensors |= {f"average.{name}": value for name, value in average.state_dict().items()}
    for index, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": value for name, value in moments.items()}
    return {name: value.detach().cpu().clone() for name, value in tensors.items()}  # no two of them share memory


def copied(model: torch.nn.Module) -> dict[str, Tensor]:
    """Return copies on the CPU of a model's weights and statistics.

    Arguments:
        model: The model.
    """
    return {name: value.detach().cpu().clone().contiguous() for name, value in model.state_dict().items()}


def restore(
    tensors: dict[str, Tensor], model: torch.nn.Module, average: torch.nn.Module, optimizer: torch.optim.Optimizer
) -> None:
    """Load tensors into the places from which :func:`state_of` took them.

    Arguments:
        tensors: Tensors by name.
        model: The model that is trained.
        average: The moving average of its weights.
        optimizer: The optimiser.
    """
    model.load_state_dict(_below("model.", tensors))
    average.load_state_dict(_below("average.", tensors))
    moments: dict[int, dict[str, Tensor]] = {}
    for name, value in _below("optimizer.", tensors).items():
        index, key = name.split(".", 1)
        moments.setdefault(int(index), {})[key] = value
    optimizer.load_state_dict({"state": moments, "param_groups": optimizer.state_dict()["param_groups"]})
    for parameter, kept in optimizer.state.items():  # torch leaves the state "step" on the CPU
        optimizer.state[parameter] = {name: value.to(parameter.device) for name, value in kept.items()}


def save_checkpoint(
    run: Path,
    model: torch.nn.Module,
    average: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    progress: Progress,
    best: Mapping[str, Tensor] | None = None,
    belongs: str = "",
) -> None:
    """Write the checkpoint, whole or not at all, and keep the previous one.

    Arguments:
        run: The run folder.
        model: The model that is trained.
        average: The moving average of its weights.
        optimizer: The optimiser with its moments.
        progress: The run's progress.
        best: The best weights so far, on the CPU; None if there are none yet.
        belongs: Result of :func:`~empnet.training.run.belonging.belonging` for the run.
    """
    path = run / FILE
    path.parent.mkdir(exist_ok=True)
    tensors = state_of(model, average, optimizer) | {f"best.{name}": value for name, value in (best or {}).items()}
    record = json.dumps(asdict(progress))
    metadata = {"progress": record, "belongs": belongs, "sha256": hash_of_tensors(tensors, record + belongs)}
    content = file_of_tensors(tensors, metadata)
    with replacing(path) as unfinished:
        unfinished.write_bytes(content)  # safetensors' own writer hides the reason of a failure
        _keep(path, run / PREVIOUS)


def _keep(path: Path, previous: Path) -> None:
    """Keep the last checkpoint under a second name, if the file system has hard links."""
    with suppress(OSError):
        beside = previous.with_name(f".{os.getpid()}.unfinished.{previous.name}")
        beside.unlink(missing_ok=True)
        os.link(path, beside)
        os.replace(beside, previous)


@dataclass(frozen=True, slots=True)
class Restored:
    """Content of a checkpoint.

    Arguments:
        progress: The run's progress.
        best: The best weights at that moment; empty if there were none, or an earlier version wrote the file.
        problem: Message about a damaged last checkpoint, if the previous one was read; else empty.
    """

    progress: Progress
    best: dict[str, Tensor]
    problem: str = ""


def load_checkpoint(
    run: Path,
    model: torch.nn.Module,
    average: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    belongs: str = "",
) -> Restored:
    """Load the saved state into model, average and optimiser.

    Arguments:
        run: The run folder.
        model: The model that is trained.
        average: The moving average of its weights.
        optimizer: The optimiser.
        belongs: The run's :func:`~empnet.training.run.belonging.belonging`; empty to compare nothing.

    Raises:
        EmpnetError: If the file is missing, damaged or of another run, and the previous one, too.
    """
    state = belongs, model, average, optimizer
    try:
        return _read(run / FILE, *state)
    except EmpnetError as error:
        mistake = error
    if (run / PREVIOUS).exists():
        with suppress(EmpnetError):
            found = _read(run / PREVIOUS, *state)
            text = f"{mistake}; going on from the one before, step {found.progress.step}: it leads to the same weights"
            return Restored(found.progress, found.best, text)
    raise mistake


def _read(
    path: Path,
    belongs: str,
    model: torch.nn.Module,
    average: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
) -> Restored:
    remedy = f"bring it back from a copy, or train anew from the run's weights with --from {path.parent.parent}"
    if not path.exists():
        raise EmpnetError("the checkpoint is missing: training cannot go on", where=path, remedy=remedy)
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata()
        tensors = safetensors.torch.load_file(path)
        written = metadata.get("belongs", "")
        refuse_flipped(
            metadata.get("sha256"), hash_of_tensors(tensors, metadata["progress"] + written), where=path, remedy=remedy
        )
        refuse_other_belonging(written, belongs, path)
        progress = Progress(**json.loads(metadata["progress"]))
        restore(tensors, model, average, optimizer)
    except EmpnetError:
        raise
    except OSError as error:
        raise EmpnetError(f"cannot be read ({error.strerror or error})", where=path) from None
    except (safetensors.SafetensorError, RuntimeError, KeyError, TypeError, ValueError) as error:
        wanted = "a checkpoint of this run"
        raise EmpnetError(f"is damaged ({error})", where=path, wanted=wanted, remedy=remedy) from None
    best = {name: value.clone() for name, value in _below("best.", tensors).items()}  # the file is mapped to memory
    return Restored(progress, best)


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
