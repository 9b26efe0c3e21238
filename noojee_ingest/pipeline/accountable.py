"""Who does something with the archive says why, and who they are."""

from __future__ import annotations

from noojee_ingest.catalogue.terms import BadSearch, is_text


def accountable(act: str, *, reason: str, name: str) -> tuple[str, str]:
    """Reason and name as they are journalled. ``act``: what is done, as in "a decision". Raises BadSearch."""
    for what, text in (("reason", reason), ("name", name)):
        if not text.strip() or not is_text(text):
            raise BadSearch(f"{act} needs a {what}, in readable text")
    return reason.strip(), name.strip()
