"""``make install`` takes PyTorch's wheels for CPUs where they are reached, and goes on at once where they are not."""

import functools
import json
import os
import shutil
import subprocess
import sys
import threading
import venv
import zipfile
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PIN = next(line for line in (ROOT / "constraints.txt").read_text().splitlines() if line.startswith("torch=="))
VERSION = PIN.split("==")[1]

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="PyTorch has two builds on Linux only"),
    pytest.mark.skipif(shutil.which("make") is None, reason="needs make"),
]


def wheel(folder: Path, version: str, requires: str = "") -> None:
    """A stand-in for PyTorch's wheel: a name, a version, and what it requires."""
    folder.mkdir(parents=True, exist_ok=True)
    info = f"torch-{version}.dist-info"
    with zipfile.ZipFile(folder / f"torch-{version}-py3-none-any.whl", "w") as file:
        file.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: torch\nVersion: {version}\n{requires}")
        file.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: empnet\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        file.writestr(f"{info}/RECORD", "")


class _Silent(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture
def index(tmp_path):
    """PyTorch's index of wheels for CPUs, on this machine: its address."""
    wheel(tmp_path / "index" / "torch", f"{VERSION}+cpu")
    served = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Silent, directory=tmp_path / "index"))
    threading.Thread(target=served.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{served.server_port}"
    served.shutdown()
    served.server_close()


@pytest.fixture
def environment(tmp_path):
    """A new virtual environment, and variables that keep pip's own settings out."""
    venv.create(tmp_path / "venv", with_pip=True)
    pip = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    return tmp_path / "venv", pip | {"PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def make(folder: Path, variables: dict[str, str], index: str) -> str:
    command = ["make", "torch-for-cpus", f"VENV={folder}", f"TORCH_INDEX={index}"]
    return subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=True).stdout


def test_the_wheel_for_cpus_is_taken_and_stays(tmp_path, environment, index):
    folder, variables = environment
    assert "default build" not in make(folder, variables, index)
    pip = [str(folder / "bin" / "python"), "-m", "pip"]
    listed = subprocess.run([*pip, "list", "--format=json"], env=variables, capture_output=True, text=True, check=True)
    versions = {row["name"]: row["version"] for row in json.loads(listed.stdout)}
    assert versions["torch"] == f"{VERSION}+cpu"
    wheel(tmp_path / "default", VERSION, "Requires-Dist: nvidia-cublas\n")
    later = [
        "install",
        "--dry-run",
        "--no-index",
        "--find-links",
        tmp_path / "default",
        "-c",
        "constraints.txt",
        "torch",
    ]
    result = subprocess.run([*pip, *later], cwd=ROOT, env=variables, capture_output=True, text=True, check=True)
    assert "Would install" not in result.stdout


def test_an_index_that_is_not_reached_is_told_and_left(environment):
    folder, variables = environment
    told = make(folder, variables, "http://127.0.0.1:9")
    assert "No PyTorch for CPUs from http://127.0.0.1:9" in told
    assert "default build" in told


def test_readme_has_the_same_commands():
    """What README says to do without make is what the Makefile does."""
    readme, makefile = ((ROOT / name).read_text() for name in ("README.md", "Makefile"))
    for text in (
        "--retries 0 --timeout 10 --no-deps",
        "https://download.pytorch.org/whl/cpu",
        "-c constraints.txt torch",
    ):
        assert text in readme
        assert text in makefile
