"""Control routes for what changes: leads and calls."""

from __future__ import annotations

from dataclasses import asdict
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .exchange import EXTENSIONS
from .live import Status
from .phone_system import PhoneSystem


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CallIn(_Strict):
    extension: str
    caller_id: str = Field(min_length=1)
    queue: bool = False

    @field_validator("extension")
    @classmethod
    def _known(cls, extension: str) -> str:
        if extension not in EXTENSIONS:
            raise ValueError(f"is none of {', '.join(EXTENSIONS)}")
        return extension


class Move(_Strict):
    status: Status | Literal["On Hold"]


class Sequence(_Strict):
    seq: int = Field(ge=0)


class Editing(_Strict):
    editing: bool


class Number(_Strict):
    number: str = Field(min_length=1)


def live_controls(system: PhoneSystem) -> list[Route]:
    """The routes, below their common prefix:

    ``GET /leads``, ``GET /writes`` (every change made to a lead, in order), ``POST /leads/ID {"editing": bool}`` (a
    person has the lead open, or no longer), ``POST /do-not-call {"number": text}``; ``GET /calls``,
    ``POST /calls {"extension": text, "caller_id": text, "queue": bool}`` (a call comes in and rings until answered),
    ``POST /calls/UNIQUE-ID {"status": a status of subscribe, or "On Hold"}``, ``POST /sequence {"seq": number}`` (as
    after a restart: events are forgotten and counted on from there).
    """

    async def get_leads(_: Request) -> Response:
        return JSONResponse([asdict(lead) for lead in system.leads.everyone()])

    async def get_writes(_: Request) -> Response:
        return JSONResponse([write.as_json() for write in system.leads.writes])

    async def edit_lead(request: Request) -> Response:
        editing = Editing.model_validate_json(await request.body()).editing
        lead = system.leads.with_id(request.path_params["id"])
        if lead is None:
            return Response("there is no such lead", 404)
        lead.editing = editing
        return JSONResponse({})

    async def forbid_number(request: Request) -> Response:
        system.leads.do_not_call.add(Number.model_validate_json(await request.body()).number)
        return JSONResponse({})

    async def get_calls(_: Request) -> Response:
        return JSONResponse([call.told_to_tests() for call in system.exchange.calls])

    async def call_in(request: Request) -> Response:
        asked = CallIn.model_validate_json(await request.body())
        call = system.exchange.call_in(asked.extension, asked.caller_id, queue=asked.queue)
        return JSONResponse({"unique_id": call.unique_id}, 201)

    async def move_call(request: Request) -> Response:
        status = Move.model_validate_json(await request.body()).status
        call = system.exchange.live(request.path_params["id"])
        if call is None:
            return Response("there is no such call", 404)
        if status == "On Hold":
            call.on_hold = True
        elif status is Status.CONNECTED:
            system.exchange.connect(call)
        elif status in (Status.BUSY, Status.NO_ANSWER):
            system.exchange.end(call, status)
        elif status is Status.HUNGUP:
            system.exchange.end(call)
        else:
            system.exchange.move(call, status)
        return JSONResponse({})

    async def set_sequence(request: Request) -> Response:
        system.exchange.start_again(Sequence.model_validate_json(await request.body()).seq)
        return JSONResponse({})

    return [
        Route("/leads", get_leads, methods=["GET"]),
        Route("/leads/{id}", edit_lead, methods=["POST"]),
        Route("/writes", get_writes, methods=["GET"]),
        Route("/do-not-call", forbid_number, methods=["POST"]),
        Route("/calls", get_calls, methods=["GET"]),
        Route("/calls", call_in, methods=["POST"]),
        Route("/calls/{id}", move_call, methods=["POST"]),
        Route("/sequence", set_sequence, methods=["POST"]),
    ]
