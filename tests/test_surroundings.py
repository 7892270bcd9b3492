"""What surrounds a command: full disks, folders that may not be written to, pipes, links, terminals, odd names."""

import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import warnings
from contextlib import contextmanager, nullcontext
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import empnet
from empnet.cli import main
from empnet.errors import EmpnetError, FileError
from empnet.files.read import iread, read
from empnet.files.write import write
from empnet.runtime.durable_files import replacing, write_text
from empnet.system.system import System

SMALL = ["--width", "8", "--layers", "1", "--moments", "0", "--epochs", "1", "--threads", "1"]
NOBODY = 65534


def springs(n: int = 40) -> list[System]:
    d = np.random.default_rng(0).uniform(0.8, 2.5, n)
    return [System([[0, 0, 0], [0, 0, x]], [1, 8], properties={"energy": (x - 1) ** 2}) for x in d]


@pytest.fixture(scope="module")
def place():
    """A folder with data and a run that everybody may enter, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="empnet-surroundings-"))
    folder.chmod(0o755)
    write(folder / "springs.xyz", springs())
    empnet.train(
        folder / "springs.xyz", "energy", out=folder / "run", width=8, layers=1, moments=0, epochs=1, quiet=True
    )
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def empnet_(monkeypatch, capsys):
    """The command line in this process: exit code, standard output, standard error."""

    def call(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["empnet", *map(str, words)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        told = capsys.readouterr()
        return ended.value.code or 0, told.out, told.err

    return call


@contextmanager
def no_room(size: int = 64):
    """No file grows beyond some bytes: what a full disk does, without one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def no_permission(folder: Path):
    """A folder that may not be written to, by somebody who is not root."""
    mode, root = folder.stat().st_mode, os.geteuid() == 0
    folder.chmod(0o555)
    if root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(mode)


def one_line(text: str) -> str:
    """The last line of standard error, once it is sure that it is the only one of its kind."""
    lines = text.strip().splitlines()
    assert "Traceback" not in text
    assert sum(line.startswith("empnet: ") for line in lines) == 1, text
    return lines[-1]


FULL = {
    "csv": ["predict", "{run}", "{data}", "--out", "{out}/p.csv"],
    "extxyz": ["predict", "{run}", "{data}", "--out", "{out}/p.extxyz"],
    "gz": ["predict", "{run}", "{data}", "--out", "{out}/p.extxyz.gz"],
    "db": ["predict", "{run}", "{data}", "--out", "{out}/p.db"],
    "json": ["predict", "{run}", "{data}", "--out", "{out}/p.json"],
    "traj": ["predict", "{run}", "{data}", "--out", "{out}/p.traj"],
    "npz": ["predict", "{run}", "{data}", "--out", "{out}/p.npz"],
    "cif": ["predict", "{run}", "{data}", "--out", "{out}/p.pdb"],
    "plot": ["evaluate", "{run}", "--plot", "{out}/p.png"],
    "map": ["map", "{run}", "--out", "{out}/p.html"],
    "inspect": ["inspect", "{data}", "--html", "{out}/p.html"],
    "report": ["report", "{run}", "--out", "{out}/p.html"],
    "study": ["study", "encoding", "--quick", "--out", "{out}"],
}


@pytest.mark.parametrize("older", [False, True])
@pytest.mark.parametrize("name", FULL)
def test_a_full_disk(name, older, place, tmp_path, empnet_):
    """One line with the path, exit code 2; nothing half-written, and an older file is as it was."""
    words = [word.format(run=place / "run", data=place / "springs.xyz", out=tmp_path) for word in FULL[name]]
    made = Path(words[-1]) if name != "study" else tmp_path / "claims.json"
    if older:
        if name == "study":
            (tmp_path / "report.html").write_text("older")
        made.write_text("older")
    force = ["--force"] if older and name not in ("plot", "report") else []
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with no_room():
        code, out, err = empnet_(*words, *force)
    assert code == 2, (out, err)
    assert str(made) in one_line(err)
    assert "too large" in err or "Input/output" in err  # the words for a limit of size, not for a full disk
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    if name == "plot":
        assert "MAE" in out


