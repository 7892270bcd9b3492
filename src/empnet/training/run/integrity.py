"""Hashes of the numbers of a run: a flipped bit changes predictions, and nothing else would show it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from empnet.errors import EmpnetError

__all__ = ["file_of_tensors", "hash_of_card", "hash_of_tensors", "refuse_flipped"]

BOOKKEEPING = ("data", "versions", "threads", "processes")
"""Keys of model.json that describe how the model was made; predictions do not depend on them."""


def hash_of_tensors(tensors: Mapping[str, Tensor], text: str = "") -> str:
    """Return the SHA-256 of names, types, shapes and bytes of tensors, and of a text that belongs to them.

    Arguments:
        tensors: Tensors on the CPU by name; their order does not matter.
        text: Further text, such as metadata.

    Example:
        >>> one, other = torch.zeros(2), torch.tensor([0.0, -0.0])
        >>> hash_of_tensors({"a": one}) == hash_of_tensors({"a": other})
        False
    """
    digest = hashlib.sha256(text.encode())
    for name, value in sorted(tensors.items()):
        digest.update(json.dumps([name, str(value.dtype), list(value.shape)]).encode())
        digest.update(value.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def file_of_tensors(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> bytes:
    """Return the bytes of a safetensors file, which depend only on its content.

    safetensors itself writes metadata in a random order, so equal runs would have different files.

    Arguments:
        tensors: Tensors on the CPU by name.
        metadata: Texts by name.

    Example:
        >>> safetensors.torch.load(file_of_tensors({"a": torch.ones(2)}, {"y": "1", "x": "2"}))["a"]
        tensor([1., 1.])
    """
    content = safetensors.torch.save(dict(tensors), dict(metadata))
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    header["__metadata__"] = dict(sorted(metadata.items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # tensors begin at a multiple of 8
    return len(text).to_bytes(8, "little") + text + content[start:]


def hash_of_card(record: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the part of a ``model.json`` that predictions depend on, whatever its layout.

    The hash is taken from the record in the file, not from the card read from it: a later version of this package
    may know more fields.

    Arguments:
        record: Content of the file.

    Example:
        >>> hash_of_card({"units": ["eV"], "threads": 1}) == hash_of_card({"threads": 2, "units": ["eV"]})
        True
    """
    kept = {key: value for key, value in record.items() if key not in BOOKKEEPING}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def refuse_flipped(written: str | None, now: str, *, where: object, remedy: str) -> None:
    """Raise if numbers have changed since they were written; files of earlier versions have no hash and pass.

    Arguments:
        written: The hash that the file holds.
        now: The hash of what was read.
        where: The file.
        remedy: What to do.

    Raises:
        EmpnetError: If they differ.
    """
    if written is not None and written != now:
        raise EmpnetError(
            f"is damaged: its numbers are not those that were written (sha256 {now[:12]}, it was {written[:12]})",
            where=where,
            remedy=remedy,
        )
