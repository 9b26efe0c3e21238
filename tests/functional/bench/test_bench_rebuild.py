"""The measuring of a rebuild at a few legs, so that it cannot rot. No test looks at its clocks."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.rebuild import main


def test_it_tells_a_line_for_each_size_and_leaves_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--legs", "30", "2100", "--runs", "1", "--folder", str(tmp_path)]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["rebuild of 30 legs", "rebuild of 2,100 legs"]
    assert list(tmp_path.iterdir()) == []
