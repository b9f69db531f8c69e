"""Where the configuration folder is, read once a process."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Final

from hybrid_erp.settings import Settings, load_settings

FOLDER_VARIABLE: Final = "HYBRID_ERP_CONFIG"


def config_folder() -> Path:
    """The folder named by HYBRID_ERP_CONFIG, else `config/` beside `include/`."""
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named) if named else Path(__file__).resolve().parents[3] / "config"


@cache
def settings() -> Settings:
    """The configuration of this process; a task is a process of its own and so reads it anew."""
    return load_settings(config_folder())
