"""A warm process that runs command lines in forked children and lets each meet a fault: killed, interrupted, disk full.

Forked, because a process of its own takes seconds to import what an instant of training needs, and faults are many.
Reads requests as lines of JSON (a list of commands that run at once) and answers each with a line (a list of results).
"""

import json
import os
import resource
import signal
import sys
import time
import traceback
from pathlib import Path

CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "os.symlink")
"""Audit events that change names or sizes; opening a file to write is one, too."""


def is_change(event: str, arguments: tuple, below: str) -> bool:
    """Whether an audit event changes something below a folder."""
    if event == "open":
        path, _, flags = arguments
        return bool(flags & (os.O_WRONLY | os.O_RDWR)) and isinstance(path, str) and _inside(path, below)
    return event in CHANGES and any(isinstance(path, str) and _inside(path, below) for path in arguments)


def _inside(path: str, below: str) -> bool:
    return os.path.abspath(path).startswith(below)  # noqa: PTH100 (in an audit hook: no more calls than needed)


class FileFaults:
    """Counts what a child does to files, and lets one of these events meet the fault."""

    def __init__(self, fault: dict, below: str) -> None:
        self.fault, self.below, self.count, self.quiet = fault, below, 0, False

    def __call__(self, event: str, arguments: tuple) -> None:
        if self.quiet or not (event == "open" or event in CHANGES) or not is_change(event, arguments, self.below):
            return
        self.count += 1
        at = self.fault.get("at", sys.maxsize)
        if self.count < at or (self.count > at and not self.fault.get("stays")):
            return
        if "signal" in self.fault:
            os.kill(os.getpid(), self.fault["signal"])
        else:
            raise OSError(self.fault["errno"], os.strerror(self.fault["errno"]), str(arguments[0]))


def child(command: dict) -> None:
    """Run one command line as a process of its own would; never returns."""
    code = 99
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs are born deaf to it
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    os.chdir(command["folder"])
    os.environ.update(command.get("environment", {}))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, path in ((1, command["out"]), (2, command["err"])):
        os.dup2(_broken_pipe() if path is None else os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), number)
    fault = command.get("fault", {})
    if "bytes" in fault:
        resource.setrlimit(resource.RLIMIT_FSIZE, (fault["bytes"], fault["bytes"]))
    faults = FileFaults(fault, command["folder"])
    sys.addaudithook(faults)
    from empnet.cli import main

    sys.argv = ["empnet", *command["words"]]
    try:
        main()
        code = 0
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    finally:
        faults.quiet = True
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        except OSError:
            code = code or 98
        if command.get("count"):
            Path(command["count"]).write_text(str(faults.count))
        os._exit(code)


def _broken_pipe() -> int:
    """A pipe that nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    return writing


def run(commands: list[dict]) -> list[dict]:
    """Run commands at once; each result is an exit code, or minus the signal that ended it, and the seconds it took."""
    running, results = {}, [{} for _ in commands]
    for index, command in enumerate(commands):
        if (pid := os.fork()) == 0:
            child(command)
        running[pid] = (index, time.monotonic())
    waiting = {
        pid: (commands[index]["fault"]["after"], commands[index]["fault"]["signal"])
        for pid, (index, _) in running.items()
        if "after" in commands[index].get("fault", {})
    }
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid in running:
            index, began = running.pop(pid)
            waiting.pop(pid, None)
            results[index] = {"code": os.waitstatus_to_exitcode(status), "seconds": time.monotonic() - began}
            continue
        for other, (after, number) in list(waiting.items()):
            if time.monotonic() - running[other][1] > after:
                os.kill(other, number)
                del waiting[other]
        for other, (index, began) in running.items():
            if time.monotonic() - began > commands[index].get("limit", 120):
                os.kill(other, signal.SIGKILL)
                commands[index]["limit"] = sys.maxsize
                results[index]["hang"] = True
        time.sleep(0.002)
    return results


def warm(folder: str, words: list[list[str]]) -> None:
    """Import and compile all that the commands need, so that faults meet the work and not the imports."""
    from empnet.cli import main

    os.chdir(folder)
    for line in words:
        sys.argv = ["empnet", *line]
        try:
            main()
        except SystemExit as stop:
            if stop.code not in (0, 1, None):
                raise RuntimeError(f"{line}: exit code {stop.code}") from None


def main_loop() -> None:
    """Answer requests until there are none."""
    request = json.loads(sys.stdin.readline())
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the warm-up prints is no answer
    import empnet.dataset.ingest
    import empnet.training.loop

    empnet.training.loop.CHECKPOINT_SECONDS = 0.05  # so often that faults meet them
    empnet.training.loop.EPOCH_SECONDS = 0.0
    empnet.dataset.ingest.SAVE_SECONDS = 0.02
    warm(request["folder"], request["words"])
    answers.write("ready\n")
    answers.flush()
    for line in sys.stdin:
        answers.write(json.dumps(run(json.loads(line))) + "\n")
        answers.flush()


if __name__ == "__main__":
    main_loop()
