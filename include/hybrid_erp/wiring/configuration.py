"""Where the configuration folder is, read once a process; and what the package brings along for one."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Final

from hybrid_erp.model.errors import ConfigurationError
from hybrid_erp.settings import Settings, load_settings

FOLDER_VARIABLE: Final = "HYBRID_ERP_CONFIG"
PACKAGE: Final = Path(__file__).resolve().parents[1]
#: Where the package is used from its sources, as in the image: what the wheel has inside is beside `include/` there.
CHECKOUT: Final = PACKAGE.parents[1] if PACKAGE.parent.name == "include" else None


def config_folder() -> Path:
    """The folder named by HYBRID_ERP_CONFIG, else `config/` beside `include/`.

    Raises:
        ConfigurationError: The package is an installed wheel, and no folder is named.
    """
    if named := os.environ.get(FOLDER_VARIABLE):
        return Path(named)
    if CHECKOUT is None:
        raise ConfigurationError(
            f"{FOLDER_VARIABLE} is not set: an installed wheel has no configuration of its own. Name your folder by it."
        )
    return CHECKOUT / "config"


def pack_folder(pack: str) -> Path:
    """A SQL pack: the firm's own in its configuration folder, else the one that the package brings along."""
    own = config_folder() / "packs" / pack
    return own if CHECKOUT is not None or own.exists() else PACKAGE / "packs" / pack


def shipped_dags() -> Path:
    """The DAG files of this version of the package."""
    return (CHECKOUT or PACKAGE) / "dags"


@cache
def settings() -> Settings:
    """The configuration of this process; a task is a process of its own and so reads it anew."""
    return load_settings(config_folder())
