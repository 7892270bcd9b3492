"""Set-up that tests and doctests share."""

import os
import tempfile

# Before anything imports torch or matplotlib: small tests are slower on many threads, and there is no screen.
os.environ.setdefault("OMP_NUM_THREADS", "2")
os.environ["MPLBACKEND"] = "Agg"
WORKER = "PYTEST_XDIST_WORKER" in os.environ
if not WORKER:  # workers share the folder of the process that started them, so that data are read once
    os.environ["EMPNET_CACHE"] = tempfile.mkdtemp(prefix="empnet-tests-")

import shutil

import hypothesis
import numpy as np
import pytest

hypothesis.settings.register_profile("empnet", deadline=None, derandomize=True)
hypothesis.settings.load_profile("empnet")


def pytest_sessionfinish() -> None:
    if not WORKER:
        shutil.rmtree(os.environ["EMPNET_CACHE"], ignore_errors=True)


@pytest.fixture(autouse=True)
def seeded(doctest_namespace):
    """The same random numbers for each test; the names that doctests use."""
    import torch

    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002 (ASE's rattle and the like use the global generator)
    import empnet

    doctest_namespace.update(np=np, torch=torch, empnet=empnet)
