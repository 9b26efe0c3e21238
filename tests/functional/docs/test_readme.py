"""The README shows what a person really gets."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text()


def without_seconds(text: str) -> list[str]:
    """Lines without what differs from run to run: durations, and how the program was called."""
    text = re.sub(r"bound the run: .*", "bound the run: ...", text)
    text = re.sub(r"in \d+\.\d s\.", "in N s.", text)
    text = re.sub(r"\S*noojee-ingest ", "noojee-ingest ", text)
    return [line.rstrip() for line in text.strip().splitlines()]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A folder in which the demo's night was archived, with the program where the README has it; and that run."""
    folder = tmp_path_factory.mktemp("demo")
    programs = folder / ".venv" / "bin"
    programs.parent.mkdir()
    programs.symlink_to(Path(sys.executable).parent)
    run = [programs / "noojee-ingest", "nightly"]
    return folder, subprocess.run(run, cwd=folder, capture_output=True, text=True, timeout=240, check=False)


def test_the_output_in_the_readme_is_that_of_the_demo(demo: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    _, run = demo
    assert run.returncode == 3, run.stderr
    (shown,) = re.findall(r"```text\n(demo: .*?)```", README, re.DOTALL)
    assert without_seconds(run.stdout) == without_seconds(shown)


def test_what_the_readme_asks_of_the_archive_is_answered(demo: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    (asked,) = re.findall(r"## Ask what it keeps\n\n```sh\n(.*?)```", README, re.DOTALL)
    said = subprocess.run(
        ["/bin/sh", "-euc", asked], cwd=demo[0], capture_output=True, text=True, timeout=120, check=False
    )
    assert (said.returncode, said.stderr) == (0, "")
    assert "0355503155" in said.stdout
    assert re.search(r"2026-03-10 +661 +[23]\.\d+", said.stdout)


def test_the_commands_in_the_readme_are_targets_of_the_makefile_and_run_by_ci() -> None:
    commands = re.findall(r"^\$ (make \w+)$", README, re.MULTILINE)
    assert commands == ["make run", "make test"]
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    ci = (ROOT / ".ci" / "run").read_text().splitlines()
    for command in [*commands, "make lint"]:
        assert command.removeprefix("make ") in targets
        assert command in ci


def test_the_pages_that_the_readme_names_exist() -> None:
    for name in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / name).exists(), name
