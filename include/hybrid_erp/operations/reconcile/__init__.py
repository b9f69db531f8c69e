"""Reconciliation: what two ERPs hold of a region, side by side, and exactly one class for each thing on which they disagree."""
