"""How hard the laws are tried: enough to find what is wrong, quickly; a busy machine makes no law false."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("laws", max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("laws")
