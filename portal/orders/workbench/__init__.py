"""The buyer's workbench: approved lines that cannot go by themselves."""
