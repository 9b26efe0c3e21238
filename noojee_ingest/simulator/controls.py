"""``/_simulator/``: what no phone system has. JSON; for tests and demos only."""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import AwareDatetime, BaseModel, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .asked import User
from .faults import FaultPlan, Rule
from .figures import Counters, truth, truth_as_json
from .phone_system import PhoneSystem
from .recordings import true_audio


class ClockSetting(BaseModel):
    now: AwareDatetime


class KeySetting(BaseModel):
    key: str | None  # None: no key is good


class UserKeySetting(BaseModel):
    key: str = Field(min_length=1)
    teams: frozenset[str]


def controls(system: PhoneSystem, plan: FaultPlan) -> list[Route]:
    """The routes, below their common prefix:

    ``GET /clock``, ``POST /clock {"now": ISO time with offset}``, ``GET /counters``, ``DELETE /counters``,
    ``GET /truth``, ``GET /audio``, ``GET /rules``, ``POST /rules`` (a ``Rule``), ``DELETE /rules``,
    ``POST /key {"key": text or null}``, ``POST /user-keys {"key": text, "teams": [text]}``.
    What is not understood gets 400 with a text that says why.
    """

    async def get_clock(_: Request) -> Response:
        return JSONResponse({"now": datetime.fromtimestamp(system.clock.now(), UTC).isoformat()})

    async def set_clock(request: Request) -> Response:
        system.clock.set(ClockSetting.model_validate_json(await request.body()).now)
        return await get_clock(request)

    async def get_counters(_: Request) -> Response:
        return JSONResponse(system.counters.as_json())

    async def reset_counters(_: Request) -> Response:
        system.counters = Counters()
        return JSONResponse({})

    async def get_truth(_: Request) -> Response:
        return JSONResponse(truth_as_json(truth(system.world, system.clock.now())))

    async def get_audio(_: Request) -> Response:
        return JSONResponse(true_audio(system))

    async def get_rules(_: Request) -> Response:
        return JSONResponse(plan.told())

    async def add_rule(request: Request) -> Response:
        plan.add(Rule.model_validate_json(await request.body()))
        return JSONResponse({}, 201)

    async def clear_rules(_: Request) -> Response:
        plan.clear()
        return JSONResponse({})

    async def set_key(request: Request) -> Response:
        system.keys.key = KeySetting.model_validate_json(await request.body()).key
        return JSONResponse({})

    async def set_user_key(request: Request) -> Response:
        setting = UserKeySetting.model_validate_json(await request.body())
        system.keys.users[setting.key] = User(setting.teams)
        return JSONResponse({})

    return [
        Route("/clock", get_clock, methods=["GET"]),
        Route("/clock", set_clock, methods=["POST"]),
        Route("/counters", get_counters, methods=["GET"]),
        Route("/counters", reset_counters, methods=["DELETE"]),
        Route("/truth", get_truth, methods=["GET"]),
        Route("/audio", get_audio, methods=["GET"]),
        Route("/rules", get_rules, methods=["GET"]),
        Route("/rules", add_rule, methods=["POST"]),
        Route("/rules", clear_rules, methods=["DELETE"]),
        Route("/key", set_key, methods=["POST"]),
        Route("/user-keys", set_user_key, methods=["POST"]),
    ]


async def explain(_: Request, error: Exception) -> Response:
    """400 for what ``controls`` could not understand; the key is never repeated."""
    problems = error.errors(include_input=False, include_url=False) if isinstance(error, ValidationError) else []
    return Response("; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in problems), 400)
