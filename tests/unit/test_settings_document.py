"""docs/settings.md against the settings."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from types import NoneType
from typing import Any, get_args

from pydantic import BaseModel, TypeAdapter

from noojee_ingest.settings import PREFIX, Settings, default_config
from noojee_ingest.settings_store import RootPlace, S3Store
from tests.unit.settings_told import smallest

DOC = default_config().parents[1] / "docs" / "settings.md"

RULES = {"without_recording", "evidence_first"}
"""Lists of tables."""


class TestTheDocument:
    """``docs/settings.md`` has a row for every key of the tree, with its default and its variable, and no other."""

    @staticmethod
    def rows() -> dict[str, tuple[str, str]]:
        """Key to default and variable, as the document has them."""
        cells = [line.strip("|").split("|") for line in DOC.read_text().splitlines() if line.startswith("| `")]
        return {row[0].strip(" `"): (row[3].strip(), row[4].strip(" `")) for row in cells}

    @staticmethod
    def keys(table: type[BaseModel], values: BaseModel, path: str = "") -> Iterator[tuple[str, Any, Any, bool]]:
        """Each key's path, type and default, and whether it is required."""
        for name, field in table.model_fields.items():
            value = getattr(values, name)
            if name == "store":
                yield from TestTheDocument.keys(type(value), value, "store.")
                buckets = S3Store(kind="s3", bucket="calls")
                yield from (key for key in TestTheDocument.keys(S3Store, buckets, "store.") if key[0] != "store.kind")
            elif name == "bucket" and isinstance(values, S3Store):
                yield f"{path}{name}", field, "", False
            elif name == "roots":
                yield from TestTheDocument.keys(RootPlace, RootPlace(), f"{path}roots.<root>.")
            elif isinstance(value, BaseModel) and NoneType not in get_args(field.annotation):
                yield from TestTheDocument.keys(type(value), value, f"{path}{name}.")
            elif name == "sites":
                yield from TestTheDocument.keys(type(value["demo"]), value["demo"], "sites.<slug>.")
            else:
                required = field.is_required() and path.startswith("sites.")  # other places have one inside ``data``
                yield (
                    f"{path}{name}",
                    field,
                    field.get_default() if {name, *path.split(".")} & RULES else value,
                    required,
                )
                inner = value[0] if name in RULES else value
                if isinstance(inner, BaseModel):
                    yield from TestTheDocument.keys(type(inner), inner, f"{path}{name}.")

    def test_has_every_key_and_no_other(self) -> None:
        assert self.rows().keys() == {path for path, *_ in self.keys(Settings, smallest())}

    def test_has_every_default(self) -> None:
        rows = self.rows()
        for path, field, default, required in self.keys(Settings, smallest()):
            told = rows[path][0]
            if required or default is None or isinstance(default, BaseModel):
                assert (path, told) == (path, "required" if required else "none")
            else:
                value = tomllib.loads(f"x = {told.strip('`')}")["x"]
                assert (path, TypeAdapter(field.annotation).validate_python(value)) == (path, default)

    def test_has_every_variable(self) -> None:
        for path, (_, variable) in self.rows().items():
            of_rule = any(f".{name}." in path for name in RULES)
            expected = "" if of_rule else PREFIX + path.upper().replace(".", "__")
            assert variable == expected

    def test_and_the_embedded_default_name_no_variable_that_does_not_exist(self) -> None:
        known = {variable for _, variable in self.rows().values()} | {"NOOJEE_INGEST_CONFIG"}
        examples = {"NOOJEE_INGEST_SECTION__KEY"}
        text = DOC.read_text() + default_config().read_text()
        for name in set(re.findall(r"NOOJEE_INGEST_[A-Z0-9_<>]*[A-Z0-9>]", text)) - examples:
            of_any_root = re.sub(r"ROOTS__(?!<)[A-Z]+", "ROOTS__<ROOT>", name)
            assert re.sub(r"SITES__(?!<)[A-Z0-9_]+?__(?=[A-Z])", "SITES__<SLUG>__", of_any_root) in known
