"""ERP systems behind one contract."""
