"""Cases of raw.py: the bytes of zmtp.md 12.1 to 12.4, 12.6 and 12.7, with the library on either side, and in either role
of the connection."""

from cases import case, close_all, expect_inside, open_end, repeat_until_heard
from zmtp import DEALER, PUB, REP, REQ, ROUTER, SUB, UNSUBSCRIBE, Failure

# The rest of a greeting behind the major byte.
G53 = "01 4E 55 4C 4C" + " 00" * 48
SIGNATURE = "FF 00 00 00 00 00 00 00 01 7F"


def run(library, kind, side, steps, options):
    """Goes through the steps, of which the library does those of one side, bound and connected. A step is who does
    it, and bytes on the wire or something for the application to do."""
    for binds in (True, False):
        end, wire, place = open_end(library, kind, binds, **options)
        for number, (who, what) in enumerate(steps, 1):
            mine = who.startswith(side)
            if callable(what):
                if mine:
                    what(end, wire)
                continue
            bytes_ = bytes.fromhex(what)
            if not mine:
                wire.send(bytes_)
            elif kind in (SUB, PUB):
                # Subscriptions need the socket's thread.
                expect_inside(end, wire, bytes_, f"step {number}")
            else:
                wire.expect(bytes_, f"step {number}")
        close_all(end, wire, place)


def both_sides(library, steps, client, server, client_options=None, server_options=None):
    run(library, client, "C", steps, client_options or {})
    run(library, server, "S", steps, server_options or {})


def send(*frames):
    return lambda end, wire: end.send(*frames)


def publish(*frames):
    """As soon as there is somebody to send it to."""
    return lambda end, wire: repeat_until_heard(wire, lambda: end.send(*frames))


def expect(*frames):
    return lambda end, wire: end.expect(*frames)


def unsubscribe(topic):
    return lambda end, wire: end.set(UNSUBSCRIBE, topic)


def expect_property(name, value):
    def look(end, wire):
        _, found, _ = end.frame(name)
        if found != [value]:
            raise Failure(f"{name} is {found}")
    return look


@case
def a_request_as_captured(library):
    """12.1"""
    steps = (
        ("C>S", SIGNATURE),
        ("S>C", SIGNATURE + "03"),
        ("C>S", "03" + G53),
        ("S>C", G53),
        ("S>C", "04 19 05 52 45 41 44 59 0B 53 6F 63 6B 65 74 2D 54 79 70 65 00 00 00 03 52 45 50"),
        ("C>S", "04 26 05 52 45 41 44 59 0B 53 6F 63 6B 65 74 2D 54 79 70 65 00 00 00 03 52 45 51"
                "08 49 64 65 6E 74 69 74 79 00 00 00 00"),
        ("C", send(b"hello")),
        ("C>S", "01 00 00 05 68 65 6C 6C 6F"),
        ("S", expect(b"hello")),
        ("S", send(b"world")),
        ("S>C", "01 00 00 05 77 6F 72 6C 64"),
        ("C", expect(b"world")),
    )
    both_sides(library, steps, REQ, REP)


@case
def a_subscription_as_captured(library):
    """12.2"""
    steps = (
        ("C>S", SIGNATURE),
        ("S>C", SIGNATURE + "03"),
        ("C>S", "03" + G53),
        ("S>C", G53),
        ("S>C", "04 19 05 52 45 41 44 59 0B 53 6F 63 6B 65 74 2D 54 79 70 65 00 00 00 03 50 55 42"),
        ("C>S", "04 19 05 52 45 41 44 59 0B 53 6F 63 6B 65 74 2D 54 79 70 65 00 00 00 03 53 55 42"),
        ("C>S", "04 0C 09 53 55 42 53 43 52 49 42 45 41 42"),
        ("S", publish(b"ABC", b"x")),
        ("S>C", "01 03 41 42 43 00 01 78"),
        ("C", expect(b"ABC", b"x")),
        ("C", unsubscribe(b"AB")),
        ("C>S", "04 09 06 43 41 4E 43 45 4C 41 42"),
    )
    both_sides(library, steps, SUB, PUB, {"SUBSCRIBE": b"AB"})


