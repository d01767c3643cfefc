"""The process behind :class:`tests.peers.linphone.Linphone`: liblinphone, by its C interface.

``linphone_process.py LIBRARY CONFIGURATION plain|cpim``.  Orders are lines of JSON on standard input, events lines of
JSON on standard output; see :mod:`tests.peers.linphone`.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import sys
from typing import Any

TURN = 0.02
"""Seconds between two looks at the network: the library does nothing by itself."""
STATES = {2: "delivered", 3: "not delivered", 6: "delivered to user", 7: "displayed"}
"""Of a message that was sent; the others are on the way to these."""
ALL_BUT_DEBUG = 0x3C
REGISTRATION = {1: "progress", 2: "registered", 3: "cleared", 4: "failed"}

REGISTERED = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 2, ctypes.c_int, ctypes.c_char_p)
RECEIVED = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 3)
COMPOSING = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 2)

P, S, I = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int  # noqa: E741 - as short as the table needs
SIGNATURES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "address_as_string_uri_only": (S, (P,)),
    "chat_message_get_chat_room": (P, (P,)),
    "chat_message_get_error_info": (P, (P,)),
    "chat_message_get_from_address": (P, (P,)),
    "chat_message_get_state": (I, (P,)),
    "chat_message_get_utf8_text": (S, (P,)),
    "chat_message_ref": (P, (P,)),
    "chat_message_send": (None, (P,)),
    "chat_room_allow_cpim": (None, (P,)),
    "chat_room_compose": (None, (P,)),
    "chat_room_create_message_from_utf8": (P, (P, S)),
    "chat_room_get_peer_address": (P, (P,)),
    "chat_room_is_remote_composing": (ctypes.c_ubyte, (P,)),
    "chat_room_mark_as_read": (None, (P,)),
    "core_add_callbacks": (None, (P, P)),
    "core_cbs_set_is_composing_received": (None, (P, COMPOSING)),
    "core_cbs_set_message_received": (None, (P, RECEIVED)),
    "core_cbs_set_registration_state_changed": (None, (P, REGISTERED)),
    "core_get_chat_room_from_uri": (P, (P, S)),
    "core_iterate": (None, (P,)),
    "core_start": (I, (P,)),
    "core_stop": (None, (P,)),
    "error_info_get_phrase": (S, (P,)),
    "error_info_get_protocol_code": (I, (P,)),
    "factory_create_core_3": (P, (P, S, S, P)),
    "factory_create_core_cbs": (P, (P,)),
    "factory_get": (P, ()),
    "factory_set_data_dir": (None, (P, S)),
    "logging_service_get": (P, ()),
    "logging_service_set_log_file": (None, (P, S, S, ctypes.c_size_t)),
    "logging_service_set_log_level_mask": (None, (P, ctypes.c_uint)),
}


class Library:
    """The functions of liblinphone by name, without their common prefix."""

    def __init__(self, path: str) -> None:
        library = ctypes.CDLL(path)
        for name, (result, arguments) in SIGNATURES.items():
            function = getattr(library, f"linphone_{name}")
            function.restype, function.argtypes = result, arguments
            setattr(self, name, function)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)


class Phone:
    """One user agent.

    :param configuration: path of a file in liblinphone's own format.
    :param cpim: wrap all texts.
    """

    def __init__(self, library: Library, configuration: str, cpim: bool) -> None:
        self._library = library
        self._cpim = cpim
        factory = library.factory_get()
        library.factory_set_data_dir(factory, b".")
        self._core = library.factory_create_core_3(factory, configuration.encode(), None, None)
        callbacks = library.factory_create_core_cbs(factory)
        # Kept here, as the library does not keep them from being collected.
        self._callbacks = (REGISTERED(self._registered), RECEIVED(self._received), COMPOSING(self._composing))
        library.core_cbs_set_registration_state_changed(callbacks, self._callbacks[0])
        library.core_cbs_set_message_received(callbacks, self._callbacks[1])
        library.core_cbs_set_is_composing_received(callbacks, self._callbacks[2])
        library.core_add_callbacks(self._core, callbacks)
        self._sent: list[tuple[int, int]] = []
        """Numbers of orders and the messages that they sent."""
        self._states: dict[int, str] = {}
        self._unread: list[int] = []
        """Rooms."""
        library.core_start(self._core)

    def turn(self) -> None:
        """Let the library work."""
        while self._unread:
            self._library.chat_room_mark_as_read(self._unread.pop())
        self._library.core_iterate(self._core)
        for number, message in self._sent:
            state = STATES.get(self._library.chat_message_get_state(message))
            if state is not None and state != self._states.get(number):
                self._states[number] = state
                self._became(number, message, state)

    def order(self, order: dict[str, Any]) -> None:
        """Carry out one order."""
        room = self._library.core_get_chat_room_from_uri(self._core, order["to"].encode())
        if order["do"] == "compose":
            self._library.chat_room_compose(room)
            return
        if self._cpim:
            self._library.chat_room_allow_cpim(room)
        message = self._library.chat_room_create_message_from_utf8(room, order["text"].encode())
        self._sent.append((order["number"], self._library.chat_message_ref(message)))
        self._library.chat_message_send(message)

    def stop(self) -> None:
        """Unregister and end."""
        self._library.core_stop(self._core)

    def _became(self, number: int, message: int, state: str) -> None:
        error = self._library.chat_message_get_error_info(message)
        phrase = self._library.error_info_get_phrase(error) or b""
        tell("state", number=number, state=state, code=self._library.error_info_get_protocol_code(error),
             phrase=phrase.decode("utf-8", "replace"))

    def _registered(self, core: int, proxy: int, state: int, text: bytes) -> None:
        tell(REGISTRATION.get(state, "other"), why=text.decode("utf-8", "replace"))

    def _received(self, core: int, room: int, message: int) -> None:
        sender = self._library.chat_message_get_from_address(message)
        text = self._library.chat_message_get_utf8_text(message) or b""
        tell("message", **{"from": self._library.address_as_string_uri_only(sender).decode()},
             text=text.decode("utf-8", "replace"))
        # As somebody reads it who had to open the conversation first: with one already on the screen,
        # the library says that the text was displayed, and no more that it was delivered.
        self._unread.append(room)

    def _composing(self, core: int, room: int) -> None:
        peer = self._library.address_as_string_uri_only(self._library.chat_room_get_peer_address(room))
        tell("composing", **{"from": peer.decode()}, active=bool(self._library.chat_room_is_remote_composing(room)))


def tell(event: str, **details: Any) -> None:
    print(json.dumps({"event": event, **details}), flush=True)


def main() -> None:
    path, configuration, cpim = sys.argv[1:]
    library = Library(path)
    log = library.logging_service_get()
    library.logging_service_set_log_level_mask(log, ALL_BUT_DEBUG)
    library.logging_service_set_log_file(log, b".", b"linphone.sip.log", 1 << 26)
    phone = Phone(library, configuration, cpim == "cpim")
    ended: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: ended.append(number))
    rest = b""
    while not ended:
        phone.turn()
        if not select.select([0], [], [], TURN)[0]:
            continue
        octets = os.read(0, 65_536)
        if not octets:
            break
        *lines, rest = (rest + octets).split(b"\n")
        for line in lines:
            phone.order(json.loads(line))
    phone.stop()


if __name__ == "__main__":
    main()
