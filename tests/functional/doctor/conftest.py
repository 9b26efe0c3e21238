"""A phone system of the test's own, a configuration in a file, and the doctor."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from noojee_ingest import model, simulator
from noojee_ingest.noojee import Noojee, Patience
from noojee_ingest.pipeline import budget as site_budget
from noojee_ingest.pipeline import phone as pipeline_phone
from noojee_ingest.pipeline.doctor import Check, Examination, examine
from noojee_ingest.pipeline.night import NIGHTLY, run_night
from noojee_ingest.pipeline.phone import clock_from
from noojee_ingest.pipeline.poll import run_poll
from noojee_ingest.pipeline.report import NightReport
from noojee_ingest.pipeline.work import open_work
from noojee_ingest.settings import Settings, load
from tests.functional.conftest import KEY
from tests.functional.pipeline.conftest import CONFIG, NOW

HEAD = "[sites.here]\n"


@dataclass
class Surgery:
    """``told``: what the doctor said on the way, of the last examination."""

    simulator: simulator.RunningSimulator
    folder: Path
    key: str = KEY
    environ: dict[str, str] = field(default_factory=dict)
    told: list[Check | str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir()
        self.config.write_text(CONFIG.format(folder=self.folder / "data", url=self.simulator.url))

    @property
    def config(self) -> Path:
        return self.folder / "config.toml"

    def settings(self, **environ: Any) -> Settings:
        variables = {"SITES__HERE__API_KEY": self.key, **self.environ, **environ}
        return load(self.config, {f"NOOJEE_INGEST_{name}": str(value) for name, value in variables.items() if value})

    def examine(self, *, store: bool = False, stop: threading.Event | None = None, **environ: Any) -> Examination:
        self.told = []
        settings = self.settings(**environ)
        return examine(settings, "here", store=store, stop=stop or threading.Event(), told=self.told.append)

    def configure(self, toml: str) -> None:
        """Put it into the file as a person does: keys into the table that is there, new tables at the end."""
        lines = [line for line in toml.splitlines() if not line.startswith("#")]
        text = self.config.read_text()
        assert text.count(HEAD) == 1
        if lines and lines[0] == HEAD.strip():
            end = lines.index("") if "" in lines else len(lines)
            text = text.replace(HEAD, HEAD + "\n".join(lines[1:end]) + "\n")
            lines = lines[end:]
        self.config.write_text(text + "\n" + "\n".join(lines) + "\n")

    def night(self) -> NightReport:
        with open_work(self.settings(), "here", actor=NIGHTLY, stop=threading.Event()) as work:
            return run_night(work)

    def poll(self) -> None:
        with open_work(self.settings(), "here", actor="poll", stop=threading.Event(), small=True) as work:
            assert run_poll(work).exit_code == 0

    def rule(self, endpoint: str, *, times: int | None = None, **answer: Any) -> None:
        told = {"endpoint": endpoint, "times": times, "match": answer.pop("match", {})}
        edit = answer.pop("edit", None)
        told |= {"edit": edit} if edit is not None else {"answer": answer}
        self.simulator.add_rule(simulator.Rule.model_validate(told))


def of(found: Examination, name: str) -> Check:
    """The one check of that name."""
    (check,) = (check for check in found.checks if check.name == name)
    return check


@pytest.fixture
def make_surgery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Surgery]]:
    """``make_surgery(dialect="hash-only", days=1)``: small and sound unless told otherwise. One in a test."""
    monkeypatch.setattr(model, "now_utc", clock_from(NOW))
    monkeypatch.setattr(site_budget, "MARGIN_SECONDS", 0.0)
    monkeypatch.setattr(pipeline_phone, "Noojee", partial(Noojee, patience=Patience(first=0.01, total=1.0)))
    small = {"calls_a_day": 24, "days": 1, "by_hour_interval": 0.0, "now": NOW}
    with ExitStack() as stack:

        def made(**scenario: Any) -> Surgery:
            if "dialect" in scenario:
                scenario["dialect"] = simulator.Dialect(scenario["dialect"])
            wanted = simulator.Scenario.clean(**{**small, **scenario})
            return Surgery(stack.enter_context(simulator.start(wanted, KEY)), tmp_path / "surgery")

        yield made


@pytest.fixture
def surgery(make_surgery: Callable[..., Surgery]) -> Surgery:
    return make_surgery()
