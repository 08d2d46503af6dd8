"""Servers that stand in for the outside world: real sockets, real rules, nothing patched."""
