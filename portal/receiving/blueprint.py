"""The blueprint that all pages of receiving share."""

from flask import Blueprint

blueprint = Blueprint("receiving", __name__, url_prefix="/receive")
