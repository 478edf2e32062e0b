"""The blueprint that all pages of the point of care share."""

from flask import Blueprint

blueprint = Blueprint("clinical", __name__)
