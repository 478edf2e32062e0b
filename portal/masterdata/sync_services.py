"""How a read from the ERP ends: applied, stopped for a person, failed, discarded; and who decided it."""

from integrations.erp.contract import MasterKind
from integrations.errors import Misconfigured, PartnerError
from portal.exchange import services as exchange
from portal.exchange.rules import WorkItemKind
from portal.exchange.services import About
from portal.foundation import audit, clock
from portal.foundation.access import Actor, Permission, system
from portal.foundation.db import after_commit, db
from portal.foundation.errors import Conflict
from portal.foundation.jobs import enqueue_named
from portal.masterdata.models import SyncRun
from portal.masterdata.planning import Plan
from portal.masterdata.records import SOURCES
from portal.masterdata.rules import SYNC_TRANSITIONS, SyncState
from portal.masterdata.services import imported

MOST_ENTRIES = 500


def label(run: SyncRun) -> str:
    """What was read, in words."""
    return SOURCES[MasterKind(run.kind)].label


def finish(run: SyncRun, plan: Plan) -> None:
    """Concludes a read whose changes are merged."""
    by_hand = run.state is SyncState.APPLYING
    _conclude(run, plan, "finish")
    run.records = None
    run.detail = ""
    reason = "confirmed read of the ERP" if by_hand else "scheduled read of the ERP"
    actor = system(run.organization_id, reason)
    if plan.added or plan.changed or plan.refused:
        after = {"kind": run.kind, "added": plan.added, "changed": plan.changed, "refused": plan.refused}
        audit.record(actor, "sync.apply", run, after=after)
    for kind in plan.touched:
        imported(kind)
    exchange.resolve_by_system(actor, _key(run), "Read and applied.")
    if plan.refused:
        _tell_refused(run, plan)


def stop(run: SyncRun, plan: Plan, packed: bytes) -> None:
    """Keeps a read that would change too much for a person to decide about."""
    _conclude(run, plan, "stop")
    run.records = packed
    run.detail = f"It would change {' and '.join(plan.words)}, more than may change at once."
    audit.record(system(run.organization_id, "change limit"), "sync.stop", run, after={"share": plan.share})
    exchange.open_item(
        WorkItemKind.SYNC_STOPPED,
        key=_key(run),
        sentence=f"Read {run.id} of {run.partner.name} was not applied ({label(run)}). {run.detail}",
        suggestion="Look at the differences, then apply or discard the read.",
        subject=_about(run),
    )


def fail(run: SyncRun, error: PartnerError) -> None:
    """Concludes a read that the partner did not answer; the next scheduled one tries again."""
    run.state = SYNC_TRANSITIONS[run.state, "fail"]
    run.finished_at = clock.now()
    words = f" ({error.words})" if error.words and error.words not in str(error) else ""
    run.detail = f"{error}{words}"
    exchange.open_item(
        WorkItemKind.SYNC_STOPPED,
        key=_key(run),
        sentence=f"{label(run)} could not be read from {run.partner.name}: {run.detail}",
        suggestion="Correct login or address of the partner."
        if isinstance(error, Misconfigured)
        else "It is tried again with the next scheduled read.",
        subject=_about(run),
    )


def close(run: SyncRun, why: str) -> None:
    """Concludes a read that nobody will go on with, because a newer one begins."""
    if run.state is SyncState.STOPPED:
        exchange.resolve_by_system(system(run.organization_id, "newer read of the ERP"), _key(run), why)
    run.state = SYNC_TRANSITIONS[run.state, "fail" if run.state is SyncState.READING else "discard"]
    run.finished_at, run.records, run.detail = clock.now(), None, why


def confirm(actor: Actor, run: SyncRun) -> None:
    """Asks a job to apply a stopped read; a repeat changes nothing. Raises Conflict when it is too late."""
    actor.require(Permission.MANAGE_MASTER_DATA)
    db.session.refresh(run, ["state"], with_for_update=True)
    if run.state in (SyncState.APPLYING, SyncState.APPLIED):
        return
    _move(run, "apply")
    audit.record(actor, "sync.confirm", run, after={"changed": run.changed, "share": run.share})
    organization_id, run_id = actor.organization_id, run.id
    after_commit(lambda: enqueue_named("portal.masterdata.jobs.apply_sync", organization_id, run_id))


def discard(actor: Actor, run: SyncRun) -> None:
    """Gives a stopped read up; the next one compares again. Raises Conflict when it is too late."""
    actor.require(Permission.MANAGE_MASTER_DATA)
    db.session.refresh(run, ["state"], with_for_update=True)
    if run.state is SyncState.DISCARDED:
        return
    _move(run, "discard")
    run.finished_at, run.records = clock.now(), None
    audit.record(actor, "sync.discard", run)
    exchange.resolve_by_system(actor, _key(run), "The read was discarded.")


def read_now(actor: Actor) -> None:
    """Asks a job to read everything now, also what was stopped before."""
    actor.require(Permission.MANAGE_MASTER_DATA)
    organization_id = actor.organization_id
    after_commit(lambda: enqueue_named("portal.masterdata.jobs.sync_all", organization_id, True))


def _conclude(run: SyncRun, plan: Plan, action: str) -> None:
    _move(run, action)
    run.finished_at = clock.now()
    run.added, run.changed, run.refused, run.share = plan.added, plan.changed, plan.refused, plan.share
    run.plan = plan.entries[:MOST_ENTRIES]


def _move(run: SyncRun, action: str) -> None:
    state = SYNC_TRANSITIONS.get((run.state, action))
    if state is None:
        raise Conflict(f"This read is {run.state.value} already.")
    run.state = state
    db.session.flush()


def _tell_refused(run: SyncRun, plan: Plan) -> None:
    first = next(entry for entry in plan.entries if entry["action"] == "refused")
    exchange.open_item(
        WorkItemKind.SYNC_STOPPED,
        key=f"{_key(run)}-refused",
        sentence=f"{plan.refused:,} records of {run.partner.name} could not be taken ({label(run)}). "
        f"The first is {first['code']}: {first['sentence']}",
        suggestion="Correct them in the ERP. A changed record is read again by itself.",
        subject=_about(run),
    )


def _key(run: SyncRun) -> str:
    return f"sync-{run.partner_id}-{run.kind}"


def _about(run: SyncRun) -> About:
    return About("sync_run", run.id, label(run))
