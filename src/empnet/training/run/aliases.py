"""Names that other packages give to settings, for "did you mean"."""

from __future__ import annotations

from collections.abc import Iterable

from empnet.errors import nearest

__all__ = ["suggestion"]

ALIASES = {
    "batch": "bs n_batch",
    "cutoff": "r_max rmax r_cut rcut radius cut_off radial_cutoff",
    "dtype": "precision default_dtype",
    "energy_weight": "loss_energy_weight",
    "epochs": "num_epochs max_epochs steps iterations",
    "fine_tune": "finetune foundation_model pretrained init_from",
    "forces": "force forces_key force_key forces_name",
    "forces_weight": "force_weight loss_forces_weight",
    "layers": "interactions n_interactions num_interactions num_layers depth",
    "lr": "learning_rate learningrate step_size",
    "moments": "l_max lmax max_ell max_l angular",
    "patience": "early_stopping early_stop",
    "property": "energy_key energy_name target targets label property_name",
    "seed": "random_state random_seed",
    "stress": "stress_key stress_name",
    "test": "test_size test_fraction num_test",
    "threads": "num_threads n_threads n_jobs workers num_workers",
    "time": "max_time time_limit budget hours minutes",
    "train_size": "n_train num_train train_fraction",
    "val": "validation valid valid_fraction val_size num_val validation_split",
    "width": "hidden_dim hidden_channels hidden_features num_features n_features channels num_channels n_atom_basis",
}
"""Settings, and what users of other packages call them."""

_SETTING_OF = {alias: setting for setting, aliases in ALIASES.items() for alias in aliases.split()}


def suggestion(name: str, known: Iterable[str]) -> str:
    """Suggest a setting for an unknown name, as a clause for an error's remedy.

    Arguments:
        name: The unknown name, with ``_`` or ``-``.
        known: Names of the settings.

    Returns:
        ``"did you mean 'x'?"``, or an empty string if no setting is near.

    Example:
        >>> suggestion("learning-rate", ["lr", "width"])
        "did you mean 'lr'?"
    """
    setting = _SETTING_OF.get(name.strip("-").replace("-", "_").lower())
    return f"did you mean '{setting}'?" if setting in set(known) else nearest(name, known)
