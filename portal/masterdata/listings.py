"""What the pages of master data list; each page asks a constant number of questions."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, literal, or_, select, union_all
from sqlalchemy.orm import contains_eager, defer, joinedload

from integrations.canonical import Lifecycle
from portal.exchange.models import Partner
from portal.foundation.db import db, found
from portal.identity.models import Account
from portal.masterdata.models import (
    Contract,
    ContractLine,
    CostCenter,
    Crosswalk,
    Facility,
    GlAccount,
    ImportRun,
    Item,
    ItemCategory,
    ItemDocument,
    Location,
    Supplier,
    SyncRun,
)
from portal.masterdata.rules import EXPIRES_SOON, Validity

MOST_WORDS = 8
NAMED: Mapping[str, Any] = {
    "facility": Facility,
    "location": Location,
    "cost_center": CostCenter,
    "gl_account": GlAccount,
    "supplier": Supplier,
    "item": Item,
}
"""The models that a crosswalk can name, by table."""


def items(words: str = "", *, lifecycle: str = "", category: str = "") -> Select[Any]:
    """Items by code, by any word of code, name or manufacturer's part number."""
    statement = _searched(
        select(Item).order_by(Item.code), words, Item.code, Item.name, Item.manufacturer_part
    )
    if lifecycle in list(Lifecycle):
        statement = statement.where(Item.lifecycle == Lifecycle(lifecycle))
    return statement.where(Item.category == category) if category else statement


def categories() -> Sequence[str]:
    """The categories in use."""
    statement = select(Item.category).where(Item.category != "").distinct().order_by(Item.category)
    return db.session.scalars(statement).all()


_PARENTS = select(ItemCategory.name, ItemCategory.parent).where(ItemCategory.parent != "")


def parent_categories() -> dict[str, str]:
    """The category above each one that has one."""
    return {row[0]: row[1] for row in db.session.execute(_PARENTS)}


def documents_of_item(item_id: int) -> Sequence[ItemDocument]:
    """The documents about an item, by title."""
    statement = select(ItemDocument).where(ItemDocument.item_id == item_id).order_by(ItemDocument.title)
    return db.session.scalars(statement).all()


def prices_of_item(item_id: int) -> Sequence[ContractLine]:
    """The contract lines of an item with contract and supplier, newest first."""
    return db.session.scalars(
        _lines()
        .where(ContractLine.item_id == item_id)
        .order_by(
            ContractLine.valid_from.desc(), Supplier.name, ContractLine.uom, ContractLine.minimum_quantity
        )
    ).all()


def _lines() -> Select[ContractLine]:
    loaded = contains_eager(ContractLine.contract).contains_eager(Contract.supplier)
    return select(ContractLine).join(ContractLine.contract).join(Contract.supplier).options(loaded)


def suppliers(words: str = "") -> Select[Any]:
    """Suppliers with how many contracts each has."""
    contracts = select(func.count()).where(Contract.supplier_id == Supplier.id).scalar_subquery()
    statement = select(Supplier, contracts.label("contracts")).order_by(Supplier.name)
    return _searched(statement, words, Supplier.code, Supplier.name)


def contracts(words: str, validity: str, today: date) -> Select[Any]:
    """Contracts with their supplier and how many prices each has; what ends soonest first."""
    lines = select(func.count()).where(ContractLine.contract_id == Contract.id).scalar_subquery()
    statement = (
        select(Contract, lines.label("lines"))
        .join(Contract.supplier)
        .options(contains_eager(Contract.supplier))
        .order_by(Contract.valid_to < today, Contract.valid_to, Contract.number)
    )
    if validity in list(Validity):
        statement = statement.where(_valid(Validity(validity), today))
    return _searched(statement, words, Contract.number, Contract.name, Supplier.name)


def _valid(validity: Validity, today: date) -> ColumnElement[bool]:
    soon = today + EXPIRES_SOON
    now = and_(Contract.valid_from <= today, Contract.valid_to >= today)
    return {
        Validity.FUTURE: Contract.valid_from > today,
        Validity.EXPIRED: Contract.valid_to < today,
        Validity.EXPIRING: and_(now, Contract.valid_to <= soon),
        Validity.EFFECTIVE: and_(now, Contract.valid_to > soon),
    }[validity]


def contract(contract_id: int) -> Contract:
    """A contract with its supplier; raises NotFound."""
    statement = select(Contract).where(Contract.id == contract_id).options(joinedload(Contract.supplier))
    return found(db.session.scalar(statement), "contract")


