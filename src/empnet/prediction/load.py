"""Load a run, to predict with it."""

from __future__ import annotations

import os
from pathlib import Path

from empnet.errors import EmpnetError
from empnet.model.evaluator import Engine
from empnet.model.pooled_model import PooledModel
from empnet.prediction.predictor import Predictor
from empnet.training.classes.temperature_file import load_temperature
from empnet.training.forest.forest import load_forest
from empnet.training.run.model_file import load_model
from empnet.training.uncertainty.ensemble_file import is_ensemble, load_ensemble
from empnet.training.uncertainty.uncertainty_file import load_last_layer

__all__ = ["as_predictor", "load"]


def as_predictor(run: Predictor | str | os.PathLike[str]) -> Predictor:
    """Return a predictor unchanged, or load that of a run folder.

    Arguments:
        run: The predictor, or the run folder.

    Raises:
        EmpnetError: As :func:`load`.
    """
    return run if isinstance(run, Predictor) else load(run)


def load(run: str | os.PathLike[str], engine: Engine = "auto") -> Predictor:
    """Load the trained network of a run folder, or an ensemble.

    Arguments:
        run: The run folder.
        engine: ``"auto"``, ``"native"`` (libempnet) or ``"torch"``: see :class:`~empnet.model.evaluator.Evaluator`.

    Raises:
        EmpnetError: If it is not a run folder, a file in it is damaged, or the engine does not serve the model.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from ase.build import molecule
        >>> from empnet.training.start_run import run_training
        >>> at = np.arange(1, 3, 0.1)
        >>> pairs = [empnet.System([[0, 0, 0], [0, 0, d]], [1, 8], properties={"energy": 1 / d}) for d in at]
        >>> run = run_training(pairs, "energy", out=tempfile.mkdtemp() + "/run", epochs=1, quiet=True).run
        >>> load(run).predict(molecule("H2O")).values.shape
        (1, 1)
    """
    if not isinstance(run, str | os.PathLike):
        remedy = "load(result.run)" if hasattr(run, "run") else ""
        raise EmpnetError(
            f"a {type(run).__name__} is not a run folder", wanted="the path of a run folder", remedy=remedy
        )
    predictor = _loaded(Path(run), engine)
    if engine != "auto":
        _ = predictor.evaluator  # refuses what it does not serve
    return predictor


def _loaded(run: Path, engine: Engine) -> Predictor:
    if is_ensemble(run):
        ensemble, card, spread = load_ensemble(run)
        return Predictor(ensemble, card, str(run), spread, engine=engine)
    model, card = load_model(run)
    if isinstance(model, PooledModel):
        known = load_last_layer(run, model)
        return Predictor(model, card, str(run), known, load_forest(run, card), load_temperature(run), engine)
    return Predictor(model, card, str(run), load_last_layer(run, model), engine=engine)
