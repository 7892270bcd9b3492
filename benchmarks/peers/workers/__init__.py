"""One script a peer, each run in the peer's own environment as ``python -m workers.NAME``; they need no empnet."""
