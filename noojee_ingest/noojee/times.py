"""The phone system's dates: five forms in, two out (reference, section 6, quirk 6).

=================================  ===================================================  ============================
form                               where                                                zone
=================================  ===================================================  ============================
``2019-03-04 09:15:00.0``          Start, by tag and by unique id [doc]                 none: the site's [inferred]
``Mon Mar 04 09:15:00 AEDT 2019``  Start and callend, by hour [doc]                     its abbreviation
``2019/03/04 09:15:00``            callStartTime [doc], njCallDate [customer]           none: the site's [inferred]
``2019/03/04 09:15``               njCallBackDate, backups [doc] [client]               none: the site's
``1551651300123``                  Time: milliseconds since the epoch [doc]             UTC
=================================  ===================================================  ============================

Reading does not depend on the machine's locale or zone. An abbreviation is looked up in :data:`OFFSETS`; one that is
not there is taken if the site's own zone uses it at that local time (``NZDT`` in Auckland), else the text is
unreadable. The name of the weekday is not checked. Years from 1970 to 2999 are read, others are nonsense here.

A zone-less time in the hour that happens twice gets the earlier instant and the mark ``TWICE``; one in the hour that
never happens is read with the offset before the change and marked ``NEVER``.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from noojee_ingest.model import TimeMark, WireTime
from noojee_ingest.noojee.wire import safe

#: Minutes east of UTC by abbreviation: all that Australia and its territories use, and what a server on UTC writes.
OFFSETS = {
    "UTC": 0,
    "GMT": 0,
    "Z": 0,
    "AEST": 600,  # eastern
    "AEDT": 660,
    "ACST": 570,  # central
    "ACDT": 630,
    "AWST": 480,  # western
    "AWDT": 540,  # until 2009
    "ACWST": 525,  # Eucla
    "ACWDT": 585,  # until 2009
    "LHST": 630,  # Lord Howe: daylight saving of half an hour
    "LHDT": 660,
    "NFT": 660,  # Norfolk
    "NFST": 660,
    "NFDT": 720,
    "CXT": 420,  # Christmas Island
    "CCT": 390,  # Cocos (Keeling)
    "MIST": 660,  # Macquarie, until 2010
    "MAWT": 300,  # Antarctic stations
    "DAVT": 420,
    "CAST": 480,
}

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAY_NAMES = "Mon|Tue|Wed|Thu|Fri|Sat|Sun"

_NUMERIC = re.compile(
    r"(?P<year>\d{4})(?P<dash>[-/])(?P<month>\d{1,2})(?P=dash)(?P<day>\d{1,2}) "
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.(?P<fraction>\d{1,9}))?)?",
    re.ASCII,
)
_JAVA = re.compile(
    rf"(?:{_DAY_NAMES}) (?P<month>{'|'.join(_MONTHS)}) (?P<day>\d{{1,2}}) "
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2}):(?P<second>\d{2}) "
    r"(?P<zone>[A-Z]{1,5})(?P<offset>[+-]\d{2}:\d{2})? (?P<year>\d{4})",
    re.ASCII,
)
_MILLISECONDS = re.compile(r"\d{12,14}", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_time(text: str, zone: ZoneInfo) -> WireTime:
    """A time from the wire in any of the forms above. Never raises: what names no instant is ``UNREADABLE``.

    :param text: as it came; blanks around it are ignored but kept in the result
    :param zone: the site's, for forms without a zone
    """
    kept = safe(text)
    trimmed = text.strip()
    if not trimmed:
        return WireTime(kept)
    try:
        instant, mark = _instant(trimmed, zone)
    except (ValueError, OverflowError):
        return WireTime(kept, mark=TimeMark.UNREADABLE)
    return WireTime(kept, instant, mark)


def write_date(day: date) -> str:
    """``yyyy/MM/dd``, as the by-hour list takes its ``date`` (reference, 9.4 [doc])."""
    return f"{day.year:04}/{day.month:02}/{day.day:02}"


def write_minute(local: datetime) -> str:
    """``yyyy/MM/dd HH:mm``, as lead calls take a callback (reference, 23.0 [doc]); seconds are left out."""
    return f"{write_date(local.date())} {local.hour:02}:{local.minute:02}"


def _instant(text: str, zone: ZoneInfo) -> tuple[datetime, TimeMark]:
    if found := _NUMERIC.fullmatch(text):
        fraction = (found["fraction"] or "").ljust(6, "0")[:6]
        local = _local(found, int(found["month"])).replace(microsecond=int(fraction))
        return _at_site(local, zone)
    if found := _JAVA.fullmatch(text):
        local = _local(found, _MONTHS.index(found["month"]) + 1)
        return local.replace(tzinfo=_named_zone(found, local, zone)).astimezone(UTC), TimeMark.CLEAR
    if _MILLISECONDS.fullmatch(text):
        return _sensible(_EPOCH + timedelta(milliseconds=int(text))), TimeMark.CLEAR
    raise ValueError("no known form")


def _local(found: re.Match[str], month: int) -> datetime:
    day, hour, minute, second = (int(found[name] or 0) for name in ("day", "hour", "minute", "second"))
    return _sensible(datetime(int(found["year"]), month, day, hour, minute, second))  # noqa: DTZ001 - zone is next


def _sensible(time: datetime) -> datetime:
    if not 1970 <= time.year <= 2999:
        raise ValueError("no year in which a call was recorded")
    return time


def _at_site(local: datetime, zone: ZoneInfo) -> tuple[datetime, TimeMark]:
    before = local.replace(tzinfo=zone, fold=0)
    first, second = before.utcoffset(), before.replace(fold=1).utcoffset()
    if first is None or second is None or first == second:
        mark = TimeMark.CLEAR
    else:
        mark = TimeMark.TWICE if first > second else TimeMark.NEVER
    return before.astimezone(UTC), mark


def _named_zone(found: re.Match[str], local: datetime, zone: ZoneInfo) -> tzinfo:
    name, offset = found["zone"], found["offset"]
    if offset and name in ("GMT", "UTC"):
        hours, minutes = offset[1:].split(":")
        east = timedelta(hours=int(hours), minutes=int(minutes))
        return timezone(-east if offset[0] == "-" else east)
    if not offset and name in OFFSETS:
        return timezone(timedelta(minutes=OFFSETS[name]))
    for fold in (0, 1):
        there = local.replace(tzinfo=zone, fold=fold)
        utcoffset = there.utcoffset()
        if not offset and there.tzname() == name and utcoffset is not None:
            return timezone(utcoffset)
    raise ValueError("an abbreviation that names no zone")