def test_a_run_folder_without_permission(place, tmp_path, empnet_, monkeypatch):
    """Numbers come first; what would be written there is one line, which names the option for another place."""
    run, elsewhere = place / "run", Path(tempfile.mkdtemp())
    elsewhere.chmod(0o777)
    monkeypatch.setenv("EMPNET_CACHE", str(elsewhere / "cache"))
    empnet_("map", run, "--out", elsewhere / "m0.html")  # all is imported before this process is nobody's
    with no_permission(run):
        code, out, err = empnet_("evaluate", run)
        assert (code, "MAE" in out, "--plot" in one_line(err), "parity-energy.png" in err) == (2, True, True, True)
        code, out, err = empnet_("evaluate", run, "--json")
        assert (code, json.loads(out)[0]["systems"]) == (2, 4)
        assert empnet_("evaluate", run, "--plot", elsewhere / "p.png")[0] == 0
        code, _, err = empnet_("report", run)
        assert (code, "--out" in one_line(err), "report.html" in err) == (2, True, True)
        assert empnet_("report", run, "--out", elsewhere / "r.html")[0] == 0
        code, _, err = empnet_("map", run)
        assert (code, "--out" in one_line(err), "map.html" in err) == (2, True, True)
        assert empnet_("map", run, "--out", elsewhere / "m.html")[0] == 0
        assert empnet_("check", run)[0] in (0, 1)
        assert empnet_("predict", run, place / "springs.xyz", "--out", elsewhere / "p.csv")[0] == 0
    shutil.rmtree(elsewhere)


def test_data_without_permission(place, empnet_):
    closed = place / "closed.xyz"
    shutil.copy(place / "springs.xyz", closed)
    closed.chmod(0)
    with no_permission(place):
        code, _, err = empnet_("inspect", closed)
    assert (code, "closed.xyz" in one_line(err), "Permission denied" in err) == (2, True, True)
    closed.unlink()


def through_pipe(path: Path, content: bytes) -> threading.Thread:
    if not path.exists():
        os.mkfifo(path)
    thread = threading.Thread(target=lambda: path.write_bytes(content))
    thread.start()
    return thread


@pytest.mark.parametrize(
    "words",
    [
        ["inspect", "{pipe}"],
        ["evaluate", "{run}", "{pipe}", "--plot", "{tmp}/p.png"],
        ["check", "{run}", "{pipe}"],
        ["map", "{run}", "{pipe}", "--out", "{tmp}/m.html"],
        ["predict", "{run}", "{pipe}", "--out", "{tmp}/p.csv"],
        ["train", "{pipe}", "--overfit", "2", "--threads", "1", "--width", "8", "--layers", "1", "--moments", "0"],
    ],
    ids=lambda words: words[0],
)
def test_data_through_a_pipe(words, place, tmp_path, empnet_):
    pipe = tmp_path / "pipe"
    writer = through_pipe(pipe, (place / "springs.xyz").read_bytes())
    code, _, err = empnet_(*(word.format(pipe=pipe, run=place / "run", tmp=tmp_path) for word in words))
    writer.join()
    assert code in (0, 1), err
    assert "read as .extxyz" in err
    assert "Traceback" not in err


FORMATS = [".extxyz", ".extxyz.gz", ".extxyz.bz2", ".extxyz.xz", ".npz", ".db", ".traj", ".json"]


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_pipe_tells_its_format_by_content(suffix, tmp_path):
    file = tmp_path / f"data{suffix}"
    write(file, springs(5))
    writer = through_pipe(tmp_path / "pipe", file.read_bytes())
    systems = read(tmp_path / "pipe")
    writer.join()
    assert [s.properties["energy"] for s in systems] == [s.properties["energy"] for s in springs(5)]


