"""Following orders: comments that tell people, days moved by history, the calendar and its feed."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
import time_machine
from flask import Flask
from icalendar import Calendar
from pydantic import SecretStr

from portal.comments import services as comments
from portal.comments.models import Mention
from portal.exchange.models import Message, WorkItem
from portal.exchange.rules import MessageState
from portal.foundation import clock
from portal.foundation.audit import AuditEvent
from portal.foundation.db import db, transaction
from portal.foundation.errors import Conflict
from portal.foundation.mail import Mail
from portal.identity import services as identity
from portal.identity.models import Account, RoleAssignment
from portal.identity.rules import Role
from portal.masterdata.models import Facility
from portal.orders.calendar.models import CalendarFeed
from portal.orders.models import PurchaseOrder
from tests import hospital as hospitals
from tests import ordering
from tests.hospital import PASSWORD, Hospital
from tests.ordering import confirm, confirmation, fresh, parsed, part, words
from tests.statements import recorded
from tests.visitor import Visitor

Person = Callable[[Role], Visitor]


@pytest.fixture
def connected(app: Flask, hospital: Hospital) -> Iterator[Hospital]:
    """The hospital with its partners and somebody who carries its mails."""
    ordering.connect(hospital)
    before = app.extensions["settings"]
    carried = {"smtp_url": SecretStr("smtp://127.0.0.1:9")}
    app.extensions["settings"] = before.model_copy(update=carried)
    yield hospital
    app.extensions["settings"] = before


@pytest.fixture
def person(client: Visitor, connected: Hospital) -> Person:
    """Signs in the person with a role, in a browser of their own."""
    return lambda role: ordering.visitor(client, connected, role)


@pytest.fixture
def order(connected: Hospital) -> PurchaseOrder:
    """An order that the supplier has, promised in two days."""
    order = ordering.sent(connected, {connected.gloves_offer: 2, connected.catheter_offer: 4})
    promised = clock.today() + timedelta(days=2)
    confirm(
        confirmation(order.number, {10: [part(2, promised_on=promised)], 20: [part(4, promised_on=promised)]})
    )
    return fresh(order)


def say(browser: Visitor, order: PurchaseOrder, text: str, tell: object = "") -> str:
    """Comments on the order page; the address it leads to."""
    action = f"/comments/purchase_order/{order.id}"
    answer = browser.submit(f"/orders/{order.id}", {"text": text, "tell": str(tell)}, action=action)
    assert answer.status_code == 303
    return str(answer.headers["Location"])


def unread(browser: Visitor) -> str:
    """What the navigation says beside Mentions."""
    (link,) = parsed(browser.get("/mentions")).xpath("//nav//a[contains(@href, '/mentions')]")
    return "".join(re.findall(r"\d+", link.text_content()))


# Comments


def test_a_mention_is_told_in_the_portal_and_by_mail_without_its_words(
    connected: Hospital, order: PurchaseOrder, person: Person
) -> None:
    manager, buyer = person(Role.CLINIC_MANAGER), person(Role.BUYER)
    receiver = connected.accounts[Role.RECEIVER]
    where = say(manager, order, "  <b>Urgent</b> @Buyer\nwhere is it?  ", receiver.id)
    assert re.fullmatch(rf"/orders/{order.id}#comment-\d+", where)
    shown = manager.get(f"/orders/{order.id}")
    assert "&lt;b&gt;Urgent&lt;/b&gt; @Buyer\nwhere is it?</p>" in shown.get_data(as_text=True)
    assert unread(buyer) == "1"
    assert unread(manager) == ""
    told = words(buyer.get("/mentions"))
    assert f"Order {order.number}" in told
    assert "unread" in told
    mails = db.session.query(Mail).filter(Mail.key.startswith("mention:")).all()
    assert {mail.account_id for mail in mails} == {connected.accounts[Role.BUYER].id, receiver.id}
    (mail,) = [one for one in mails if one.account_id == connected.accounts[Role.BUYER].id]
    assert mail.subject == f"Clinic manager mentioned you on Order {order.number}"
    assert "Urgent" not in mail.body
    (link,) = re.findall(r"http\S+(/mentions/\d+)", mail.body)
    assert buyer.get(link).headers["Location"] == where
    assert unread(buyer) == ""
    assert person(Role.APPROVER).get(link).status_code == 404
    event = db.session.query(AuditEvent).filter_by(action="comment.add").one()
    assert event.after == {"told": ["Buyer", "Receiver"]}


def test_a_comment_is_withdrawn_by_its_author_within_a_while(
    connected: Hospital, order: PurchaseOrder, person: Person
) -> None:
    manager, buyer = person(Role.CLINIC_MANAGER), person(Role.BUYER)
    number = say(manager, order, "@Buyer mistaken words").rpartition("-")[2]
    page, action = f"/orders/{order.id}", f"/comments/{number}/withdraw"
    (address,) = parsed(manager.get(page)).xpath("//div[@id='order']/@hx-get")
    assert action not in buyer.get(page).get_data(as_text=True)
    assert buyer.post(action, data={"csrf_token": buyer.csrf_token(page)}).status_code == 404
    say(manager, order, "@Buyer other words")
    with time_machine.travel(clock.now() + timedelta(minutes=31), tick=False):
        author = connected.actor(Role.CLINIC_MANAGER)
        with pytest.raises(Conflict, match="for 30 minutes"), transaction():
            comments.withdraw(author, int(number))
    for _ in range(2):
        assert manager.post(action, data={"csrf_token": manager.csrf_token(page)}).status_code == 303
    shown = buyer.get(address).get_data(as_text=True)
    assert "Withdrawn by its author." in shown
    assert "mistaken words" not in shown + words(buyer.get("/mentions"))
    assert db.session.query(AuditEvent).filter_by(action="comment.withdraw").count() == 1


def test_looking_at_the_order_or_marking_all_reads_the_mentions(
    connected: Hospital, order: PurchaseOrder, person: Person
) -> None:
    manager, buyer = person(Role.CLINIC_MANAGER), person(Role.BUYER)
    say(manager, order, "@buyer one")
    buyer.get(f"/orders/{order.id}")
    assert unread(buyer) == ""
    say(manager, order, "@buyer two")
    assert buyer.submit("/mentions", action="/mentions/read").status_code == 303
    assert unread(buyer) == ""
    assert db.session.query(Mention).filter_by(seen_at=None).count() == 0


@pytest.mark.parametrize(
    ("text", "tell", "sentence"),
    [
        ("", "", "Write something."),
        ("x" * 2001, "", "Write at most 2000 characters."),
        ("hello", "999999999", "This person may not see Order"),
        ("hello", "me; drop", "This person may not see Order"),
        ("hello", "9" * 40, "This person may not see Order"),
    ],
)
def test_a_refused_comment_keeps_what_was_typed(
    order: PurchaseOrder, person: Person, text: str, tell: str, sentence: str
) -> None:
    action = f"/comments/purchase_order/{order.id}"
    answer = person(Role.BUYER).submit(f"/orders/{order.id}", {"text": text, "tell": tell}, action=action)
    assert answer.status_code == 422
    assert sentence in words(answer)
    assert f"{text}</textarea>" in answer.get_data(as_text=True)


def test_only_who_may_see_a_document_reads_and_hears_of_it(
    connected: Hospital, order: PurchaseOrder, person: Person
) -> None:
    clinician = connected.accounts[Role.CLINICIAN]
    buyer = person(Role.BUYER)
    say(buyer, order, f"@{clinician.name} look")
    assert db.session.query(Mention).count() == 0
    for kind, number in (("purchase_order", order.id), ("purchase_order", 10**15), ("account", 1), ("x", 1)):
        browser = person(Role.CLINICIAN)
        assert browser.get(f"/comments/{kind}/{number}").status_code == 404
        form = {"csrf_token": browser.csrf_token("/mentions"), "text": "hello"}
        assert browser.post(f"/comments/{kind}/{number}", data=form).status_code == 404
    with transaction():
        other = hospitals.build()
    ordering.connect(other)
    foreign = ordering.sent(other, {other.gloves_offer: 1})
    assert buyer.get(f"/comments/purchase_order/{foreign.id}").status_code == 404


def test_a_requisition_is_talked_about_on_a_page_of_its_own(
    connected: Hospital, order: PurchaseOrder, person: Person
) -> None:
    requisition = order.lines[0].sources[0].requisition_line.requisition
    page = f"/comments/requisition/{requisition.id}"
    manager, approver = person(Role.CLINIC_MANAGER), person(Role.APPROVER)
    assert page in manager.get(f"/requisitions/{requisition.id}").get_data(as_text=True)
    answer = approver.submit(page, {"text": "@Clinic manager, fewer next time?"})
    assert answer.headers["Location"].startswith(f"{page}#comment-")
    assert "fewer next time?" in words(manager.get(page))
    assert f"Requisition {requisition.number}" in words(manager.get("/mentions"))
    assert "Comments (1)" in words(manager.get(f"/requisitions/{requisition.id}"))


def test_a_comment_is_news_on_the_open_page_and_asks_nothing_more(
    connected: Hospital, order: PurchaseOrder, person: Person
) -> None:
    buyer, manager = person(Role.BUYER), person(Role.CLINIC_MANAGER)
    (address,) = parsed(buyer.get(f"/orders/{order.id}")).xpath("//div[@id='order']/@hx-get")
    assert buyer.get(address).status_code == 204
    say(manager, order, "first")
    with recorded() as few:
        news = buyer.get(address)
    assert "first" in news.get_data(as_text=True)
    for number in range(3):
        say(manager, order, f"@Buyer number {number}")
    with recorded() as many:
        buyer.get(address)
    assert len(many) == len(few)


def test_the_page_asks_the_same_number_of_questions_for_any_number_of_lines(
    connected: Hospital, person: Person
) -> None:
    buyer = person(Role.BUYER)
    counts = set()
    for wanted in ({connected.gloves_offer: 1}, {connected.gloves_offer: 2, connected.catheter_offer: 3}):
        order = ordering.sent(connected, wanted)
        with recorded() as heard:
            assert buyer.get(f"/orders/{order.id}").status_code == 200
        counts.add(len(heard))
    assert len(counts) == 1


# The page


def test_the_days_stand_side_by_side_and_history_moves_the_expected_one(
    connected: Hospital, order: PurchaseOrder, person: Person
) -> None:
    buyer = person(Role.BUYER)
    line = "//table[caption='Lines']//td[@data-label='Expected']"
    day = clock.today() + timedelta(days=2)
    before = parsed(buyer.get(f"/orders/{order.id}")).xpath(line)[0].text_content()
    assert f"{day:%b} {day.day}" in before
    for _ in range(3):
        late = ordering.sent(connected, {connected.gloves_offer: 1})
        promised = clock.today(connected.facility.time_zone) - timedelta(days=4)
        confirm(confirmation(late.number, {10: [part(1, promised_on=promised)]}))
        ordering.received(connected, fresh(late), {10: 1})
    shown = buyer.get(f"/orders/{order.id}")
    told = words(shown)
    assert "Harborline Medical was late in 3 of the last 3 deliveries, usually by 4 days." in told
    moved = day + timedelta(days=4)
    assert f"{moved:%b} {moved.day}" in parsed(shown).xpath(line)[0].text_content()
    (row,) = parsed(buyer.get(f"/orders?q={order.number}")).xpath("//tbody/tr/td[@data-label='Expected']")
    assert f"{moved:%b} {moved.day}" in row.text_content()


def test_a_step_says_who_has_it_since_when_what_is_pending_and_what_comes_next(
    connected: Hospital, order: PurchaseOrder, person: Person
) -> None:
    buyer = person(Role.BUYER)

    def card(label: str) -> str:
        page = parsed(buyer.get(f"/orders/{order.id}"))
        (found,) = page.xpath(f"//li[.//span[@class='step-label']='{label}']//div[@class='step-card']")
        return re.sub(r"\s+", " ", found.text_content())

    shipped = card("Shipped")
    for told in (
        "WithHarborline Medical",
        "Since",
        "Pending6 of 6",
        "NextThe supplier announces the delivery.",
    ):
        assert told in shipped, told
    assert "WithEmergency department, Main hospital" in card("Received")
    assert "WithAccounts payable" in card("Invoiced")
    later = clock.now() + timedelta(minutes=1)
    confirm(confirmation(order.number, {20: [part(4, "backordered")]}, number="OC-2", at=later))
    deviated = card("Confirmed")
    assert "The answer differs from the order. 4 BX of Urinary catheter, 14 Fr are backordered" in deviated
    assert "WithBuyer, to decide" in deviated
    with transaction():
        (item,) = db.session.query(WorkItem).filter_by(subject_id=order.id)
        item.owner_id = connected.accounts[Role.RECEIVER].id
    assert "WithReceiver, to decide" in card("Confirmed")
    ordering.received(connected, order, {10: "2.2", 20: "3.8"})
    assert "Pending0.2 of 6" in card("Received"), "more of one line is not less of another"


def test_a_finished_order_asks_for_no_news(connected: Hospital, order: PurchaseOrder, person: Person) -> None:
    buyer = person(Role.BUYER)
    rejected = {10: [part(2, "rejected")], 20: [part(4, "rejected")]}
    later = clock.now() + timedelta(minutes=1)
    confirm(confirmation(order.number, rejected, number="OC-2", at=later))
    assert "The supplier rejected it: nothing comes." in words(buyer.get(f"/orders/{order.id}"))
    assert buyer.submit(f"/orders/{order.id}/cancel", {"reason": "Not needed"}).status_code == 303
    page = parsed(buyer.get(f"/orders/{order.id}"))
    assert page.xpath("//div[@id='order']/@hx-get")  # the supplier is still to be told
    steps = [one.text_content() for one in page.xpath("//span[@class='step-label']")]
    assert steps == ["Placed", "Posted in the ERP", "Sent to the supplier", "Cancelled"]
    assert "Still to be told" in page.text_content()
    with transaction():
        db.session.query(Message).update({"state": MessageState.DONE})
    page = parsed(buyer.get(f"/orders/{order.id}"))
    assert not page.xpath("//div[@id='order']/@hx-get")


def test_what_belongs_to_an_order_is_one_list(
    connected: Hospital, order: PurchaseOrder, person: Person
) -> None:
    receipt = ordering.received(connected, order, {10: 2})

    def listed(role: Role) -> str:
        page = parsed(person(role).get(f"/orders/{order.id}"))
        (found,) = page.xpath("//section[@aria-label='Documents and messages']")
        return re.sub(r"\s+", " ", found.text_content())

    for role in (Role.BUYER, Role.INTEGRATION_ENGINEER):
        told = listed(role)
        assert "Confirmation OC-1" in told
        assert f"Receipt {receipt.number}" in told
        assert ("Message to S/4HANA" in told) is (role is Role.INTEGRATION_ENGINEER)


# The calendar


def test_the_calendar_shows_what_comes_by_day_and_place(
    connected: Hospital, order: PurchaseOrder, person: Person
) -> None:
    buyer = person(Role.BUYER)
    day = clock.today() + timedelta(days=2)
    for span in ("week", "month"):
        told = words(buyer.get(f"/deliveries?span={span}&day={day}&location=all"))
        assert order.number in told
        assert "Emergency department, Main hospital" in told
    assert "2 BX Exam glove, nitrile, medium" in words(buyer.get(f"/deliveries?day={day}"))
    elsewhere = f"/deliveries?day={day}&location={connected.storeroom.id}"
    assert order.number in words(buyer.get(elsewhere))  # nothing ever went there, so all places are shown
    later = f"/deliveries?day={day + timedelta(days=21)}"
    assert order.number not in words(buyer.get(later))
    assert "Nothing is expected in this week" in words(buyer.get(later))
    for query in (
        "day=x",
        "day=9999-99-99",
        "span=year",
        "location=x",
        f"location={10**30}",
        "day=9999-12-31",
    ):
        assert buyer.get(f"/deliveries?{query}").status_code == 200, query


def test_what_is_overdue_stands_on_top(connected: Hospital, order: PurchaseOrder, person: Person) -> None:
    with transaction():
        for line in fresh(order).lines:
            line.expected_on = clock.today() - timedelta(days=3)
    told = words(person(Role.BUYER).get("/deliveries"))
    assert "1 delivery is overdue" in told
    assert "days late" in words(person(Role.BUYER).get(f"/orders/{order.id}"))


def elsewhere(connected: Hospital) -> str:
    """The e-mail of a buyer of another facility."""
    with transaction():
        facility = Facility(code="2020", name="Other hospital")
        db.session.add(facility)
        db.session.flush()
        email = f"elsewhere-{connected.organization.slug}@example.org"
        account = identity.create_account(email=email, name="Buyer", password=PASSWORD, roles=[])
        db.session.add(RoleAssignment(account_id=account.id, role=Role.BUYER, facility_id=facility.id))
    return email


def make_feed(browser: Visitor, location: object = "") -> str:
    """Makes the calendar address; its path."""
    answer = browser.submit("/deliveries/feed", {"location": str(location)}, action="/deliveries/feed")
    assert answer.status_code == 200
    (address,) = parsed(answer).xpath("//code/text()")
    return str(urlsplit(address).path)


def events(answer_bytes: bytes) -> list[str]:
    """The summaries of a feed."""
    return [str(event["SUMMARY"]) for event in Calendar.from_ical(answer_bytes).walk("VEVENT")]


def test_a_feed_is_read_without_signing_in_until_it_is_renewed_or_revoked(
    connected: Hospital, order: PurchaseOrder, client: Visitor, person: Person
) -> None:
    manager = person(Role.CLINIC_MANAGER)
    path = make_feed(manager)
    assert path.rpartition("/")[2].removesuffix(".ics") not in db.session.query(CalendarFeed).one().token_hash
    answer = client.get(path)
    assert answer.content_type == "text/calendar; charset=utf-8"
    assert events(answer.get_data()) == [f"Harborline Medical: {order.number}"]
    assert client.get(path, headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304
    assert "Last readnot yet" not in words(manager.get("/deliveries/feed"))
    renewed = make_feed(manager, connected.clinic.id)
    assert client.get(path).status_code == 404
    assert b"Deliveries to Emergency department" in client.get(renewed).get_data()
    assert manager.submit("/deliveries/feed", action="/deliveries/feed/revoke").status_code == 303
    assert client.get(renewed).status_code == 404
    assert client.get("/calendar/guess.ics").status_code == 404


def test_a_feed_holds_only_what_its_person_may_see_now(
    connected: Hospital, order: PurchaseOrder, client: Visitor, person: Person
) -> None:
    path = make_feed(person(Role.BUYER))
    other = Visitor(client.application, client.application.response_class)
    other.sign_in(elsewhere(connected))
    assert events(client.get(make_feed(other)).get_data()) == []
    assert order.number not in words(other.get("/deliveries"))
    refused = other.submit(
        "/deliveries/feed", {"location": str(connected.clinic.id)}, action="/deliveries/feed"
    )
    assert refused.status_code == 422
    assert len(events(client.get(path).get_data())) == 1
    with transaction():
        db.session.get_one(Account, connected.accounts[Role.BUYER].id).active = False
    assert client.get(path).status_code == 404
    assert person(Role.CLINICIAN).get("/deliveries").status_code == 403
