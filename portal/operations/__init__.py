"""The pages over messages, work items, partners, traces and the audit trail."""
