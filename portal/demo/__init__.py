"""The demo organizations: master data as CSV files, loaded by `portal seed`."""
