"""kill -9 between any two lines neither loses nor doubles a purchase order."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import update

from portal.approvals import queries as approval_queries
from portal.approvals import services as approvals
from portal.approvals.services import Decision
from portal.exchange.models import Message
from portal.exchange.rules import MessageState
from portal.foundation import clock
from portal.foundation.db import db, enter_organization, transaction
from portal.identity.rules import Role
from portal.orders import queries as order_queries
from portal.orders import services as orders
from portal.orders.rules import Transmission
from portal.requisitions import services as requisitions
from tests.faults.crashing_worker import deliver_all
from tests.hospital import Hospital, add_partners
from tests.partners import Partners, running

ROOT = Path(__file__).resolve().parents[2]
POINTS = 10
CRASHING_WORKER = "tests.faults.crashing_worker"


@pytest.fixture
def partners(hospital: Hospital, tmp_path: Path) -> Iterator[Partners]:
    with running(tmp_path, hospital) as partners:
        with transaction():
            add_partners(hospital, erp_url=partners.erp_url, network_url=partners.network_url)
        yield partners


def place_order(hospital: Hospital) -> int:
    manager = hospital.actor(Role.CLINIC_MANAGER)
    with transaction():
        line = requisitions.add(manager, hospital.clinic.id, hospital.gloves_offer.id, Decimal(1))
        requisition_id = line.requisition_id
    with transaction():
        version = requisitions.cart(manager, hospital.clinic.id).version
        requisition = requisitions.submit(manager, requisition_id, seen_version=version)
    with transaction():
        step = approval_queries.steps_of(requisition.id)[0]
        decisions = {line.id: Decision(approved=True) for line in requisition.lines}
        approvals.decide(hospital.actor(Role.APPROVER), step.id, decisions, seen_version=requisition.version)
    with transaction():
        return orders.place(hospital.actor(Role.BUYER), [line.id for line in requisition.lines])[0].id


def work(hospital: Hospital, *, die_before: int = 0) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.faults.crashing_worker",
            str(hospital.organization.id),
            str(die_before),
        ],
        cwd=ROOT,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def end_leases() -> None:
    """Time passes: what a dead worker held is due again, pauses are over."""
    with transaction() as session:
        session.execute(
            update(Message)
            .where(Message.state.in_([MessageState.WORKING, MessageState.WAITING]))
            .values(available_at=clock.now())
        )


def test_an_order_survives_kills_between_any_two_lines(
    hospital: Hospital, partners: Partners, environment: dict[str, str]
) -> None:
    first = place_order(hospital)
    clean = work(hospital)
    assert clean.returncode == 0, clean.stderr[-3000:]
    lines = int(clean.stdout)
    assert lines > 10 * POINTS
    order_ids = [first]
    for point in range(1, POINTS + 1):
        order_ids.append(place_order(hospital))
        killed = work(hospital, die_before=lines * point // (POINTS + 1))
        assert killed.returncode == -signal.SIGKILL, killed.stderr[-3000:]
        end_leases()
        deliver_all(hospital.organization.id)
    db.session.rollback()
    enter_organization(hospital.organization.id)
    shown = [order_queries.find(order_id) for order_id in order_ids]
    numbers = sorted(order.number for order in shown if order is not None)
    assert all(order is not None and order.transmission is Transmission.SENT for order in shown)
    assert sorted(one["reference"] for one in partners.erp_orders()) == numbers
    assert sorted(one["number"] for one in partners.network_orders()) == numbers
