"""Cases of raw.py: peers of PLAIN, as server and as client (security.md 3)."""

from cases import bound, case, close_all, connected, expect_no_return
from raw_curve import HANDLER, UNEXPECTED, UNSPECIFIED, MALFORMED, METADATA, ERROR, AS_PULL, AS_PUSH, end_as, is_right
from zmtp import AUTH, DISCONNECTED, PROTOCOL, PULL, PUSH, REP, SUCCEEDED, command, frame, greeting, own_ready, properties

BAD_HELLO, BAD_WELCOME = 0x10000013, 0x10000017
HELLO = command(b"HELLO", b"\x05admin\x04pass")
WELCOME, INITIATE, READY = command(b"WELCOME"), command(b"INITIATE", AS_PUSH), command(b"READY", AS_PULL)


class Attacked:
    """A server with a handler, and a peer that has exchanged greetings with it."""

    def __init__(self, library):
        self.library = library.another()
        self.handler = bound(self.library, REP, HANDLER)
        self.end = bound(self.library, PULL, PLAIN_SERVER=1, HANDSHAKE_IVL=2000)
        self.wire = self.end.wire()
        self.wire.send(greeting(mechanism=b"PLAIN"))
        self.wire.expect(greeting(mechanism=b"PLAIN"), "greeting")

    def answer(self, status=b"200"):
        request = self.handler.receive()
        self.handler.send(b"1.0", b"1", status, b"", b"", b"")
        return request

    def exchange_hello(self):
        self.wire.send(HELLO)
        self.answer()
        self.wire.expect(WELCOME, "WELCOME")

    def ends(self, what, wanted):
        end_as(self.end, self.wire, None, what, wanted)
        self.handler.close()
        self.library.end()

    def close(self):
        close_all(self.end, self.wire, None)
        self.handler.close()
        self.library.end()


def visited(library):
    """A client, and the server that it has exchanged greetings with."""
    client, wire, place = connected(library, PUSH, PLAIN_USERNAME=b"admin", PLAIN_PASSWORD=b"pass")
    wire.send(greeting(mechanism=b"PLAIN"))
    wire.expect(greeting(mechanism=b"PLAIN"), "greeting")
    wire.expect(HELLO, "HELLO")
    return client, wire, place


@case
def plain_as_captured(library):
    """zmtp.md 12.8, in both roles."""
    hello = "04 11 05 48 45 4C 4C 4F 05 61 64 6D 69 6E 04 70 61 73 73"
    welcome = "04 08 07 57 45 4C 43 4F 4D 45"
    initiate = "04 1D 08 49 4E 49 54 49 41 54 45 0B 53 6F 63 6B 65 74 2D 54 79 70 65 00 00 00 04 50 55 53 48"
    ready = "04 1A 05 52 45 41 44 59 0B 53 6F 63 6B 65 74 2D 54 79 70 65 00 00 00 04 50 55 4C 4C"
    hello, welcome, initiate, ready = map(bytes.fromhex, (hello, welcome, initiate, ready))
    is_right((hello, welcome, initiate, ready) == (HELLO, WELCOME, INITIATE, READY), "the commands")
    server = Attacked(library)
    server.wire.send(hello)
    is_right(server.answer()[5:] == [b"PLAIN", b"admin", b"pass"], "the request")
    server.wire.expect(welcome, "WELCOME")
    server.wire.send(initiate)
    server.wire.expect(ready, "READY")
    server.wire.send(bytes.fromhex("00 03 6D 73 67"))
    server.end.expect(b"msg")
    server.close()
    client, wire, place = visited(library)
    wire.send(welcome)
    wire.expect(initiate, "INITIATE")
    wire.send(ready)
    client.events_until(SUCCEEDED)
    client.send(b"msg")
    wire.expect(bytes.fromhex("00 03 6D 73 67"), "message")
    close_all(client, wire, place)


@case
def plain_names_of_any_bytes(library):
    """None at all, NULs, and as many as fit."""
    for username, password in ((b"", b""), (b"a\0b", b"\0"), (b"u" * 255, b"p" * 255)):
        server = Attacked(library)
        server.wire.send(frame(b"\x05HELLO" + bytes([len(username)]) + username + bytes([len(password)]) + password, 4))
        is_right(server.answer()[6:] == [username, password], "the request")
        server.wire.expect(WELCOME, "WELCOME")
        server.close()


@case
def plain_hellos(library):
    for body, wanted in ((b"", MALFORMED), (b"\0", MALFORMED), (b"\0I", UNEXPECTED), (b"\x05HELL", MALFORMED),
                         (b"\x06HELLO", MALFORMED), (b"\x05HELLo\0\0", UNEXPECTED), (b"\x08INITIATE" + AS_PUSH, UNEXPECTED),
                         (b"\x05HELLO", BAD_HELLO), (b"\x05HELLO\1", BAD_HELLO),
                         (b"\x05HELLO\1a", BAD_HELLO), (b"\x05HELLO\1a\2b", BAD_HELLO), (b"\x05HELLO\1a\1bc", BAD_HELLO),
                         (b"\x05HELLO\xffa\1b", BAD_HELLO)):
        server = Attacked(library)
        server.wire.send(frame(body, 4))
        server.ends(f"HELLO {body}", [(PROTOCOL, wanted)])


