"""The clinic supply portal; importing any module of it builds nothing."""
