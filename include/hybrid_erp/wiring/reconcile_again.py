"""What begins a reconciliation besides the clock and people: an asset of each region that moves, updated while a move of it waits."""

from __future__ import annotations

from typing import Final

from airflow.sdk import Asset, AssetAlias

#: What `watch_moves` updates; which regions are meant is known only when it runs.
REGIONS_TO_RECONCILE: Final = AssetAlias("hybrid-erp-regions-to-reconcile")


def to_be_reconciled(region: str) -> Asset:
    """The asset whose update begins `reconcile_<region>`."""
    return Asset(f"hybrid-erp://reconcile/{region}")
