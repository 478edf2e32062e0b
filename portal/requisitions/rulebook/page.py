"""What the pages of the rulebook need, gathered with a constant number of queries."""

from datetime import date
from typing import Any

from portal.foundation import clock
from portal.foundation.access import Actor
from portal.foundation.errors import NotAllowed
from portal.identity.queries import organization
from portal.masterdata.listings import categories
from portal.requisitions.rulebook import presenters, queries, services
from portal.requisitions.rulebook.forms import ClosedDayForm, CredentialForm, RestrictionForm, SettingForm
from portal.requisitions.rulebook.rules import Rule
from portal.requisitions.rulebook.trial import Trial, last_month, tried


def today() -> date:
    """The organization's day."""
    return clock.today(organization().time_zone)


def listing() -> dict[str, Any]:
    """Every rule with the setting of the organization."""
    book = queries.rulebook_on(today(), None)
    return {"rows": presenters.rows(queries.versions(), book)}


def form_of(rule: Rule, *, sent: bool) -> SettingForm:
    """The form with what counts now, or as it was sent."""
    if sent:
        form = SettingForm()
    else:
        setting = queries.rulebook_on(today(), None).setting(rule.key)
        values = {"severity": setting.severity, "threshold": setting.threshold, "starts_on": today()}
        form = SettingForm(formdata=None, data=values)
    form.offer(rule, queries.facilities(), queries.categories_to_set())
    return form


def rule(key: str, form: SettingForm | None = None, found: Trial | None = None) -> dict[str, Any]:
    """One rule with its history; `form` is the one that was sent, `found` what a trial said."""
    shown = services.rule_of(key)
    day = today()
    book = queries.rulebook_on(day, None)
    return {
        "rule": shown,
        "form": form or (None if shown.is_fixed else form_of(shown, sent=False)),
        "current": presenters.current(book.setting(key)),
        "history": presenters.history(shown, queries.versions(key), day),
        "trial": presenters.trial(shown, found) if found else None,
    }


def try_out(actor: Actor, rule: Rule, form: SettingForm) -> Trial | None:
    """What the entered setting would have done last month; None when it cannot be."""
    form.reason.validators = ()  # nothing is kept that somebody could ask about
    if not form.validate():
        return None
    wanted = form.wanted(rule)
    with form.accepting():
        services.check(actor, wanted, today())
    if form.is_refused:
        return None
    versions = [queries.version_of(row) for row in queries.versions(rule.key)]
    number = max((one.number for one in versions), default=1) + 1
    weighed = last_month(rule.key, clock.now())
    return tried(wanted.as_version(number), versions, weighed, queries.parents().now())


def save(actor: Actor, rule: Rule, form: SettingForm) -> None:
    """Adds the entered setting, or leaves in the form what is wrong with it."""
    if form.validate():
        with form.accepting():
            services.set_rule(actor, form.wanted(rule), today())


def restricted(
    restriction: RestrictionForm | None = None, credential: CredentialForm | None = None
) -> dict[str, Any]:
    """What is restricted, and who has which credential; a form that was refused keeps what was typed."""
    restriction = restriction or RestrictionForm(formdata=None)
    restriction.offer(categories())
    return {
        "restriction": restriction,
        "credential": credential or CredentialForm(formdata=None),
        "restrictions": presenters.restriction_rows(queries.restrictions()),
        "credentials": presenters.credential_rows(queries.credentials(), today()),
    }


def closed(form: ClosedDayForm | None = None) -> dict[str, Any]:
    """When nothing is received."""
    form = form or ClosedDayForm(formdata=None)
    form.offer(queries.facilities())
    return {"form": form, "rows": presenters.closed_rows(queries.closed_days())}


def refuse_fixed(rule: Rule) -> None:
    """Raises NotAllowed for a rule nobody may change."""
    if rule.is_fixed:
        raise NotAllowed(f"“{rule.label}” is a rule that nobody may change.")
