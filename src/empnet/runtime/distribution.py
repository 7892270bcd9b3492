"""Several processes that work on one thing, as torchrun starts them.

Each process is an ordinary program, and what they must agree on passes through two doors. Gradients are summed in one
message a step (:meth:`Processes.sum_gradients`). Everything else (mistakes, decisions, predictions) is exchanged by
:meth:`Processes.together` and its kin, which all send the same kind of message: a process that fails anywhere is heard
by the others wherever they next listen, and all raise the same error.
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
"""How long a process waits for another one that reads data, say. One that has died is noticed at once."""

LAST_WAIT = timedelta(seconds=60)
"""How long a process that has come to its end waits for the others."""


class ProcessLost(RuntimeError):
    """Another process has ended, or cannot be reached any more."""


class SharedMistake(EmpnetError):
    """A mistake of which all processes know."""


class Processes:
    """The processes that share a piece of work, seen from one of them; one alone costs nothing.

    Arguments:
        rank: Number of this one.
        size: How many there are.
        local_rank: Number of this one on its machine.
        local_size: How many there are on its machine.

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
        """Set the number of threads of this process; alone, torch's own choice stands.

        torchrun sets ``OMP_NUM_THREADS`` to 1 if the user has not set it. Another number is the user's; else the
        cores that this process may use are divided by the number of processes on this machine.

        Arguments:
            wanted: Threads; None if nobody has asked for a number.
        """
        if wanted is None and not self.alone and os.environ.get("OMP_NUM_THREADS", "1") == "1":
            wanted = max(1, _cores() // self.local_size)
        if wanted is not None:
            use_threads(wanted)

    def unused(self, batch: int) -> list[str]:
        """Say which processes or threads will bring nothing, a line for each reason.

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
                f"training slower; say --threads {max(1, cores // self.local_size)}"
            )
        return lines

    def together(self, work: Callable[[], T]) -> T:
        """Do a piece of work in all processes; return this one's result once all are done.

        Arguments:
            work: What is done.

        Raises:
            EmpnetError: In all processes, if it was raised in one.
        """
        return work() if self.alone else self._heard(work, send=False)[0]

    def gather(self, work: Callable[[], T]) -> list[T]:
        """Do a part of the work in each process; return all results in order of rank, in all processes.

        Arguments:
            work: What is done.

        Raises:
            EmpnetError: In all processes, if it was raised in one.
        """
        return [work()] if self.alone else self._heard(work, send=True)[1]

    def from_first(self, value: T) -> T:
        """The first process's value, in all of them.

        Arguments:
            value: Any plain data or tensors on the CPU; only the first process's counts.
        """
        return value if self.alone else self._heard(lambda: value if self.first else None, send=True)[1][0]  # type: ignore[return-value]

    def tensors_from_first(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """The first process's tensors, in all of them.

        Arguments:
            tensors: By name, on the CPU and contiguous; only the first process's count.
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
        """Work whose fruit is a file: the first process does it, then the first of each machine, then all others.

        Arguments:
            work: What is done; quick for those that find the file.

        Raises:
            EmpnetError: In all processes, if it was raised in one.
        """
        if self.alone:
            return work()
        turn = 0 if self.first else 1 if self.local_rank == 0 else 2
        results: list[T | None] = [self.together(work if now == turn else _nothing) for now in range(3)]
        return results[turn]  # type: ignore[return-value]

    def _heard(self, work: Callable[[], T], *, send: bool) -> tuple[T, list[T]]:
        """The result of the work and, if it is sent, that of each process."""
        result, mistake = None, ""
        try:
            result = work()
        except SharedMistake:
            raise  # the others know
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
        """Sum gradients over the processes, and some numbers along with them, in one message.

        A process whose parameters have no gradients adds none. What is not finite in one process is so in the sum.

        Arguments:
            parameters: Of one dtype and device, the same in all processes; their gradients are replaced.
            numbers: Further numbers to be summed, in the parameters' dtype.

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
        """Wait until the others are about to end, too, then hang up.

        A launcher stops all when the first one ends with an error; and a process that ends with its connections open
        may be ended by a thread of theirs, with the exit code of a crash.
        """
        if self._group is not None:
            with suppress(RuntimeError):  # the others have ended
                distributed.barrier(group=self._group, async_op=True).wait(LAST_WAIT)
            self._group = None
            with suppress(RuntimeError):
                distributed.destroy_process_group()


@cache
def processes() -> Processes:
    """The processes that torchrun has started this one with; this one alone, if it was not."""
    named = os.environ
    if not (distributed.is_available() and distributed.is_torchelastic_launched()) or named["WORLD_SIZE"] == "1":
        return Processes()
    return Processes(*(int(named[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")))


def _nothing() -> None:
    """The work of those whose turn it is not."""


def _cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _reachable() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:  # torch has no narrower one for a connection that is gone
        text = "another process has ended or cannot be reached; what it said itself tells why"
        raise ProcessLost(text) from error
