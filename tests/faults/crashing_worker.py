"""A worker that delivers what is due and dies by SIGKILL before a given line of our code.

Arguments: organization id, the line to die before (0 = never). Prints how many lines it ran.
"""

import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from sqlalchemy import select

from portal.app import create_app
from portal.exchange.delivery import deliver_due
from portal.exchange.models import Partner
from portal.foundation.db import enter_organization, transaction

ROOT = Path(__file__).resolve().parents[2]
TRACED = tuple(
    str(ROOT / folder)
    for folder in ("portal/exchange", "portal/orders", "portal/foundation/db", "integrations")
)


class Fuse:
    """Counts the lines of our own code and kills the process before the chosen one."""

    def __init__(self, last: int) -> None:
        self.last = last
        self.count = 0

    def __call__(self, frame: FrameType, event: str, argument: Any) -> Any:
        """The trace function (sys.settrace)."""
        if not frame.f_code.co_filename.startswith(TRACED):
            return None
        if event == "line":
            self.count += 1
            if self.count == self.last:
                os.kill(os.getpid(), signal.SIGKILL)
        return self


def deliver_all(organization_id: int) -> None:
    """Delivers to the ERP first, then to the network, as the jobs do."""
    enter_organization(organization_id)
    with transaction() as session:
        partner_ids = session.scalars(select(Partner.id).order_by(Partner.id)).all()
    for partner_id in partner_ids:
        while deliver_due(partner_id):
            pass


def main() -> None:
    """Runs the fuse."""
    organization_id, last = int(sys.argv[1]), int(sys.argv[2])
    fuse = Fuse(last)
    with create_app().app_context():
        sys.settrace(fuse)
        deliver_all(organization_id)
        sys.settrace(None)
    sys.stdout.write(f"{fuse.count}\n")


if __name__ == "__main__":
    main()
