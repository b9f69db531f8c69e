"""The firm of the sandbox: a professional-services firm's year 2026, made from a seed. Same seed and scale, same bytes."""

from sandbox.firm.firm import Firm
from sandbox.firm.master_data import KnownCustomer, KnownProject, MasterData

__all__ = ["Firm", "KnownCustomer", "KnownProject", "MasterData"]
