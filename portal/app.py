"""Composition root: the only module that knows every feature."""

from flask import Flask
from flask_babel import Babel
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_migrate import Migrate
from flask_talisman import Talisman
from flask_wtf import CSRFProtect
from htmx_flask import Htmx
from werkzeug.middleware.proxy_fix import ProxyFix
from whitenoise import WhiteNoise

from portal.approvals import asking, mail_views, mailbox_views, notices
from portal.approvals import jobs as approval_jobs
from portal.approvals import opening as approval_opening
from portal.approvals import presenters as approval_presenters
from portal.approvals import queries as approval_queries
from portal.approvals import services as approvals
from portal.approvals import views as approvals_views
from portal.budgets import queries as budget_queries
from portal.budgets import views as budgets_views
from portal.catalog import queries as catalog_queries
from portal.catalog import services as catalog
from portal.catalog import views as catalog_views
from portal.clinical import scheduled_demand
from portal.clinical import views as clinical_views
from portal.clinical.feeds import messages as feed_messages
from portal.clinical.feeds import outbound as feed_outbound
from portal.clinical.feeds import services as feeds
from portal.clinical.fhir import inbound as fhir_inbound
from portal.clinical.fhir import views as fhir_views
from portal.clinical.launch import jobs as launch_jobs
from portal.clinical.launch.web import help_ended_sessions, init_launches, limit_launches
from portal.clinical.recalls.requesting import recalled
from portal.clinical.usage import jobs as usage_jobs
from portal.comments import subjects as comment_subjects
from portal.comments import views as comments_views
from portal.exchange import jobs as exchange_jobs
from portal.exchange import views as exchange
from portal.exchange.handlers import Handlers, OutboundHandler
from portal.foundation import jobs, log
from portal.foundation.crypto import KeyRing
from portal.foundation.db import APPLICATION_ROLE, db
from portal.foundation.filters import LOCALE, init_filters
from portal.foundation.limits import limit_addresses
from portal.foundation.web import ROOT, PortalFlask, init_web
from portal.identity import jobs as identity_jobs
from portal.identity import views as identity
from portal.identity.web import init_identity
from portal.inventory import jobs as inventory_jobs
from portal.inventory import queries as inventory_queries
from portal.inventory import services as inventory
from portal.inventory import views as inventory_views
from portal.inventory.kept import kept_items, usage, used_by_month
from portal.invoices import queries as invoice_queries
from portal.invoices import services as invoices
from portal.invoices import views as invoices_views
from portal.masterdata import jobs as masterdata_jobs
from portal.masterdata import services as masterdata
from portal.masterdata import views as masterdata_views
from portal.navigation import init_navigation
from portal.operations import jobs as operations_jobs
from portal.operations import views as operations_views
from portal.orders import answers, commented, expecting, followed
from portal.orders import outbound as orders_outbound
from portal.orders import outlook as order_outlook
from portal.orders import page as order_page
from portal.orders import services as orders
from portal.orders import views as orders_views
from portal.orders.blanket import views as blanket_views
from portal.orders.calendar import views as calendar_views
from portal.orders.differences import confirmed_prices, covering
from portal.orders.differences import jobs as differences_jobs
from portal.orders.differences import views as differences_views
from portal.orders.paper import views as paper_views
from portal.orders.proposals import over_approval
from portal.orders.proposals import views as proposals_views
from portal.orders.routing import views as routing_views
from portal.orders.versions import views as order_versions_views
from portal.orders.workbench import jobs as workbench_jobs
from portal.receiving import deliveries as receiving_deliveries
from portal.receiving import outbound as receiving_outbound
from portal.receiving import queries as receiving_queries
from portal.receiving import returns, reversing, tolerances
from portal.receiving import services as receiving
from portal.receiving import views as receiving_views
from portal.replenishment import facts as replenishment_facts
from portal.replenishment import jobs as replenishment_jobs
from portal.replenishment import lasting
from portal.replenishment import services as replenishment
from portal.replenishment import views as replenishment_views
from portal.requisitions import around, changing, changing_views, submission
from portal.requisitions import commented as requisition_commented
from portal.requisitions import outlook as requisition_outlook
from portal.requisitions import queries as requisition_queries
from portal.requisitions import services as requisitions
from portal.requisitions import views as requisitions_views
from portal.requisitions.before import in_cart, last_asked
from portal.requisitions.lists import jobs as lists_jobs
from portal.requisitions.rulebook import trial as rulebook_trial
from portal.requisitions.rulebook import views as rulebook_views
from portal.settings import Settings, load

