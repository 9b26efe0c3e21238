"""Values as the cells of a CSV file that a person opens in a spreadsheet: text from the wire does nothing there."""

from __future__ import annotations

import json
import re
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from noojee_ingest.journal.lines import instant_text

FORMULA = re.compile(r"[=+\-@\t\r]")
"""How a text begins that a spreadsheet would calculate."""
HARMLESS = re.compile(r"[+-]?[0-9 ()./,-]*")
"""A number in any spelling: nothing that names a cell or calls a function."""
CONTROL = re.compile(r"[^\t\r\n\x20-\x7e\xa0-\U0010ffff]")


def cell(value: Any) -> Any:
    """Instants (aware) in UTC, lists, maps and truth values as JSON, decimal numbers to their last digit.

    A text that a spreadsheet would take for a formula gets an apostrophe in front, and control characters are written
    out.
    """
    match value:
        case str():
            calculated = FORMULA.match(value) and not HARMLESS.fullmatch(value)
            return ("'" if calculated else "") + CONTROL.sub(lambda found: ascii(found[0])[1:-1], value)
        case bool() | dict() | list() | tuple():
            text = json.dumps(value, ensure_ascii=False)
            return CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
        case datetime():
            return instant_text(value)
        case date():
            return value.isoformat()
        case Decimal():
            return f"{value:f}"
    return value
