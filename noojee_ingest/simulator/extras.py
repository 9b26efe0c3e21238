"""Time, rosters and health (reference, 01.0, 3.2 and 3.3)."""

from __future__ import annotations

import json
from datetime import timedelta

from . import site, wire
from .asked import Asked, Refusal
from .body import Body
from .phone_system import PhoneSystem
from .reply import Reply
from .wire import Listing


async def server_time(system: PhoneSystem, _asked: Asked) -> Reply:
    """A bare number."""
    return Reply(Body.of(str(system.keys.stamp()).encode()), "text/plain;charset=UTF-8")


def active_rosters(_system: PhoneSystem, asked: Asked) -> Listing:
    """Who is on shift, the spelling of the last key included [client]. That a team is unknown: [unknown]."""
    team = asked.text("teamName")
    if team not in site.TEAMS:
        raise Refusal(Reply(Body.of(wire.failure(-1, f"No team {team}"))))
    on_shift = enumerate(site.TEAMS[team], start=1)
    return Listing(
        [
            {
                "id": agent.extension,
                "login": wire.text(agent.login),
                "extension": wire.text(agent.extension),
                "phoneNumber": wire.text(f"0370100{agent.extension}"),
                "mobileNumber": wire.text(""),
                "email": wire.text(f"agent{agent.extension}@example.com"),
                "statckPostion": str(place),
            }
            for place, agent in on_shift
        ],
        kind="ActiveRoster",
    )


def health(system: PhoneSystem, _asked: Asked) -> Listing:
    """[client]"""
    night = system.world.local(system.clock.now()).replace(hour=2, minute=0) - timedelta(days=1)
    backup = wire.text(f"{night:%Y/%m/%d %H:%M}")
    told = {
        "ioWait": "0.4",
        "loadAverage": "1.27",
        "cpuPercent": "18",
        "cores": str(2 * system.scenario.lead_calls_at_once),
        "memoryAvailableMB": "9120",
        "memoryTotalMB": "16038",
        "freeDiskSpacePercent": "61",
        "threadPoolUsagePercent": "7",
        "schedulerPoolUsagePercent": "3",
        "steal": "0.0",
        "dbPoolSize": "40",
        "dbPoolUsage": "6",
        "lastBackupAttempt": backup,
        "lastBackupSuccess": backup,
        "backupStarting": backup,
        "pingData": json.dumps({"192.0.2.10": 3, "192.0.2.11": 12}),
    }
    return Listing([told])
