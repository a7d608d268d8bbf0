"""Puts answers on the wire with aiohttp: whole, or with a fault in them."""

import socket
import struct
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from email.utils import formatdate
from http import HTTPStatus

from aiohttp import web

from osfsync.simulator.answers import Answer
from osfsync.simulator.faults import Cut, Drip, Framing, Tear

_SMALL = 1_000_000
_SLICE = 256_000
_TICK = 0.05  # seconds between two drops of a dripping body


async def send(request: web.BaseRequest, answer: Answer) -> web.StreamResponse:
    """Send an answer and wait until all of it is handed to the connection.

    Raises ConnectionError where the other side went away before that.
    """
    body = answer.body
    if isinstance(body, bytes) and len(body) <= _SMALL:
        response = web.Response(
            status=answer.status, body=body, headers=answer.headers, content_type=answer.content_type
        )
        await response.prepare(request)
        await response.write_eof()
        return response
    streamed = _stream(answer)
    await streamed.prepare(request)
    if isinstance(body, bytes):
        view = memoryview(body)
        for start in range(0, len(view), _SLICE):
            await streamed.write(view[start : start + _SLICE])
    else:
        for piece in body:
            await streamed.write(piece)
    await streamed.write_eof()
    return streamed


def _stream(answer: Answer) -> web.StreamResponse:
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    response.content_type = answer.content_type
    if isinstance(answer.body, bytes):
        response.content_length = len(answer.body)
    return response


def abort(request: web.BaseRequest) -> web.StreamResponse:
    """Reset the connection at once (RST, not FIN); unsent bytes are dropped."""
    transport = request.transport
    if transport is not None and not transport.is_closing():
        linger = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        transport.abort()
    return web.Response()


def cut(request: web.BaseRequest, answer: Answer, fault: Cut) -> web.StreamResponse:
    """Send the head and the first bytes of the body, then close the connection in good order.

    Written past aiohttp, which rightly refuses to send a body of another length than announced.
    """
    body = answer.joined()
    part = body[: fault.after]
    framing = _framing(fault.framing, len(body))
    if fault.framing is Framing.CHUNKED and part:
        part = b"%x\r\n%b\r\n" % (len(part), part)
    transport = request.transport
    if transport is not None:
        transport.write(_head(answer, framing) + part)
        transport.close()
    return web.Response()


def _framing(framing: Framing, length: int) -> str:
    match framing:
        case Framing.LENGTH:
            return f"Content-Length: {length}"
        case Framing.CHUNKED:
            return "Transfer-Encoding: chunked"
        case Framing.CLOSE:
            return "Connection: close"


async def tear(
    request: web.BaseRequest, answer: Answer, fault: Tear, pause: Callable[[float], Awaitable[None]]
) -> web.StreamResponse:
    """Send the head and the first bytes of the body, then reset the connection."""
    body = answer.joined()
    transport = request.transport
    if transport is not None:
        transport.write(_head(answer, _framing(Framing.LENGTH, len(body))) + body[: fault.after])
        await pause(_TICK)  # else the reset overtakes the bytes
        while transport.get_write_buffer_size() and not transport.is_closing():
            await pause(_TICK)
    return abort(request)


def _head(answer: Answer, framing: str) -> bytes:
    lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in answer.headers.items()]
    lines += [f"Content-Type: {answer.content_type}", f"Date: {formatdate(usegmt=True)}", framing, "", ""]
    return "\r\n".join(lines).encode()


async def drip(
    request: web.BaseRequest, answer: Answer, fault: Drip, pause: Callable[[float], Awaitable[None]]
) -> web.StreamResponse:
    """Send the body at a rate: a twentieth of a second's worth at a time, but never less than a byte."""
    whole = replace(answer, body=answer.joined())
    view = memoryview(whole.joined())
    size = max(int(fault.bytes_per_second * _TICK), 1)
    transport = request.transport
    if fault.head and transport is not None:
        view = memoryview(_head(whole, _framing(Framing.LENGTH, len(view))) + view)
        for start in range(0, len(view), size):
            piece = view[start : start + size]
            await pause(len(piece) / fault.bytes_per_second)
            transport.write(piece)
        transport.close()
        return web.Response()
    response = _stream(whole)
    await response.prepare(request)
    for start in range(0, len(view), size):
        piece = view[start : start + size]
        await pause(len(piece) / fault.bytes_per_second)
        await response.write(piece)
    await response.write_eof()
    return response
