"""The types of this folder's fixtures."""

from __future__ import annotations

from collections.abc import Callable

from harness.load.plan import LoadPlan
from harness.load.supervise import LoadResult

PlanMaker = Callable[..., LoadPlan]
"""Paths of the service in turn, and fields of the plan."""

Offer = Callable[..., LoadResult]
"""A plan, and perhaps what to do at each progress."""
