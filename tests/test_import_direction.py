"""A file imports only from its own or earlier folders, and nothing goes round in circles."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from empnet.studies.extra import LIBRARIES

ROOMS = [
    "runtime",
    "system",
    "native",
    "files",
    "preparation",
    "dataset",
    "inspection",
    "basis",
    "kernels",
    "model",
    "training",
]
ROOMS += ["training", "prediction", "audit", "pages", "workflows", "studies", "cli"]
WITHOUT_NETWORKS = ROOMS[: ROOMS.index("basis")]
MAY_USE_STUDIES = {"studies", "cli"}
EXTRA = {"kornia", "mpmath", "PIL"}
"""Libraries of the extra ``empnet[studies]``."""

OTHER_MODULES = {"scikit-learn": "sklearn"}
"""Modules that are not named as their library is."""

PARTS = {"cycler": "matplotlib"}
"""Libraries that come with another one, whose interface names them."""

DRAWERS = {"utils", "misc", "helpers", "common", "tools"}
SOURCE = Path(__file__).parent.parent / "src" / "empnet"


def imports_of(path: Path, *, for_types_too: bool = False) -> set[str]:
    """Return the modules that a file imports at its top level or inside functions."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    found: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in for_types and not for_types_too:
            continue
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} if node.names[0].name != "*" else {f"{node.module}.*"}
            found |= {f"{node.module}.{name.name}" for name in node.names if name.name != "*"}
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
    return found


def room_of(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in ROOMS else None


def violations(root: Path) -> list[str]:
    """Return the violations of the rules in a tree of source files."""
    files = {path: ".".join(["empnet", *path.relative_to(root).with_suffix("").parts]) for path in root.rglob("*.py")}
    modules = {name.removesuffix(".__init__") for name in files.values()}
    found, edges = [], {}
    for path, name in files.items():
        module = name.removesuffix(".__init__")
        imported = imports_of(path)
        read_with = imports_of(path, for_types_too=True)  # who reads the file must read these, too
        edges[module] = {target for target in read_with if target in modules and target != module}
        found += [f"{module}: import *" for target in imported if target.endswith(".*")]
        found += [f"{module}: a drawer" for part in module.split(".") if part in DRAWERS]
        own = room_of(module)
        for target in imported:
            theirs = room_of(target)
            if own and theirs and ROOMS.index(theirs) > ROOMS.index(own):
                found.append(f"{module} imports {target}")
            if own in WITHOUT_NETWORKS and target.startswith("torch.nn"):
                found.append(f"{module} imports {target}")
            if own not in MAY_USE_STUDIES and theirs == "studies":
                found.append(f"{module} imports {target}")
            if own != "studies" and target.partition(".")[0] in EXTRA:
                found.append(f"{module} imports {target}")
    return found + cycles(edges)


def cycles(edges: dict[str, set[str]]) -> list[str]:
    found, done = [], set()

    def walk(module: str, way: list[str]) -> None:
        if module in way:
            found.append(" -> ".join([*way[way.index(module) :], module]))
        elif module not in done:
            for target in sorted(edges.get(module, ())):
                # a package that holds the module is imported before it, and is no way back
                if not module.startswith(f"{target}."):
                    walk(target, [*way, module])
            done.add(module)

    for module in edges:
        walk(module, [])
    return found


def test_the_source():
    assert violations(SOURCE) == []


def test_every_imported_library_is_declared():
    """In the core, or, if only the studies import it, in the extra."""
    project = tomllib.loads((SOURCE.parents[1] / "pyproject.toml").read_text())["project"]
    core = {re.split("[<>=]", line)[0] for line in project["dependencies"]}
    extra = {re.split("[<>=]", line)[0] for line in project["optional-dependencies"]["studies"]}
    assert set(LIBRARIES) == EXTRA
    assert {name.lower() for name in LIBRARIES.values()} == extra
    known = {OTHER_MODULES.get(name, name.replace("-", "_")) for name in core}
    assert set(PARTS.values()) <= core
    known |= {"empnet", *PARTS, *sys.stdlib_module_names}
    for path in SOURCE.rglob("*.py"):
        foreign = {name.partition(".")[0] for name in imports_of(path)} - known
        assert foreign <= (EXTRA if "studies" in path.parts else set()), path


def test_public_names_of_the_studies_are_lazy():
    """``import empnet`` names modules of the studies, and imports none."""
    script = "import sys, empnet; print([name for name in sys.modules if name.startswith('empnet.studies')])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        ({"files/a.py": "from empnet.model.b import c"}, "empnet.files.a imports empnet.model.b"),
        ({"model/a.py": "def f():\n    import empnet.training.b"}, "empnet.model.a imports empnet.training.b"),
        ({"training/a.py": "from empnet.studies.b import c"}, "empnet.training.a imports empnet.studies.b"),
        ({"errors.py": "def f():\n    from empnet import studies"}, "empnet.errors imports empnet.studies"),
        ({"pages/a.py": "def f():\n    from PIL import Image"}, "empnet.pages.a imports PIL"),
        ({"cli/a.py": "import mpmath"}, "empnet.cli.a imports mpmath"),
        ({"dataset/a.py": "import torch.nn"}, "empnet.dataset.a imports torch.nn"),
        (
            {"files/a.py": "import empnet.files.b", "files/b.py": "import empnet.files.a"},
            "empnet.files.a -> empnet.files.b",
        ),
        (
            {
                "files/a.py": "import empnet.files.b",
                "files/b.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import empnet.files.a",
            },
            "empnet.files.a -> empnet.files.b",
        ),
        ({"model/utils.py": ""}, "empnet.model.utils: a drawer"),
        ({"model/a.py": "from numpy import *\nfrom empnet.files.b import *"}, "empnet.model.a: import *"),
    ],
)
def test_a_tree_that_breaks_the_rules_is_caught(tmp_path, files, wanted):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert any(line.startswith(wanted) for line in violations(tmp_path))
