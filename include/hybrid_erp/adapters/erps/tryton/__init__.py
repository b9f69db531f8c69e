"""The dialect of Tryton 8.2, reached over its REST interface with a key for each role."""

from hybrid_erp.adapters.erps.tryton.connector import TrytonConnector

__all__ = ["TrytonConnector"]
