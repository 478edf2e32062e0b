"""Supplier invoices and their match with orders and receipts."""