def test_a_pipe_is_read_anew_each_time(tmp_path):
    """Python keeps nothing from one call to the next."""
    for n in (3, 5):
        write(tmp_path / f"{n}.xyz", springs(n))
        writer = through_pipe(tmp_path / "pipe", (tmp_path / f"{n}.xyz").read_bytes())
        assert len(list(iread(tmp_path / "pipe"))) == n
        writer.join()


def test_a_run_learned_through_a_pipe(place, tmp_path, empnet_, monkeypatch):
    """It keeps the data's hash: it goes on when they are given again, and says so when they are not."""
    monkeypatch.chdir(tmp_path)
    content = (place / "springs.xyz").read_bytes()
    writer = through_pipe(tmp_path / "pipe", content)
    code, out, err = empnet_("train", "pipe", "--out", "run", *SMALL)
    writer.join()
    assert (code, "came through a pipe" in out, (tmp_path / "run" / "report.html").exists()) == (0, True, True), err
    for words in (["train", "--resume", "run"], ["evaluate", "run"], ["check", "run"], ["map", "run"]):
        code, _, err = empnet_(*words)
        assert (code, "came through a pipe" in one_line(err)) == (2, True), words
    writer = through_pipe(tmp_path / "pipe", content)
    assert empnet_("train", "--resume", "run", "pipe")[0] == 0
    writer.join()
    writer = through_pipe(tmp_path / "pipe", content.replace(b"energy=", b"energy=1", 1))
    code, _, err = empnet_("train", "--resume", "run", "pipe")
    writer.join()
    assert (code, "the data have changed" in one_line(err)) == (2, True)


@pytest.mark.parametrize("source", ["/dev/null", "/dev/zero", "/dev/full", "{tmp}", "{tmp}/empty.xyz", "~/nowhere.xyz"])
def test_data_that_are_none(source, tmp_path, empnet_):
    (tmp_path / "empty.xyz").touch()
    code, _, err = empnet_("inspect", source.format(tmp=tmp_path))
    assert code == 2
    assert source.format(tmp=tmp_path) in one_line(err)


INPUTS = {
    "evaluate its own data": ["evaluate", "{run}", "--plot", "{same}"],
    "predict": ["predict", "{run}", "{data}", "--out", "{same}", "--force"],
    "inspect": ["inspect", "{data}", "--html", "{same}", "--force"],
    "plot": ["evaluate", "{run}", "{data}", "--plot", "{same}"],
    "report": ["report", "{run}", "--out", "{same}"],
}


@pytest.mark.parametrize("spelling", ["itself", "symbolic", "hard", "dots", "relative"])
@pytest.mark.parametrize("name", INPUTS)
def test_what_is_read_is_never_replaced(name, spelling, place, tmp_path, empnet_, monkeypatch):
    """Under whatever name, and with --force."""
    data, monkey = place / "springs.xyz", tmp_path / "link.xyz"
    same = {"itself": data, "symbolic": monkey, "hard": place / "hard.xyz",
            "dots": f"{place}/run/../springs.xyz", "relative": "springs.xyz"}[spelling]  # fmt: skip
    monkey.symlink_to(data)
    (place / "hard.xyz").unlink(missing_ok=True)
    (place / "hard.xyz").hardlink_to(data)
    monkeypatch.chdir(place)
    before = data.read_bytes()
    code, _, err = empnet_(*(word.format(run=place / "run", data=data, same=same) for word in INPUTS[name]))
    (place / "hard.xyz").unlink()
    assert (code, "is read by this command" in one_line(err)) == (2, True)
    assert data.read_bytes() == before


@pytest.mark.parametrize("file", ["model.json", "model.safetensors", "config.toml", "checkpoint/state.safetensors"])
def test_a_run_is_not_replaced_by_what_is_made_of_it(file, place, empnet_):
    kept = place / "run" / file
    before = kept.read_bytes()
    for words in (["predict", place / "run", place / "springs.xyz", "--out"], ["evaluate", place / "run", "--plot"]):
        code, _, err = empnet_(*words, kept, *(["--force"] if words[0] == "predict" else []))
        assert (code, "is read by this command" in one_line(err)) == (2, True)
    assert kept.read_bytes() == before