A_YEAR = 31_536_000
JOB_MODULES = (
    approval_jobs,
    exchange_jobs,
    identity_jobs,
    inventory_jobs,
    masterdata_jobs,
    differences_jobs,
    operations_jobs,
    replenishment_jobs,
    lists_jobs,
    launch_jobs,
    usage_jobs,
    workbench_jobs,
)
"""Imported so that every worker knows every job."""
BLUEPRINTS = (
    exchange.blueprint,
    identity.blueprint,
    comments_views.blueprint,
    masterdata_views.blueprint,
    catalog_views.blueprint,
    budgets_views.blueprint,
    inventory_views.blueprint,
    requisitions_views.blueprint,
    changing_views.blueprint,
    rulebook_views.blueprint,
    approvals_views.blueprint,
    orders_views.blueprint,
    differences_views.blueprint,
    order_versions_views.blueprint,
    proposals_views.blueprint,
    paper_views.blueprint,
    routing_views.blueprint,
    blanket_views.blueprint,
    calendar_views.blueprint,
    receiving_views.blueprint,
    invoices_views.blueprint,
    replenishment_views.blueprint,
    clinical_views.blueprint,
    fhir_views.blueprint,
    operations_views.blueprint,
)


def create_app(settings: Settings | None = None) -> Flask:
    """Builds the application from settings (default: the environment)."""
    settings = settings or load()
    log.configure(settings.log_level)
    app = PortalFlask("portal", template_folder=str(ROOT / "templates"), static_folder=str(ROOT / "static"))
    _configure(app, settings)
    _init_data(app, settings)
    init_web(app)
    init_launches(app)
    init_filters(app)
    _init_extensions(app, settings)
    app.extensions["handlers"] = _handlers()
    _connect_features()
    init_navigation(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    if settings.demo:
        app.register_blueprint(mailbox_views.blueprint)
    init_identity(app)
    help_ended_sessions(app)
    limit_launches(app)
    limit_addresses(app, settings.sign_in_limit, calendar_views.FEED, scope="calendar", refused_only=True)
    limit_addresses(app, settings.sign_in_limit, mail_views.MAIL_LINKS, scope="mail_links", refused_only=True)
    return app


def _configure(app: Flask, settings: Settings) -> None:
    app.extensions["settings"] = settings
    app.config.update(
        SECRET_KEY=settings.secret_key.get_secret_value(),
        MAX_CONTENT_LENGTH=settings.max_upload_bytes,
        MAX_FORM_MEMORY_SIZE=settings.max_upload_bytes,
        SESSION_COOKIE_NAME="portal",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.secure_cookies,
        SEND_FILE_MAX_AGE_DEFAULT=A_YEAR,
        WTF_CSRF_TIME_LIMIT=None,
        WTF_I18N_ENABLED=False,  # all sentences are our own
        BABEL_DEFAULT_LOCALE=LOCALE,
        SQLALCHEMY_DATABASE_URI=settings.sqlalchemy_url,
        SQLALCHEMY_ENGINE_OPTIONS={
            "pool_pre_ping": True,
            "connect_args": {"options": f"-c role={APPLICATION_ROLE} -c timezone=UTC"},
        },
        RATELIMIT_STORAGE_URI=settings.redis_url,
        RATELIMIT_SWALLOW_ERRORS=True,
    )
    # Addresses carry a fingerprint (`asset`), so browsers may keep the files; packed copies are served.
    files = WhiteNoise(app.wsgi_app, root=str(ROOT / "static"), prefix="static/", max_age=A_YEAR)
    app.wsgi_app = files  # type: ignore[method-assign]
    if settings.trusted_proxies:
        count = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=count)  # type: ignore[method-assign]


def _init_data(app: Flask, settings: Settings) -> None:
    db.init_app(app)
    Migrate(app, db, directory=str(ROOT / "portal" / "migrations"))
    app.extensions["redis"] = jobs.connect(settings.redis_url)
    keys = [key.get_secret_value() for key in settings.encryption_keys]
    app.extensions["keyring"] = KeyRing(keys, settings.index_key.get_secret_value())


