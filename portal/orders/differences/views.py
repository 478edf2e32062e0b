"""Deciding about differences."""

from flask import Blueprint

from portal.orders.differences import models

__all__ = ["blueprint", "models"]
blueprint = Blueprint("differences", __name__)
