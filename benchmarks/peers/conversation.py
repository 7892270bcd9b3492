"""The driver's half of the conversation with a worker process (``workers/protocol.py`` is the other)."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import threading
from pathlib import Path
from types import TracebackType
from typing import IO, Any

__all__ = ["Failed", "Worker"]

HERE = Path(__file__).parent


class Failed(Exception):
    """A worker that could not do what it was asked; the message is the reason."""


class Worker:
    """A process that computes only while it is asked something.

    Arguments:
        command: The command line.
        log: File for what it prints.
        threads: Processor threads it may use.
        preload: A shared library to load first, such as another allocator.
    """

    def __init__(self, command: list[str], log: Path, threads: int, preload: str | None = None) -> None:
        counts = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), str(threads))
        preloaded = {} if preload is None else {"LD_PRELOAD": preload}
        self._log = log
        reading, writing = os.pipe()  # of its own, because libraries print to standard output
        with log.open("w") as printed:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=printed,
                stderr=subprocess.STDOUT,
                text=True,
                cwd=HERE,
                pass_fds=(writing,),
                env={**os.environ, **counts, **preloaded, "PEERS_ANSWERS": str(writing)},
            )
        os.close(writing)
        self._answers: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._listen, args=(reading,), daemon=True).start()

    def _listen(self, reading: int) -> None:
        with os.fdopen(reading) as lines:
            for line in lines:
                self._answers.put(line)
        self._answers.put("")  # the end

    @property
    def _stdin(self) -> IO[str]:
        if self._process.stdin is None:
            raise RuntimeError("the process has no pipe")
        return self._process.stdin

    @property
    def alive(self) -> bool:
        """Whether it can be asked more."""
        return self._process.poll() is None

    def ask(self, timeout: float = 600.0, **question: Any) -> dict[str, Any]:
        """Its answer.

        Arguments:
            timeout: Seconds after which the process is ended.
            question: What goes into the line.

        Raises:
            Failed: If it says no, ends or takes too long.
        """
        try:
            self._stdin.write(json.dumps(question) + "\n")
            self._stdin.flush()
            line = self._answers.get(timeout=timeout)
        except queue.Empty:
            self.close()
            raise Failed(f"took more than {timeout:.0f} s") from None
        except OSError:
            line = ""
        if not line:
            raise Failed(self._why_ended())
        answer = json.loads(line)
        if not answer.pop("ok"):
            raise Failed(answer["reason"])
        return answer

    def _why_ended(self) -> str:
        code = self._process.wait()
        if code == -9:
            return "ended by the system, out of memory"
        lines = [line.strip() for line in self._log.read_text(errors="replace").splitlines() if line.strip()]
        return f"ended with code {code}" + (f": {lines[-1][:200]}" if lines else "")

    def close(self) -> None:
        """End the process."""
        if self.alive:
            self._process.kill()
        self._process.wait()
        with contextlib.suppress(OSError):  # a question that was not read
            self._stdin.close()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