@case
def plain_initiates(library):
    for body, wanted in ((b"", UNEXPECTED), (b"\x08INITIAT", UNEXPECTED), (b"\x05HELLO\1a\1b", UNEXPECTED),
                         (b"\x08INITIATe" + AS_PUSH, UNEXPECTED), (b"\x05READY" + AS_PUSH, UNEXPECTED),
                         (b"\x08INITIATE" + AS_PUSH + b"\1", None), (b"\x08INITIATE" + AS_PUSH[:-1], None),
                         (b"\x08INITIATE" + properties((b"Socket-Type", b"SUB")), None)):
        server = Attacked(library)
        server.exchange_hello()
        server.wire.send(frame(body, 4))
        server.ends(f"INITIATE {body}", [(PROTOCOL, wanted)] if wanted else [])
    for body, flags in ((b"\x08INITIATE", 4), (b"\x08INITIATE" + AS_PUSH, 0)):
        server = Attacked(library)
        server.exchange_hello()
        server.wire.send(frame(body, flags))
        server.wire.expect(own_ready(PULL), "READY")
        server.close()


@case
def plain_commands_while_a_handler_thinks(library):
    for body in (b"\x05HELLO\1a\1b", b"\x08INITIATE" + AS_PUSH, b"\x05READY", b"hello"):
        server = Attacked(library)
        server.wire.send(HELLO)
        server.handler.receive()
        server.wire.send(frame(body, 4))
        server.ends(f"{body} in between", [(PROTOCOL, UNSPECIFIED)])


@case
def plain_refusals(library):
    """ERROR is misspelled, as by libzmq since 4.3.0, whose clients know no other."""
    for status, said in ((b"300", ""),
                         (b"400", "04 09 5E 52 52 4F 52 03 34 30 30"),
                         (b"500", "04 09 5E 52 52 4F 52 03 35 30 30")):
        server = Attacked(library)
        server.wire.send(HELLO)
        server.answer(status)
        server.wire.expect(bytes.fromhex(said), f"status {status}")
        server.wire.expect_end(f"status {status}")
        found = server.end.events_until(DISCONNECTED)
        is_right((AUTH, int(status)) in found, f"events {found}")
        server.close()


def refuses(library, before, said, wanted, stays=False):
    client, wire, place = visited(library)
    if before:
        wire.send(WELCOME)
        wire.expect(INITIATE, "INITIATE")
    wire.send(frame(said, 4))
    end_as(client, wire, place, f"{said}{' behind WELCOME' if before else ''}", wanted, stays)


@case
def plain_welcomes(library):
    """A client refuses for good what is not WELCOME."""
    for said, wanted in ((b"\x07WELCOME!", BAD_WELCOME), (b"\x07WELCOME" + AS_PULL, BAD_WELCOME), (b"", UNEXPECTED),
                         (b"\x07WELCOM", UNEXPECTED), (b"\x07WELCOMe", UNEXPECTED), (b"\x05READY" + AS_PULL, UNEXPECTED),
                         (b"\x05HELLO\0\0", UNEXPECTED)):
        refuses(library, False, said, [(PROTOCOL, wanted)])


@case
def plain_readies(library):
    for said, wanted in ((b"\x07WELCOME", UNEXPECTED), (b"\x08INITIATE" + AS_PULL, UNEXPECTED), (b"", UNEXPECTED)):
        refuses(library, True, said, [(PROTOCOL, wanted)])
    for said in (AS_PULL + b"\1", AS_PULL[:-1], properties((b"Socket-Type", b"SUB"))):
        refuses(library, True, b"\x05READY" + said, [(PROTOCOL, METADATA)], stays=True)


# What follows ERROR, and the events.
ERRORS = ((b"\x03400", [(AUTH, 400)]), (b"\x03300", [(AUTH, 300)]), (b"\x03500", [(AUTH, 500)]), (b"\x03200", []), (b"\0", []),
          (b"", [(PROTOCOL, ERROR)]), (b"\x04400", [(PROTOCOL, ERROR)]))


@case
def plain_errors(library):
    """As libzmq spells them, instead of WELCOME and instead of READY."""
    for before in (False, True):
        for data, wanted in ERRORS:
            refuses(library, before, b"^RROR" + data, wanted)


@case(better=True)
def plain_errors_well_spelled(library):
    """libzmq takes them for something unexpected."""
    for before in (False, True):
        for data, wanted in ERRORS:
            refuses(library, before, b"\x05ERROR" + data, wanted)


@case
def old_peers_where_security_is_required(library):
    """They cannot say who they are. Whoever connected to one does not come back."""
    old = b"\xff" + bytes(7) + b"\1\x7f\1\5\0\0"
    for what, options in (("a server of PLAIN", {"PLAIN_SERVER": 1}), ("a client of PLAIN", {"PLAIN_USERNAME": b"admin"}),
                          ("NULL with a domain", {"ZAP_DOMAIN": b"a domain"})):
        for greeted in (old, b"\1\0", old[:10] + b"\0\5\1\0"):
            client, wire, place = connected(library, PULL, **options)
            wire.send(greeted)
            wire.expect_end(what)
            client.events_until(DISCONNECTED)
            expect_no_return(client, place, what)
            wire.close()
