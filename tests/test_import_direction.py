"""A file imports only from its own or earlier folders, and nothing goes round in circles."""

import ast
from pathlib import Path

import pytest

ROOMS = ["runtime", "system", "files", "dataset", "inspection", "basis", "kernels", "model", "training", "prediction"]
ROOMS += ["audit", "pages", "workflows", "studies", "cli"]
WITHOUT_NETWORKS = ROOMS[: ROOMS.index("basis")]
DRAWERS = {"utils", "misc", "helpers", "common", "tools"}
SOURCE = Path(__file__).parent.parent / "src" / "empnet"


def imports_of(path: Path) -> set[str]:
    """The modules of empnet that a file imports at its top level or inside functions, but not for types only."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    found: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} if node.names[0].name != "*" else {f"{node.module}.*"}
            found |= {f"{node.module}.{name.name}" for name in node.names if name.name != "*"}
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
    return {name for name in found if name.startswith(("empnet", "torch"))}


def room_of(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in ROOMS else None


def violations(root: Path) -> list[str]:
    """What breaks the rules in a tree of source files."""
    files = {path: ".".join(["empnet", *path.relative_to(root).with_suffix("").parts]) for path in root.rglob("*.py")}
    modules = {name.removesuffix(".__init__") for name in files.values()}
    told, edges = [], {}
    for path, name in files.items():
        module = name.removesuffix(".__init__")
        imported = imports_of(path)
        edges[module] = {target for target in imported if target in modules and target != module}
        told += [f"{module}: import *" for target in imported if target.endswith(".*")]
        told += [f"{module}: a drawer" for part in module.split(".") if part in DRAWERS]
        own = room_of(module)
        for target in imported:
            theirs = room_of(target)
            if own and theirs and ROOMS.index(theirs) > ROOMS.index(own):
                told.append(f"{module} imports {target}")
            if own in WITHOUT_NETWORKS and target.startswith("torch.nn"):
                told.append(f"{module} imports {target}")
    return told + cycles(edges)


def cycles(edges: dict[str, set[str]]) -> list[str]:
    told, done = [], set()

    def walk(module: str, way: list[str]) -> None:
        if module in way:
            told.append(" -> ".join([*way[way.index(module) :], module]))
        elif module not in done:
            for target in sorted(edges.get(module, ())):
                # a package that holds the module is imported before it, and is no way back
                if not module.startswith(f"{target}."):
                    walk(target, [*way, module])
            done.add(module)

    for module in edges:
        walk(module, [])
    return told


def test_the_source():
    assert violations(SOURCE) == []


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        ({"files/a.py": "from empnet.model.b import c"}, "empnet.files.a imports empnet.model.b"),
        ({"model/a.py": "def f():\n    import empnet.training.b"}, "empnet.model.a imports empnet.training.b"),
        ({"training/a.py": "from empnet.studies.b import c"}, "empnet.training.a imports empnet.studies.b"),
        ({"dataset/a.py": "import torch.nn"}, "empnet.dataset.a imports torch.nn"),
        (
            {"files/a.py": "import empnet.files.b", "files/b.py": "import empnet.files.a"},
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
    assert any(told.startswith(wanted) for told in violations(tmp_path))
