"""The point of care in the browser."""

from flask import Blueprint

blueprint = Blueprint("clinical", __name__)
