"""Several processes that share a piece of work, started by torchrun.

Each process is an ordinary program. The processes communicate in two ways. One message in each step sums gradients
(:meth:`Processes.sum_gradients`). :meth:`Processes.together` and similar methods exchange everything else: errors,
decisions, predictions. They all send the same kind of message: if a process fails, the others receive the error with
their next message, and all raise it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import cache
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed

from empnet.errors import EmpnetError
from empnet.runtime.forking import use_threads

__all__ = ["ProcessLost", "Processes", "SharedMistake", "processes"]

T = TypeVar("T")

PATIENCE = timedelta(days=30)
"""Longest wait for another process, for example one that reads data; a dead process is noticed at once."""

LAST_WAIT = timedelta(seconds=60)
"""Longest wait of a finished process for the others."""


class ProcessLost(RuntimeError):
    """Another process has ended, or is unreachable."""


class SharedMistake(EmpnetError):
    """An error that is known to all processes."""


class Processes:
    """The processes that share a piece of work, from the view of one of them; a single process has no overhead.

    Arguments:
        rank: Number of this process.
        size: Number of processes.
        local_rank: Number of this process on its machine.
        local_size: Number of processes on its machine.

    Example:
        >>> alone = Processes()
        >>> alone.first, alone.together(lambda: 3), alone.gather(lambda: 3), alone.from_first(3)
        (True, 3, [3], 3)
    """

    def __init__(self, rank: int = 0, size: int = 1, local_rank: int = 0, local_size: int = 1) -> None:
        self.rank, self.size, self.local_rank, self.local_size = rank, size, local_rank, local_size
        self.alone, self.first = size == 1, rank == 0
        self._group: Any = None
        if not self.alone:
            with _reachable():
                distributed.init_process_group(rank=rank, world_size=size)  # gloo on CPUs, nccl on GPUs
                self._group = distributed.new_group(backend="gloo", timeout=PATIENCE)

    def __str__(self) -> str:
        threads = torch.get_num_threads()
        return f"{self.size} processes, {threads} thread{'s' * (threads > 1)} each"

    def choose_threads(self, wanted: int | None) -> None:
        """Set the number of threads of this process; for a single process torch chooses.

        torchrun sets ``OMP_NUM_THREADS`` to 1 if the user has not set it. Another number is the user's choice; else the
        cores of this process are divided by the number of processes on this machine.

        Arguments:
            wanted: Number of threads; None: not given.
        """
        if wanted is None and not self.alone and os.environ.get("OMP_NUM_THREADS", "1") == "1":
            wanted = max(1, _cores() // self.local_size)
        if wanted is not None:
            use_threads(wanted)

    def unused(self, batch: int) -> list[str]:
        """Name useless processes or threads, with a line for each reason.

        Arguments:
            batch: Systems in a batch; the processes share them, and a system is never divided.

        Example:
            >>> Processes().unused(batch=1)
            []
        """
        lines, cores, threads = [], _cores(), torch.get_num_threads()
        if batch < self.size:
            each = "1 system" if batch == 1 else f"{batch} systems"
            lines.append(
                f"a batch has {each}, which {self.size} processes cannot share: {self.size - batch} will wait in each "
                f"step; take a larger --batch, or {'no torchrun' if batch == 1 else f'{batch} processes'}"
            )
        if threads * self.local_size > cores:
            lines.append(
                f"{threads * self.local_size} threads on {cores} core{'s' * (cores > 1)}: more threads than cores make "
                f"training slower; use --threads {max(1, cores // self.local_size)}"
            )
        return lines

    def together(self, work: Callable[[], T]) -> T:
        """Do the work in all processes; return this process's result when all are done.

        Arguments:
            work: The function.

        Raises:
            EmpnetError: In all processes, if one process raised it.
        """
        return work() if self.alone else self._heard(work, send=False)[0]

    def gather(self, work: Callable[[], T]) -> list[T]:
        """Do a part of the work in each process; return all results by rank, in all processes.

        Arguments:
            work: The function.

        Raises:
            EmpnetError: In all processes, if one process raised it.
        """
        return [work()] if self.alone else self._heard(work, send=True)[1]

    def from_first(self, value: T) -> T:
        """Return the first process's value, in all processes.

        Arguments:
            value: Any plain data or tensors on the CPU; only the value in the first process matters.
        """
        return value if self.alone else self._heard(lambda: value if self.first else None, send=True)[1][0]  # type: ignore[return-value]

    def tensors_from_first(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the first process's tensors, in all processes.

        Arguments:
            tensors: Tensors by name, contiguous and on the CPU; only the tensors in the first process matter.
        """
        if self.alone:
            return tensors
        kinds = self.from_first({name: (tuple(value.shape), value.dtype) for name, value in tensors.items()})
        received = (
            tensors if self.first else {name: torch.empty(shape, dtype=dtype) for name, (shape, dtype) in kinds.items()}
        )
        with _reachable():
            for name in kinds:
                distributed.broadcast(received[name], src=0, group=self._group)
        return received

    def in_turn(self, work: Callable[[], T]) -> T:
        """Run the work in turn: first process, then the first of each machine, then all others, which find the file.

        Arguments:
            work: The function; it is fast if its file exists.

        Raises:
            EmpnetError: In all processes, if one process raised it.
        """
        if self.alone:
            return work()
        turn = 0 if self.first else 1 if self.local_rank == 0 else 2
        results: list[T | None] = [self.together(work if now == turn else _nothing) for now in range(3)]
        return results[turn]  # type: ignore[return-value]

    def _heard(self, work: Callable[[], T], *, send: bool) -> tuple[T, list[T]]:
        """Return the result of the work and, if results are sent, the results of all processes."""
        result, mistake = None, ""
        try:
            result = work()
        except SharedMistake:
            raise  # all processes have this error already
        except EmpnetError as error:
            mistake = str(error) if self.first else f"process {self.rank}: {error}"
        lines: list[Any] = [None] * self.size
        with _reachable():
            distributed.all_gather_object(lines, (mistake, result if send else None), group=self._group)
        for mistake, _ in lines:
            if mistake:
                raise SharedMistake(mistake)
        return result, [value for _, value in lines]  # type: ignore[return-value]

    def sum_gradients(self, parameters: Sequence[Tensor], numbers: Sequence[float]) -> list[float]:
        """Sum gradients and some numbers over the processes, in one message.

        A process without gradients adds zeros. A number that is not finite in one process is not finite in the sum.

        Arguments:
            parameters: Parameters of one dtype and device, the same in all processes; their gradients are replaced.
            numbers: Further numbers, in the parameters' dtype.

        Returns:
            The sums of the numbers.
        """
        parts = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        flat = torch.cat([*(part.reshape(-1) for part in parts), parts[0].new_tensor(numbers)])
        with _reachable():
            distributed.all_reduce(flat)
        sums = flat.split([*(part.numel() for part in parts), len(numbers)])
        for p, part in zip(parameters, sums, strict=False):
            p.grad = part.view_as(p)
        return sums[-1].tolist()

    def leave(self) -> None:
        """Wait until the other processes are about to end, then close the connections.

        A launcher stops all processes when one ends with an error. If a process ends with open connections, a thread
        of theirs can end it with the exit code of a crash.
        """
        if self._group is not None:
            with suppress(RuntimeError):  # the others have ended
                distributed.barrier(group=self._group, async_op=True).wait(LAST_WAIT)
            self._group = None
            with suppress(RuntimeError):
                distributed.destroy_process_group()


@cache
def processes() -> Processes:
    """Return the processes that torchrun has started together; this process alone without torchrun."""
    named = os.environ
    if not (distributed.is_available() and distributed.is_torchelastic_launched()) or named["WORLD_SIZE"] == "1":
        return Processes()
    return Processes(*(int(named[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")))


def _nothing() -> None:
    """Do nothing, while other processes have their turn."""


def _cores() -> int:
    """Return the number of cores of this process."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _reachable() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:  # torch has no narrower exception for a lost connection
        text = "another process has ended or is unreachable; its own message gives the reason"
        raise ProcessLost(text) from error
