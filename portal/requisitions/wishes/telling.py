"""Mails about what is not in the catalog; what was written of it stays in the portal."""

from portal.identity import mailing
from portal.requisitions.wishes.models import Wish


def tell_requester(wish: Wish, by: str) -> None:
    """Tells who asked that a buyer answered, once for each answer."""
    mailing.write(
        [wish.requester_id],
        f"wish:{wish.id}:{wish.decided_at}",
        f"Your request for something not in the catalog: {wish.state}",
        "wish.txt",
        by=by, state=wish.state, url=mailing.address(f"/wishes/{wish.id}"),
    )  # fmt: skip
