"""What the documents say of the code is true, and the house rules hold."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "src").rglob("*.py"))
HEAVY = ["torch", "ase", "matplotlib", "sklearn", "pydantic", "numpy"]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_are_small_and_documented(path):
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert text.count("\n") <= 350
    if text.strip():
        assert ast.get_docstring(tree), "the module has no docstring"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and "cli" not in path.parts:  # there, an option a line
            code = node.end_lineno - node.lineno - len((ast.get_docstring(node) or "").splitlines())
            assert code <= 60, f"{node.name} has {code} lines"
    public = [node for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]
    for body in [tree, *public]:
        for node in body.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                assert ast.get_docstring(node), f"{node.name} has no docstring"


def test_one_version():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"version: {version}" in (ROOT / "CITATION.cff").read_text()
    assert f"[{version}]" in (ROOT / "CHANGELOG.md").read_text()
    assert f'__version__ = "{version}"' in (ROOT / "src" / "empnet" / "__init__.py").read_text()


def test_links_in_the_readme_lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", (ROOT / "README.md").read_text()):
        assert target.startswith("http") or (ROOT / target).exists(), target


@pytest.mark.parametrize("name", ["README.md", "docs/own-loop.md"])
def test_python_on_pages_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", (ROOT / name).read_text(), flags=re.DOTALL):
        exec(block.replace('time="10m"', 'time="2s"'), names)
    if "mae" in names:
        assert names["mae"] < 0.5 * np.abs(names["energies"] - names["counts"] @ names["b"])[names["test"]].mean()


def test_help_answers_without_the_heavy_imports():
    script = (
        "import sys; from empnet.cli import app\n"
        "try: app(['--help'])\n"
        "except SystemExit as end: assert end.code == 0\n"
        f"print('LOADED', [name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "train" in done.stdout
    assert "LOADED []" in done.stdout


def test_every_public_name_can_be_imported():
    import empnet

    for name in empnet.__all__:
        assert getattr(empnet, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        empnet.nothing  # noqa: B018
