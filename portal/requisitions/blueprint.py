"""The blueprint that all pages of requisitions share."""

from flask import Blueprint

blueprint = Blueprint("requisitions", __name__)