@case
def subscriptions_of_3_0_as_captured(library):
    """12.3: both sides of a connection of which the other one is of 3.0."""
    of_3_0 = "00" + G53[2:]
    steps = (
        ("S>C", SIGNATURE + "03" + of_3_0),
        ("C>S", SIGNATURE + "03" + G53),
        ("S>C", "04 19 05 52 45 41 44 59 0B 53 6F 63 6B 65 74 2D 54 79 70 65 00 00 00 03 50 55 42"),
        ("C>S", "04 19 05 52 45 41 44 59 0B 53 6F 63 6B 65 74 2D 54 79 70 65 00 00 00 03 53 55 42"),
        ("C>S", "00 02 01 54"),
        ("C", unsubscribe(b"T")),
        ("C>S", "00 02 00 54"),
    )
    run(library, SUB, "C", steps, {"SUBSCRIBE": b"T"})
    steps = (
        ("C>S", SIGNATURE + "03" + of_3_0),
        ("S>C", SIGNATURE + "03" + G53),
        ("C>S", "04 19 05 52 45 41 44 59 0B 53 6F 63 6B 65 74 2D 54 79 70 65 00 00 00 03 53 55 42"),
        ("S>C", "04 19 05 52 45 41 44 59 0B 53 6F 63 6B 65 74 2D 54 79 70 65 00 00 00 03 50 55 42"),
        ("C>S", "00 03 01 41 42"),
        ("S", publish(b"ABC", b"x")),
        ("S>C", "01 03 41 42 43 00 01 78"),
    )
    run(library, PUB, "S", steps, {})


@case
def metadata_as_captured(library):
    """12.4"""
    z = b"z" * 256
    message = "01 03 61 61 61 01 00 02 00 00 00 00 00 00 01 00" + " 7A" * 256
    steps = (
        ("C>S", "FF 00 00 00 00 00 00 00 03 7F"),
        ("S>C", SIGNATURE + "03"),
        ("C>S", "03" + G53),
        ("S>C", G53),
        ("C>S", "04 36 05 52 45 41 44 59 0B 53 6F 63 6B 65 74 2D 54 79 70 65 00 00 00 06 44 45 41 4C 45 52"
                "08 49 64 65 6E 74 69 74 79 00 00 00 02 6D 65 03 58 2D 6B 00 00 00 03 76 61 6C"),
        ("S>C", "04 29 05 52 45 41 44 59 0B 53 6F 63 6B 65 74 2D 54 79 70 65 00 00 00 06 52 4F 55 54 45 52"
                "08 49 64 65 6E 74 69 74 79 00 00 00 00"),
        ("C", send(b"aaa", b"", z)),
        ("C>S", message),
        ("S", expect(b"me", b"aaa", b"", z)),
        ("C", send(b"aaa", b"", z)),
        ("C>S", message),
        ("S", expect_property(b"X-k", b"val")),
    )
    both_sides(library, steps, DEALER, ROUTER, {"ROUTING_ID": b"me", "METADATA": b"X-k:val"})


@case
def an_unversioned_peer_as_captured(library):
    """12.6"""
    steps = (
        ("S>C", "FF 00 00 00 00 00 00 00 04 7F"),
        ("C>S", "04 00 61 62 63"),
        ("S>C", "73 72 76"),
        ("C>S", "01 01 03 00 68 69"),
        ("S", expect(b"abc", b"", b"hi")),
        ("S", send(b"abc", b"", b"yo")),
        ("S>C", "01 01 03 00 79 6F"),
    )
    run(library, ROUTER, "S", steps, {"ROUTING_ID": b"srv"})
    steps = (
        ("S>C", SIGNATURE),
        ("C>S", "01 00"),
        ("S", publish(b"hi")),
        ("S>C", "03 00 68 69"),
    )
    run(library, PUB, "S", steps, {})


@case
def a_2_x_peer_as_captured(library):
    """12.7"""
    steps = (
        ("C>S", SIGNATURE + "01 05"),
        ("S>C", "FF 00 00 00 00 00 00 00 04 7F 03 06 00 03 73 72 76"),
        ("C>S", "00 02 69 64 00 02 68 69"),
        ("S", expect(b"id", b"hi")),
    )
    run(library, ROUTER, "S", steps, {"ROUTING_ID": b"srv"})
    steps = (
        ("C>S", SIGNATURE + "00 05"),
        ("S>C", SIGNATURE + "03 06 01 00"),
    )
    run(library, ROUTER, "S", steps, {})
