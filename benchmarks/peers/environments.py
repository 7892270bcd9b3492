"""A virtual environment for each peer, made once from its pin file and kept."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

__all__ = ["PINS", "NoEnvironment", "python_of"]

PINS = Path(__file__).parent / "pins"


class NoEnvironment(Exception):
    """A peer that could not be installed; the message is the reason."""


def python_of(peer: str, folder: Path) -> Path:
    """The interpreter of a peer's environment, which is made if it is not there or its pins have changed.

    The pin file names every distribution, so nothing is resolved: dependencies are not looked at, nor which Python a
    peer declares.

    Arguments:
        peer: Name of the pin file.
        folder: Where environments live.

    Raises:
        NoEnvironment: If something cannot be installed.
    """
    pins = PINS / f"{peer}.txt"
    home = folder / f"{peer}-{hashlib.blake2b(pins.read_bytes(), digest_size=4).hexdigest()}"
    python, complete = home / "bin" / "python", home / "complete"
    if not complete.exists():
        print(f"{peer}: making an environment", flush=True)
        _run([sys.executable, "-m", "venv", "--clear", str(home)])
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([*install, "--no-deps", "--ignore-requires-python", "-r", str(pins)])
        complete.touch()
    return python


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        told = [line for line in lines if line.lstrip().lower().startswith("error")] or lines or ["no reason given"]
        raise NoEnvironment(told[-1].strip())
