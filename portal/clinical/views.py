"""The point of care in the browser: every module of its pages."""

from portal.clinical import (
    access_views,
    care_views,
    ehr_views,
    feed_views,
    launch_views,
    recall_views,
    usage_views,
)
from portal.clinical.blueprint import blueprint

__all__ = [
    "access_views",
    "blueprint",
    "care_views",
    "ehr_views",
    "feed_views",
    "launch_views",
    "recall_views",
    "usage_views",
]
