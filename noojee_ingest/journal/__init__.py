"""The archive's record: what happened, in immutable segments, and what follows from it."""
