"""Identity of the run that a checkpoint belongs to: its settings, card, data and split."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from empnet.errors import EmpnetError
from empnet.training.run.config import TrainConfig, differences
from empnet.training.run.integrity import hash_of_card
from empnet.training.run.model_file import SPLIT, card_record

__all__ = ["belonging", "refuse_other_belonging"]

FREE = {"data", "device", "threads", "fine_tune"}
"""Settings that may change when a run is resumed: paths, the device, and settings compared through the card."""


def belonging(folder: Path, config: TrainConfig) -> str:
    """Return the settings of a run, and hashes of its card, its data and its split, as JSON.

    Arguments:
        folder: The run folder, with ``model.json`` and ``split.json``.
        config: Its configuration.
    """
    card = card_record(folder)
    record = {
        "settings": config.model_dump(mode="json", exclude=FREE),
        "model.json": hash_of_card(card),
        "data": card.get("data", {}).get("sha256"),
        SPLIT: hashlib.sha256((folder / SPLIT).read_bytes()).hexdigest(),
    }
    return json.dumps(record, sort_keys=True)


def refuse_other_belonging(written: str, now: str, where: Path) -> None:
    """Raise if a checkpoint belongs to another run, or a file of its run has changed.

    Arguments:
        written: Result of :func:`belonging` when the checkpoint was written; empty in files of earlier versions.
        now: Its result now; empty to compare nothing.
        where: The checkpoint.

    Raises:
        EmpnetError: If they differ; it names the difference.
    """
    if not written or not now or written == now:
        return
    before, after = json.loads(written), json.loads(now)
    settings = {name: after["settings"].get(name) for name in before["settings"] if name in TrainConfig.model_fields}
    found = [f"config.toml: {each}" for each in differences(before["settings"], settings)]
    found += [f"another {name}" for name in ("model.json", "data", SPLIT) if before[name] != after[name]]
    if found:
        raise EmpnetError(
            f"was written for another run, or this one was changed ({'; '.join(found)})",
            where=where,
            remedy="restore the file that was changed, or start a new run with --from",
        )
