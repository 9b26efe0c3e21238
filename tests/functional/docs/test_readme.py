"""The README shows what a person really gets."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text()


def without_seconds(text: str) -> list[str]:
    """Lines without what differs from run to run: durations, and how the program was called."""
    text = re.sub(r"bound the run: .*", "bound the run: ...", text)
    text = re.sub(r"in \d+\.\d s\.", "in N s.", text)
    text = re.sub(r"\S*noojee-ingest ", "noojee-ingest ", text)
    return [line.rstrip() for line in text.strip().splitlines()]


def test_the_output_in_the_readme_is_that_of_the_demo(tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("noojee-ingest")
    run = subprocess.run([program, "nightly"], cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False)
    assert run.returncode == 3, run.stderr
    (shown,) = re.findall(r"```text\n(demo: .*?)```", README, re.DOTALL)
    assert without_seconds(run.stdout) == without_seconds(shown)


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
