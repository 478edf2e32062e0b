"""The point of care in the browser: every module of its pages."""

from portal.clinical.access import views as access_views
from portal.clinical.blueprint import blueprint
from portal.clinical.cards import views as card_views
from portal.clinical.care import views as care_views
from portal.clinical.ehr import views as ehr_views
from portal.clinical.feeds import views as feed_views
from portal.clinical.launch import views as launch_views
from portal.clinical.recalls import views as recall_views
from portal.clinical.usage import views as usage_views

__all__ = [
    "access_views",
    "blueprint",
    "card_views",
    "care_views",
    "ehr_views",
    "feed_views",
    "launch_views",
    "recall_views",
    "usage_views",
]
