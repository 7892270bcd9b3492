"""Everything that a run needs to go on as if it had never stopped, in one file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from empnet.data.errors import EmpnetError
from empnet.data.files import replacing
from empnet.learn.integrity import hash_of_tensors, refuse_flipped

__all__ = ["Progress", "load_checkpoint", "restore", "save_checkpoint", "state_of"]

FILE = Path("checkpoint") / "state.safetensors"


@dataclass(slots=True)
class Progress:
    """Where a run stands.

    Arguments:
        step: Steps done.
        epoch: The epoch that is under way, counted from 0.
        batch: Batches done in it.
        loss_sum: Sum of their losses.
        total: Steps in all, once it is fixed; the learning rate anneals towards it.
        anneal_from: The step from which it anneals.
        explosions: How often the loss has exploded; the learning rate was halved each time.
        usual_gradient: Running mean of the gradients' lengths.
        elapsed: Seconds spent in training so far.
        best: Lowest validation score so far.
        best_epoch: The epoch that had it.
        done: Whether training has ended.
    """

    step: int = 0
    epoch: int = 0
    batch: int = 0
    loss_sum: float = 0.0
    total: int | None = None
    anneal_from: int = 0
    explosions: int = 0
    usual_gradient: float | None = None
    elapsed: float = 0.0
    best: float | None = None
    best_epoch: int = -1
    done: bool = False


def state_of(model: torch.nn.Module, average: torch.nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """All tensors that training goes on from, by name: copies on the CPU. Nothing tells how many processes there are.

    Arguments:
        model: The model that is trained.
        average: The moving average of its weights.
        optimizer: The optimiser with its moments.
    """
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    tensors |= {f"average.{name}": value for name, value in average.state_dict().items()}
    for index, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": value for name, value in moments.items()}
    return {name: value.detach().cpu().clone() for name, value in tensors.items()}  # no two share memory


def restore(
    tensors: dict[str, Tensor], model: torch.nn.Module, average: torch.nn.Module, optimizer: torch.optim.Optimizer
) -> None:
    """Put tensors where :func:`state_of` found them.

    Arguments:
        tensors: By name.
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


def save_checkpoint(
    run: Path, model: torch.nn.Module, average: torch.nn.Module, optimizer: torch.optim.Optimizer, progress: Progress
) -> None:
    """Write the state of training, whole or not at all.

    Arguments:
        run: The run folder.
        model: The model that is trained.
        average: The moving average of its weights.
        optimizer: The optimiser with its moments.
        progress: Where the run stands.
    """
    (run / FILE).parent.mkdir(exist_ok=True)
    with replacing(run / FILE) as unfinished:
        state, told = state_of(model, average, optimizer), json.dumps(asdict(progress))
        metadata = {"progress": told, "sha256": hash_of_tensors(state, told)}
        safetensors.torch.save_file(state, unfinished, metadata=metadata)


def load_checkpoint(
    run: Path, model: torch.nn.Module, average: torch.nn.Module, optimizer: torch.optim.Optimizer
) -> Progress:
    """Put the saved state into model, average and optimiser.

    Arguments:
        run: The run folder.
        model: The model that is trained.
        average: The moving average of its weights.
        optimizer: The optimiser.

    Returns:
        Where the run stood; a fresh start if it was stopped before its first checkpoint.

    Raises:
        EmpnetError: If the file is damaged, down to a single bit.
    """
    path = run / FILE
    if not path.exists():
        return Progress()
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            written = file.metadata()
        state = safetensors.torch.load_file(path)
        now = hash_of_tensors(state, written["progress"])
        refuse_flipped(
            written.get("sha256"), now, where=path, remedy="restore it from a copy, or start from --from RUN"
        )
        progress = Progress(**json.loads(written["progress"]))
        restore(state, model, average, optimizer)
    except EmpnetError:
        raise
    except (safetensors.SafetensorError, RuntimeError, KeyError, TypeError, ValueError) as error:
        raise EmpnetError(f"is damaged ({error})", where=path, wanted="a checkpoint of this run") from None
    return progress


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