def _init_extensions(app: Flask, settings: Settings) -> None:
    Babel(app)
    Htmx(app)
    csrf = CSRFProtect(app)
    csrf.exempt(fhir_views.blueprint)
    csrf.exempt(exchange.receive_cxml)  # partners prove themselves by a shared secret, not by a form token
    limiter = Limiter(get_remote_address, app=app)
    limiter.limit(exchange.LIMIT)(exchange.blueprint)
    limiter.limit(fhir_views.LIMIT)(fhir_views.blueprint)
    Talisman(
        app,
        force_https=settings.secure_cookies,
        strict_transport_security=settings.secure_cookies,
        content_security_policy={
            "default-src": "'self'",
            "img-src": "'self' data:",
            "object-src": "'none'",
            "base-uri": "'none'",
            "form-action": "'self'",
            "frame-ancestors": "'none'",
        },
        permissions_policy="camera=(), microphone=()",
        referrer_policy="same-origin",
        session_cookie_secure=settings.secure_cookies,
    )


def _handlers() -> Handlers:
    """What each kind of message means, by the feature that owns it."""
    return Handlers(
        outbound={
            (orders_outbound.KIND, "erp"): OutboundHandler(
                orders_outbound.deliver_to_erp, orders.taken_by_erp, orders.stopped
            ),
            (orders_outbound.KIND, "network"): OutboundHandler(
                orders_outbound.deliver_to_network, orders.taken_by_network, orders.stopped
            ),
            (receiving_outbound.KIND, "erp"): OutboundHandler(
                receiving_outbound.deliver_to_erp, receiving.taken_by_erp, receiving.stopped
            ),
            (receiving_outbound.REVERSAL_KIND, "erp"): OutboundHandler(
                receiving_outbound.reverse_in_erp, reversing.taken_by_erp, reversing.stopped
            ),
            (receiving_outbound.RETURN_KIND, "erp"): OutboundHandler(
                receiving_outbound.return_in_erp, returns.taken_by_erp, returns.stopped
            ),
            (feed_outbound.KIND, "ehr"): OutboundHandler(
                feed_outbound.deliver, feed_outbound.nothing, feed_outbound.nothing
            ),
        },
        inbound={
            "confirmation": answers.apply_confirmation,
            "ship_notice": answers.apply_ship_notice,
            "invoice": invoices.apply_invoice,
        },
        sealed={fhir_inbound.KIND: fhir_inbound.apply_bundle, feeds.KIND: feed_messages.apply_message},
    )


def _connect_features() -> None:
    """Higher features listen to what lower ones announce."""
    masterdata.imported.attach(catalog.follow_import)
    inventory.moved.attach(replenishment.follow_stock)
    replenishment_facts.scheduled_demand.attach(scheduled_demand.of_location)
    covering.covers.attach(lasting.of_location)
    submission.joining.attach(approval_opening.opening)
    requisitions.withdrawn.attach(approval_opening.withdraw_steps)
    changing.changed.attach(approval_opening.reopen_steps)
    approvals.settled.attach(notices.tell_settled)
    approvals.refused.attach(notices.tell_refused)
    asking.asked.attach(notices.tell_question)
    asking.answered.attach(notices.tell_answer)
    orders.posted.attach(receiving.send_waiting)
    orders.posted.attach(returns.send_waiting)
    receiving.received.attach(invoices.match)
    requisition_queries.approval_parts.attach(approval_queries.parts_of)
    requisition_queries.expected_approvals.attach(approval_presenters.expected)
    requisition_queries.order_parts.attach(followed.parts_of)
    catalog_queries.stocked_items.attach(kept_items)
    catalog_queries.used_by_month.attach(used_by_month)
    catalog_queries.usage_facts.attach(usage)
    catalog_queries.shelf_facts.attach(last_asked)
    catalog_queries.shelf_facts.attach(inventory_queries.shelf)
    catalog_queries.shelf_facts.attach(in_cart)
    catalog_queries.shelf_facts.attach(followed.on_order)
    budget_queries.outlooks.attach(requisition_outlook.outlooks)
    budget_queries.outlooks.attach(order_outlook.outlooks)
    around.on_order.attach(followed.coming)
    around.recalls.attach(recalled)
    rulebook_trial.weighed_elsewhere.attach(tolerances.weighed)
    rulebook_trial.weighed_elsewhere.attach(confirmed_prices.weighed)
    rulebook_trial.weighed_elsewhere.attach(over_approval.weighed)
    expecting.deliveries.attach(receiving_deliveries.recent)
    comment_subjects.follow(requisition_commented.KIND, requisition_commented.subject)
    comment_subjects.follow(commented.KIND, commented.subject)
    order_page.linked_documents.attach(receiving_queries.linked_to_order)
    order_page.linked_documents.attach(receiving_queries.returns_of_order)
    order_page.linked_documents.attach(invoice_queries.linked_to_order)
