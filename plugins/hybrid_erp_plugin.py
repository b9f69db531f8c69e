"""Mounts the canonical API in Airflow."""

from hybrid_erp.wiring.plugin import HybridErpPlugin

__all__ = ["HybridErpPlugin"]
