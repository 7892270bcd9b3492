"""The device on which a process trains."""

from __future__ import annotations

import torch

from empnet.errors import EmpnetError
from empnet.runtime.distribution import Processes

__all__ = ["device_for"]


def device_for(device: str, processes: Processes) -> torch.device:
    """Choose the device of this process; ``auto`` takes GPUs if there is one for each process of this machine.

    Arguments:
        device: ``auto``, ``cpu`` or ``cuda``.
        processes: The processes that share the machine.

    Raises:
        EmpnetError: If GPUs are requested and there are too few.

    Example:
        >>> device_for("cpu", Processes())
        device(type='cpu')
    """
    there = torch.cuda.device_count()
    if device == "cuda" and there < processes.local_size:
        found = (
            "there is no CUDA device" if not there else f"{processes.local_size} processes share {there} CUDA devices"
        )
        raise EmpnetError(found, where="--device cuda", remedy="use --device cpu, or start one process for each device")
    if device == "cpu" or there < processes.local_size:
        return torch.device("cpu")
    own = torch.device("cuda", processes.local_rank)
    torch.cuda.set_device(own)  # torch.distributed sends from the current device
    return own
