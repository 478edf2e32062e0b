"""Prometheus metrics of web, jobs and partner calls."""

from prometheus_client import Counter, Histogram

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

request_seconds = Histogram(
    "portal_request_seconds", "Time to answer a page", ["endpoint", "status"], buckets=BUCKETS
)
job_seconds = Histogram("portal_job_seconds", "Time a job takes", ["job"], buckets=BUCKETS)
delivery_seconds = Histogram(
    "portal_delivery_seconds", "Time of one delivery attempt", ["partner", "outcome"], buckets=BUCKETS
)
inbound_documents = Counter("portal_inbound_documents_total", "Documents received", ["kind", "outcome"])
sign_ins = Counter("portal_sign_ins_total", "Sign-in attempts", ["outcome"])