def contract_lines(contract_id: int, words: str = "") -> Select[Any]:
    """The prices of a contract with their item's code and name."""
    statement = (
        select(ContractLine, Item.code, Item.name)
        .join(Item, Item.id == ContractLine.item_id)
        .where(ContractLine.contract_id == contract_id)
        .order_by(Item.code, ContractLine.uom, ContractLine.valid_from, ContractLine.minimum_quantity)
    )
    return _searched(statement, words, Item.code, Item.name, ContractLine.supplier_part)


def locations(words: str = "") -> Select[Any]:
    """Locations with facility and cost center."""
    statement = (
        select(Location)
        .join(Location.facility)
        .options(contains_eager(Location.facility), joinedload(Location.cost_center))
        .order_by(Facility.name, Location.name)
    )
    return _searched(statement, words, Location.code, Location.name, Facility.name)


def cost_centers(words: str = "") -> Select[Any]:
    """Cost centers with the name of their facility."""
    statement = (
        select(CostCenter, Facility.name)
        .outerjoin(Facility, Facility.id == CostCenter.facility_id)
        .order_by(CostCenter.code)
    )
    return _searched(statement, words, CostCenter.code, CostCenter.name)


def crosswalk(words: str, entity: str) -> Select[Any]:
    """What partners call our rows, with the partner's name."""
    statement = (
        select(Crosswalk, Partner.name)
        .join(Partner, Partner.id == Crosswalk.partner_id)
        .order_by(Crosswalk.entity, Crosswalk.external_id)
    )
    if entity in NAMED:
        statement = statement.where(Crosswalk.entity == entity)
    return _searched(statement, words, Crosswalk.external_id)


def names(rows: Sequence[Crosswalk]) -> dict[tuple[str, int], tuple[str, str]]:
    """Code and name of what crosswalk rows mean, by (entity, id), in one query."""
    ids: dict[str, list[int]] = {}
    for row in rows:
        ids.setdefault(row.entity, []).append(row.entity_id)
    parts = [
        select(literal(entity).label("entity"), model.id, model.code, model.name).where(
            model.id.in_(ids[entity])
        )
        for entity, model in NAMED.items()
        if entity in ids
    ]
    if not parts:
        return {}
    return {(entity, id_): (code, name) for entity, id_, code, name in db.session.execute(union_all(*parts))}


def called(entity: str, entity_id: int) -> Sequence[Any]:
    """(partner's name, its identifier) for one row of ours."""
    return db.session.execute(
        select(Partner.name, Crosswalk.external_id)
        .join(Partner, Partner.id == Crosswalk.partner_id)
        .where(Crosswalk.entity == entity, Crosswalk.entity_id == entity_id)
        .order_by(Partner.name)
    ).all()


def imports() -> Select[Any]:
    """Imports without what they hold, with the name of who began them, newest first."""
    statement: Any = (
        select(ImportRun, Account.name)
        .outerjoin(Account, Account.id == ImportRun.account_id)
        .options(defer(ImportRun.errors), defer(ImportRun.sample))
        .order_by(ImportRun.id.desc())
    )
    listed: Select[Any] = statement
    return listed


def import_run(run_id: int) -> ImportRun:
    """An import; raises NotFound."""
    return found(db.session.get(ImportRun, run_id), "import")


def sync_runs(kind: str = "") -> Select[Any]:
    """Reads from ERPs without their plans, newest first."""
    statement = (
        select(SyncRun).options(joinedload(SyncRun.partner), defer(SyncRun.plan)).order_by(SyncRun.id.desc())
    )
    return statement.where(SyncRun.kind == kind) if kind else statement


def sync_run(run_id: int) -> SyncRun:
    """A read with its partner; raises NotFound."""
    statement = select(SyncRun).where(SyncRun.id == run_id).options(joinedload(SyncRun.partner))
    return found(db.session.scalar(statement), "read")


def latest_reads() -> Sequence[SyncRun]:
    """The newest read of each partner and kind."""
    newest = select(func.max(SyncRun.id)).group_by(SyncRun.partner_id, SyncRun.kind)
    statement = sync_runs().where(SyncRun.id.in_(newest)).order_by(None).order_by(SyncRun.partner_id)
    return db.session.scalars(statement).all()


def has_erp() -> bool:
    """Whether an ERP is connected."""
    return db.session.scalar(select(Partner.id).where(Partner.kind == "erp").limit(1)) is not None


def _searched(statement: Any, words: str, *columns: Any) -> Select[Any]:
    """Keeps the rows in which each word stands in one of the columns."""
    for word in words.split()[:MOST_WORDS]:
        statement = statement.where(or_(*(column.icontains(word, autoescape=True) for column in columns)))
    searched: Select[Any] = statement
    return searched
