"""Messages in and out: outbox, inbox, delivery, replay, work items. Knows messages, not their meaning."""
