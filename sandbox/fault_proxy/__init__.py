"""Faults to order: a proxy before a real ERP that delays, refuses, cuts, throttles or falls silent."""

from sandbox.fault_proxy.behaviour import Behaviour, Fault
from sandbox.fault_proxy.line import FaultyLine
from sandbox.fault_proxy.proxy import FaultProxy, fault_proxy

__all__ = ["Behaviour", "Fault", "FaultProxy", "FaultyLine", "fault_proxy"]
