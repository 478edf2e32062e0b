"""The blueprint that all pages of stock share."""

from flask import Blueprint

blueprint = Blueprint("inventory", __name__)
