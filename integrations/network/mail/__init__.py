"""Orders by e-mail, for suppliers without a network."""

from integrations.network.mail.adapter import MailedOrders

__all__ = ["MailedOrders"]
