"""Without the extra ``empnet[studies]`` one line says what to install, and what does not need it works."""

import subprocess
import sys

import numpy as np
import pytest

from empnet import ImageClassifier, SequenceClassifier, SequenceRegressor, UniversalApproximator
from empnet.errors import EmpnetError
from empnet.studies import NAMES, load
from empnet.studies.data.images import ImageFolder
from empnet.studies.data.sign_digits import sign_digits_path
from empnet.studies.estimators.augmentation import augmentation
from empnet.studies.extra import LIBRARIES, library

INSTALL = r"; pip install 'empnet\[studies\]'$"


@pytest.fixture
def without_extra(monkeypatch):
    import torch.fx.experimental.symbolic_shapes  # noqa: F401  torch itself needs mpmath there

    for module in ("kornia", "kornia.augmentation", "mpmath", "PIL", "PIL.Image"):
        monkeypatch.setitem(sys.modules, module, None)


@pytest.mark.parametrize("module", LIBRARIES)
def test_every_study_names_the_missing_library(module, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    for name in NAMES:
        with pytest.raises(EmpnetError, match=f"^studies need {LIBRARIES[module]}, not installed here{INSTALL}"):
            load(name)
    with pytest.raises(EmpnetError, match="did you mean 'encoding'"):
        load("encodin")


@pytest.mark.parametrize("words", [(), ("--help",), ("lstm", "--quick"), ("all", "--quick"), ("lstm", "--help")])
def test_the_command_line_says_so_in_one_line(words):
    hidden = "import sys; sys.modules.update(dict.fromkeys(('kornia', 'mpmath', 'PIL')))"
    script = f"{hidden}; sys.argv = ['empnet', 'study', *{words!r}]; from empnet.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "studies need kornia, mpmath, Pillow, not installed here; pip install 'empnet[studies]'" in done.stderr


def test_estimators_do_without_it_what_they_can(without_extra):
    x = np.linspace(0, 1, 50)
    model = UniversalApproximator(10).fit(x, x**2)
    assert abs(model.predict(x) - x**2).max() < 1e-3
    strings, classes = ["ab", "ba"] * 8, [0, 1] * 8
    assert SequenceClassifier(epochs=1).fit(strings, classes).predict(["ab"]).shape == (1,)
    assert SequenceRegressor(epochs=1).fit(strings, classes).predict(["ab"]).shape == (1,)
    X = np.zeros((20, 12, 12, 3), np.uint8)
    X[10:] = 255
    small = ImageClassifier(((2, 4), (2, 4)), hidden=4, epochs=1, quiet=True).fit(X, [0] * 10 + [1] * 10)
    assert small.predict(X).shape == (20,)


def test_each_use_of_it_says_what_to_install(without_extra):
    x = np.linspace(0, 1, 50)
    network = UniversalApproximator(3).fit(x, x).network_
    for exact in (
        lambda: network.exactly(0.5),
        network.slope_bound,
        network.limit,
        lambda: network.settled_beyond(0.1),
    ):
        with pytest.raises(EmpnetError, match=f"needs mpmath, which is not installed{INSTALL}"):
            exact()
    with pytest.raises(EmpnetError, match=f"^augmentation needs kornia, which is not installed{INSTALL}"):
        augmentation(flip=0.5)
    pictures = np.zeros((4, 12, 12, 3), np.uint8)
    with pytest.raises(EmpnetError, match=f"^augmentation needs kornia, which is not installed{INSTALL}"):
        ImageClassifier(augment="flip", quiet=True).fit(pictures, [0, 0, 1, 1])
    with pytest.raises(EmpnetError, match=f"^a folder of pictures needs Pillow, which is not installed{INSTALL}"):
        ImageFolder(sign_digits_path())


def test_a_library_that_is_there_but_broken_is_not_called_missing(monkeypatch, tmp_path):
    (tmp_path / "kornia").mkdir()
    (tmp_path / "kornia" / "__init__.py").write_text("import no_such_module_anywhere")
    for module in [name for name in sys.modules if name.partition(".")[0] == "kornia"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_module_anywhere"):
        library("kornia", "augmentation")
