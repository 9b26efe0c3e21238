"""The doctor's round: the line, the key, the lists, the recordings; then store, catalogue and room."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.errors import CatalogueError
from noojee_ingest.noojee import (
    CONTRACT,
    AuthenticationMethod,
    Interrupted,
    LocalLimiter,
    Misconfigured,
    Named,
    contract_from,
)
from noojee_ingest.pipeline.doctor.access import API_KEY, KEY, examine_clock, examine_key
from noojee_ingest.pipeline.doctor.asking import Asking
from noojee_ingest.pipeline.doctor.audio import AUDIO, examine_audio
from noojee_ingest.pipeline.doctor.catalogue import examine_catalogue, known_before
from noojee_ingest.pipeline.doctor.conclusion import conclude
from noojee_ingest.pipeline.doctor.legs import BY_HOUR, BY_UNIQUE_ID, examine_hours, examine_meta_data
from noojee_ingest.pipeline.doctor.line import SECURE, Line, examine_line
from noojee_ingest.pipeline.doctor.lists import RECORDS, examine_lists
from noojee_ingest.pipeline.doctor.report import Check, Examination, Result, Told
from noojee_ingest.pipeline.doctor.room import examine_room, size_of_a_night
from noojee_ingest.pipeline.doctor.store import examine_store
from noojee_ingest.pipeline.phone import of_site, phone_system
from noojee_ingest.settings import Settings
from noojee_ingest.settings_problems import SettingsError
from noojee_ingest.simulator import SimulatorError

BUDGET, CONTRACT_LINES = "site budget", "contract"
OF_THE_PHONE_SYSTEM = (KEY, RECORDS, BY_HOUR, BY_UNIQUE_ID, AUDIO)


def examine(
    settings: Settings, slug: str, *, store: bool, stop: threading.Event, told: Told = lambda _: None
) -> Examination:
    """Ask a site's phone system, and with ``store`` the store and the catalogue, whether the archive can live on them.

    Nothing is changed on the phone system. Requests go one after the other through the site budget; the by-hour list
    may wait a minute for its turn. A check that fails never stops those that can still be made. With ``store``, scratch
    keys come and go, and a catalogue is made where there is neither one nor a journal, as the first night would.

    :param told: hears every check as it is made, and a sentence before what takes long
    :raises NoSuchSite: nothing was asked
    :raises Interrupted: ``stop`` was set
    """
    of_site(settings, slug)
    found = Examination(slug)

    def note(checks: Iterator[Check]) -> None:
        for check in checks:
            found.checks.append(check)
            told(check)
            if stop.is_set():
                raise Interrupted("stopped while the doctor was asking")

    with known_before(settings) as catalogue:
        night = size_of_a_night(catalogue, slug)
        try:
            note(_Round(settings, slug, found, catalogue, told).checks(stop))
        except CatalogueError as error:  # of the site budget, at its end
            note(iter([Check(BUDGET, Result.FAILED, str(error))]))
    if store:
        note(examine_store(settings, stop))
        note(examine_catalogue(settings))
        note(examine_room(settings, night))
    conclude(found)
    return found


@dataclass
class _Round:
    """What concerns the phone system. ``catalogue``: what is known from before, if anything."""

    settings: Settings
    slug: str
    found: Examination
    catalogue: Catalogue | None
    told: Told

    def checks(self, stop: threading.Event) -> Iterator[Check]:
        with ExitStack() as stack:
            try:
                phone = stack.enter_context(phone_system(self.settings, self.slug))
            except (SettingsError, SimulatorError) as error:
                yield Check(API_KEY, Result.FAILED, str(error))
                yield from _skipped(OF_THE_PHONE_SYSTEM, "there is no key to ask with")
                return
            site = phone.site
            line = Line(phone.url, site.ca_bundle, site.connect_timeout_seconds, site.read_timeout_seconds)
            yield from examine_line(line)
            if not line.is_there:
                insecure = self.found.of(SECURE) is Result.FAILED
                why = "there is no secure connection" if insecure else "the phone system cannot be reached"
                yield from _skipped(OF_THE_PHONE_SYSTEM, why)
                return
            method = AuthenticationMethod(site.authentication)
            asking = Asking(phone, LocalLimiter(1, stop=stop), stop, CONTRACT, method)
            try:
                asking.limiter = stack.enter_context(phone.budget(self.settings, stop, told=self.told))
                asking.may_ask_hours = True
            except CatalogueError as error:
                yield Check(BUDGET, Result.FAILED, str(error), "The doctor goes on with one request at a time.")
            try:
                asking.contract = contract_from(site.contract)
            except Misconfigured as error:
                yield Check(CONTRACT_LINES, Result.FAILED, str(error), "The doctor goes on without it.")
            try:
                yield from self._conversation(asking, line)
            finally:
                self.found.requests = asking.requests
            self.found.toml = asking.corrections.toml(self.slug, asking.contract)

    def _conversation(self, asking: Asking, line: Line) -> Iterator[Check]:
        variants, tolerance = self.found.variants, self.settings.archive.duration_tolerance_seconds
        templates: list[Named] = []
        yield from examine_key(asking, templates)
        yield from examine_clock(asking, line)
        if not asking.is_let_in:
            yield from _skipped(OF_THE_PHONE_SYSTEM[1:], "the key is not accepted")
            return
        yield from examine_lists(asking, templates, self.catalogue)
        yield from examine_hours(asking, self.told, variants)
        yield from examine_meta_data(asking, variants)
        yield from examine_audio(asking, tolerance, self.told, variants)


def _skipped(names: tuple[str, ...], why: str) -> Iterator[Check]:
    return (Check(name, Result.SKIPPED, why) for name in names)
