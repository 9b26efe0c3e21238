"""What an error of the catalogue says."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from noojee_ingest.catalogue.errors import CatalogueError


def refused(error: type[CatalogueError], act: Callable[[], object]) -> str:
    with pytest.raises(CatalogueError) as raised:
        act()
    assert type(raised.value) is error
    said = str(raised.value)
    assert said == f"{raised.value.doing}: {said.removeprefix(raised.value.doing + ': ')}"
    assert said.endswith(raised.value.hint)
    assert raised.value.hint.endswith(".")
    return said