def test_training_does_not_replace_what_it_reads(place, tmp_path, empnet_):
    """Neither its data, nor the run that it starts from, nor the file of its settings."""
    run = tmp_path / "run"
    shutil.copytree(place / "run", run)
    shutil.copy(place / "springs.xyz", run)
    for words in (
        ["train", run / "springs.xyz"],
        ["train", place / "springs.xyz", "--from", run],
        ["train", place / "springs.xyz", "--config", run / "config.toml"],
    ):
        code, _, err = empnet_(*words, "--out", run, "--force", *SMALL[4:])
        assert code == 2, words
        assert "Traceback" not in err
        assert (run / "springs.xyz").exists()
        assert (run / "model.safetensors").exists()


def test_a_file_is_written_onto_its_own_source_in_python(tmp_path):
    """All of it has been read before the new file takes its name."""
    write(tmp_path / "a.xyz", springs(10))
    write(tmp_path / "a.xyz", iread(tmp_path / "a.xyz"), overwrite=True)
    assert len(read(tmp_path / "a.xyz")) == 10


def test_links_and_pipes_stay_what_they_are(tmp_path):
    (tmp_path / "file").write_text("old")
    (tmp_path / "link").symlink_to("file")
    write_text(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_text() == "new"
    os.mkfifo(tmp_path / "pipe")
    heard: list[str] = []
    reader = threading.Thread(target=lambda: heard.append((tmp_path / "pipe").read_text()))
    reader.start()
    write_text(tmp_path / "pipe", "new")
    reader.join()
    assert heard == ["new"]
    assert (tmp_path / "pipe").is_fifo()


def test_errors_of_libraries_are_errors_of_files(tmp_path):
    """safetensors and SQLite hide what the system said; Python's users meet one class, with errno and path."""
    import safetensors.torch
    import torch

    with (
        no_room(),
        pytest.raises(FileError, match="model: cannot be written") as told,
        replacing(tmp_path / "model") as f,
    ):
        safetensors.torch.save_file({"w": torch.zeros(1000)}, f)
    assert isinstance(told.value, OSError)
    assert told.value.errno
    with no_room(), pytest.raises(FileError, match=r"a\.db: cannot be written"):
        write(tmp_path / "a.db", springs(3))
    assert list(tmp_path.iterdir()) == []


def test_a_failed_plot_loses_no_number(place, empnet_, monkeypatch):
    """Whatever it is that fails in drawing."""
    monkeypatch.setattr("empnet.pages.parity.draw_parity", lambda *_: 1 / 0)
    code, out, err = empnet_("evaluate", place / "run")
    assert (code, "MAE" in out) == (2, True)
    assert "the parity plot cannot be created (ZeroDivisionError" in one_line(err)


def test_a_failed_report_ends_no_training(place, tmp_path, empnet_, monkeypatch):
    def fails(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("empnet.workflows.train.write_report", fails)
    code, out, _ = empnet_("train", place / "springs.xyz", "--out", tmp_path / "run", *SMALL)
    assert (code, "no report could be written" in out) == (0, True)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (MemoryError("Unable to allocate 8 TiB"), "not enough memory"),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"),
            "not enough memory",
        ),
        (RecursionError("maximum recursion depth exceeded"), "nested too deeply"),
        (OSError(5, "Input/output error", "some/file"), "some/file: Input/output error"),
        (PermissionError(13, "Permission denied", Path("some/file")), "some/file: Permission denied"),
        (UnicodeEncodeError("ascii", "x", 0, 1, "ordinal not in range"), "PYTHONUTF8"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_faults_are_one_line(error, told, place, empnet_, monkeypatch):
    def fails(*_, **__):
        raise error

    monkeypatch.setattr("empnet.inspection.inspect.gather", fails)
    code, _, err = empnet_("inspect", place / "springs.xyz")
    assert (code, told in one_line(err)) == (2, True)


def test_a_fault_of_our_own_shows_where_it_is(place, monkeypatch):
    monkeypatch.setattr("empnet.inspection.inspect.gather", lambda *_: 1 / 0)
    monkeypatch.setattr("sys.argv", ["empnet", "inspect", str(place / "springs.xyz")])
    with pytest.raises(ZeroDivisionError):
        main()


def test_a_warning_is_a_line(tmp_path, empnet_):
    """Without a path of the program's and a line of its source, once; in Python it stays a warning."""
    (tmp_path / "a.xyz").write_text("1\nenergy=1\nH 0 0 0 7\n1\nenergy=2\nH 0 0 0 7\n")
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        _, _, err = empnet_("inspect", tmp_path / "a.xyz")
    assert re.findall("^warning: .*$", err, re.MULTILINE) == [
        f"warning: {tmp_path}/a.xyz, frame 0: columns beyond the position have no names (Properties=...) and are "
        "left out"
    ]
    assert ".py" not in err
    with pytest.warns(UserWarning, match="no names"):
        read(tmp_path / "a.xyz")


SHELL = {
    "full": ("{e} inspect springs.xyz > /dev/full", 2, "standard output: cannot be written"),
    "help": ("{e} --help > /dev/full", 2, "standard output: cannot be written"),
    "nobody reads": ("({e} inspect springs.xyz; echo ended $? >&2) | true", 0, "ended 0"),  # training must go on
    "no stdout": ("{e} inspect springs.xyz >&-", 0, ""),
    "no stdin": ("{e} inspect - <&-", 2, "standard input is closed"),
    "stdin": ("cat springs.xyz | {e} inspect -", 0, "read as .extxyz"),
    "packed": ("gzip -c springs.xyz | {e} inspect /dev/stdin", 0, "read as .extxyz.gz"),
    "substituted": ("{e} inspect <(cat springs.xyz)", 0, "read as .extxyz"),
    "no room for a pipe": ("ulimit -f 1; {e} inspect <(cat springs.xyz)", 2, "environment variable TMPDIR"),
    "through": ("{e} predict run springs.xyz --out - | {e} inspect -", 0, "40 systems predicted"),
    "full map": ("{e} map run --force --out m.html > /dev/full", 2, "standard output: cannot be written"),
    "full probe": ("{e} train springs.xyz --overfit 2 > /dev/full", 2, "standard output: cannot be written"),
    "no stdin to confirm": ("{e} inspect springs.xyz --quiet; {e} cache clear <&-", 2, "use --force to remove them"),
    "no home": ("env -u HOME MPLCONFIGDIR=/proc/nowhere {e} evaluate run springs.xyz --plot q.png", 0, "warning: "),
    "no place for temporary files": ("gzip -kf springs.xyz; TMPDIR=/proc {e} inspect springs.xyz.gz", None, ""),
    "terminal": ("TERM=dumb COLUMNS=1 LANG=C PYTHONIOENCODING=ascii {e} evaluate run --plot q.png", 0, ""),
    "dash": ("cp springs.xyz ./-x.xyz; {e} inspect -- -x.xyz", 0, ""),
    "folder gone": ("mkdir -p gone; cd gone; rmdir ../gone; {e} inspect ../springs.xyz", None, ""),
}


@pytest.mark.parametrize("name", SHELL)
def test_in_a_shell(name, place):
    line, code, told = SHELL[name]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(empnet.__file__).parents[1])])}
    done = subprocess.run(
        ["bash", "-c", line.format(e=f"{sys.executable} -m empnet")],
        capture_output=True, text=True, cwd=place, timeout=200, env=environment, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    assert told in done.stderr
    assert done.returncode == code or (code is None and done.returncode in (0, 2)), done.stderr


IMPATIENT = """
import runpy, sys
class Finder:
    def find_spec(self, name, *_):
        if name == "typer":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Finder())
runpy.run_module("empnet", run_name="__main__")
"""


def test_stopped_while_libraries_are_loaded():
    """Ctrl-C in the first half second, before the command line's own handlers: a line, no traceback."""
    done = subprocess.run([sys.executable, "-c", IMPATIENT], capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stderr) == (130, "stopped (SIGINT)\n")


ODD = ["with space.xyz", "new\nline.xyz", "Ångström%s.xyz", "[red]x.xyz", "a'b\"c.xyz", "$x$.xyz", "-x.xyz"]


@pytest.mark.parametrize("name", ODD)
def test_odd_names(name, place, tmp_path, empnet_, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(place / "springs.xyz", name)
    assert empnet_("inspect", "--html", "page.html", "--", name)[0] == 0
    assert empnet_("predict", "--out", f"p-{name}", "--", place / "run", name)[0] == 0
    assert len(read(f"p-{name}")) == 40
    assert empnet_("evaluate", "--plot", f"{name}.png", "--", place / "run", name)[0] == 0


def test_a_name_that_is_too_long(place, tmp_path, empnet_):
    for words in (["--out", tmp_path / f"{'x' * 300}.csv"],):
        code, _, err = empnet_("predict", place / "run", place / "springs.xyz", *words)
        assert (code, "too long" in one_line(err)) == (2, True)
    longest = tmp_path / f"{'x' * 251}.csv"
    assert empnet_("predict", place / "run", place / "springs.xyz", "--out", longest)[0] == 0
    assert longest.exists()


class Scripts(HTMLParser):
    """Collects what a browser would run."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts, self.handlers, self._inside = [], [], False

    def handle_starttag(self, tag, attrs):
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        self._inside = tag == "script"
        self.scripts += [""] if self._inside else []

    def handle_endtag(self, tag):
        self._inside = False if tag == "script" else self._inside

    def handle_data(self, data):
        if self._inside:
            self.scripts[-1] += data


EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"


def test_no_script_comes_from_data(tmp_path, empnet_, monkeypatch):
    """Keys, texts and paths may hold anything: the pages of inspection, report and map run only their own scripts."""
    monkeypatch.chdir(tmp_path)
    folder = Path("<script>alert(1)<") / "script><img src=x onerror=alert(1)>"
    folder.mkdir(parents=True)
    systems = [
        System(s.positions, s.species, properties={EVIL: s.properties["energy"], "energy": s.properties["energy"]},
               info={"name": EVIL, f"k{EVIL}": "x"})
        for s in springs()
    ]  # fmt: skip
    data = folder / "a.extxyz"
    write(data, systems)
    run = folder / "run"
    assert empnet_("inspect", data, "--html", "inspect.html")[0] == 0
    code, _, err = empnet_("train", data, "--property", EVIL, "--unit", "eV", "--pooling", "mean", "--out", run, *SMALL)
    assert code == 0, err
    assert empnet_("map", run, data, "--out", "map.html")[0] == 0
    assert empnet_("evaluate", run, data)[0] == 0
    for page, scripts in ((Path("inspect.html"), 0), (run / "report.html", 1), (Path("map.html"), 1)):
        found = Scripts()
        found.feed(page.read_text())
        assert (len(found.scripts), found.handlers) == (scripts, []), page
        assert all("<script" not in script.replace("\\x3c", "") for script in found.scripts)


def test_others_may_read_no_more_than_the_mask_allows(place, tmp_path, empnet_):
    before = os.umask(0o077)
    try:
        assert empnet_("predict", place / "run", place / "springs.xyz", "--out", tmp_path / "p.csv")[0] == 0
    finally:
        os.umask(before)
    assert (tmp_path / "p.csv").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("source", [nullcontext])
def test_python_tells_the_same(source, place, tmp_path):
    """Functions raise EmpnetError, and write nothing by halves."""
    predictor = empnet.load(place / "run")
    with source(), pytest.raises(EmpnetError, match="is read by this command"):
        empnet.prediction.predict.predict_file(predictor, place / "springs.xyz", place / "springs.xyz", force=True)
    with no_room(), pytest.raises(FileError, match=r"r\.html"):
        empnet.pages.report.write_report(place / "run", out=tmp_path / "r.html", audited=False, quiet=True)
    assert list(tmp_path.iterdir()) == []
