"""Cases of raw.py: metadata that the library sends, takes and shows (zmtp.md 5)."""

import os
import socket

from cases import TYPES, WILDCARD, bound, case, close_all, open_end
from zmtp import (
    ACCEPTED, DEALER, DISCONNECTED, HOST, NAMES, PAIR, PUB, PULL, PUSH, REP, REQ, ROUTER, SUB, SUCCEEDED, XPUB,
    XSUB, Failure, command, frame, greeting, own_ready, properties, ready)

BOTH = (True, False)
TYPE = (b"Socket-Type", b"PUSH")
# The types that each can talk to.
FITTING = {PAIR: (PAIR,), PUB: (SUB, XSUB), SUB: (PUB, XPUB), REQ: (REP, ROUTER), REP: (REQ, DEALER),
           DEALER: (REP, DEALER, ROUTER), ROUTER: (REQ, DEALER, ROUTER), PULL: (PUSH,), PUSH: (PULL,), XPUB: (SUB, XSUB),
           XSUB: (PUB, XPUB)}


def opening(*pairs):
    return greeting() + command(b"READY", properties(*pairs))


def accepted(library, kind, data, frames=(frame(b"x"),)):
    """A bound socket that has taken this handshake, and the messages behind it, once its own has gone out."""
    server = bound(library, kind)
    wire = server.wire()
    wire.send(data)
    wire.expect(greeting() + own_ready(kind), "handshake")
    wire.send(b"".join(frames))
    return server, wire


def refused(library, kind, data, what):
    """Both roles: the end without any event of a handshake. (That there is no other attempt shows
    `connecting_side_gives_up`.)"""
    for binds in BOTH:
        end, wire, place = open_end(library, kind, binds)
        wire.send(greeting())
        wire.expect(greeting() + own_ready(kind), f"handshake before {what}")
        wire.send(data)
        wire.expect_end(what)
        found = [event for event in end.events_until(DISCONNECTED) if event[0] not in (1, 2, 8, ACCEPTED)]
        if found != [(DISCONNECTED, 0)]:
            raise Failure(f"{what}: events {found}")
        close_all(end, wire, place)


# ---- what the library sends ----

@case
def own_metadata(library):
    """Socket-Type; Identity of REQ, DEALER and ROUTER; ZMQ_METADATA in the order of the names' bytes, the first value of
    each; and nothing else."""
    options = {"ROUTING_ID": b"me", "METADATA": [b"X-b:2", b"X-:none", b"X-a:3", b"X-B:1", b"X-a:again"]}
    for binds in BOTH:
        for kind in TYPES:
            end, wire, place = open_end(library, kind, binds, **options)
            identity = [(b"Identity", b"me")] if kind in (REQ, DEALER, ROUTER) else []
            wire.send(greeting())
            wire.expect(greeting(id_length=2) + command(b"READY", properties(
                (b"Socket-Type", NAMES[kind].encode()), *identity, (b"X-", b"none"), (b"X-B", b"1"), (b"X-a", b"3"),
                (b"X-b", b"2"))), f"READY of {NAMES[kind]}")
            close_all(end, wire, place)


@case
def metadata_option(library):
    """ZMQ_METADATA on the wire: split at the first colon, cut at a NUL, refused without a name of X- or a value."""
    for text, pair in ((b"X-:12", (b"X-", b"12")), (b"X-a:1", (b"X-a", b"1")), (b"X-a:b:c", (b"X-a", b"b:c")),
                       (b"X-a::", (b"X-a", b":")), (b"X-a:b\0c", (b"X-a", b"b")), (b"X-a:\0c", (b"X-a", b"")),
                       (b"X-a\0b:cc", (b"X-a", b"cc")), (b"X-" + b"n" * 253 + b":v", (b"X-" + b"n" * 253, b"v")),
                       (b"X-a:" + b"v" * 1000, (b"X-a", b"v" * 1000))):
        server = bound(library, PULL, METADATA=text)
        wire = server.wire()
        wire.send(greeting())
        wire.expect(greeting() + command(b"READY", properties((b"Socket-Type", b"PULL"), pair)), f"READY with {text[:20]}")
        wire.close()
        server.close()
    server = bound(library, PULL)
    for text in (b"", b"X-:1", b"X-a:", b"X-aaa", b"X-aaa:", b":vvvv", b"aa:v", b"x-a:v", b"a-X:v", b"X-" + b"n" * 254 + b":v"):
        if library.lib.zmq_setsockopt(server.handle, 95, text, len(text)) != -1 or library.lib.zmq_errno() != 22:
            raise Failure(f"{text[:20]} is taken")
    server.close()


# ---- what it takes ----

@case
def every_pair_of_types(library):
    """Those that fit talk, the others part at once and without an event; so in both roles."""
    for kind in TYPES:
        for peer in TYPES:
            if peer not in FITTING[kind]:
                refused(library, kind, ready(peer), f"a {NAMES[peer]} for a {NAMES[kind]}")
                continue
            for binds in BOTH:
                end, wire, place = open_end(library, kind, binds)
                wire.handshake(kind, peer)
                end.events_until(SUCCEEDED)
                close_all(end, wire, place)


@case
def types_are_compared_exactly(library):
    """Also where it is named twice; a name that comes close is another property."""
    for value in (b"", b"push", b"PUS", b"PUSHY", b"PUSH\0", b" PUSH", b"x" * 1000):
        refused(library, PULL, command(b"READY", properties((b"Socket-Type", value))), f"the type {value[:9]}")
    for pairs in ((TYPE, (b"Socket-Type", b"SUB")), ((b"Socket-Type", b"SUB"), TYPE)):
        refused(library, PULL, command(b"READY", properties(*pairs)), "two types")
    for name in (b"socket-type", b"SOCKET-TYPE", b"Socket-type", b"Socket-Typ", b"Socket-Type ", b"X-Socket-Type", b""):
        server, wire = accepted(library, PULL, opening((name, b"SUB")))
        if server.frame(name, b"Socket-Type")[1] != [b"SUB", None]:
            raise Failure(f"{name} is not shown under its own name alone")
        wire.close()
        server.close()


@case
def broken_metadata(library):
    """Cut anywhere, or with a byte behind it. No event: neither a failed handshake nor one that succeeded. libzmq
    overlooks a cut behind a name, and one behind the length of a value: the handshake succeeds."""
    good = properties(TYPE, (b"X-a", b"1"))
    overlooked = []
    for start, (name, _) in ((0, TYPE), (len(properties(TYPE)), (b"X-a", b"1"))):
        behind_name = start + 1 + len(name)
        overlooked += [good[:behind_name], good[:behind_name + 4]]
    blocks = [good[:length] for length in range(1, len(good)) if good[:length] != properties(TYPE)]
    blocks += [good + extra for extra in (b"\0", b"x", b"\xff", b"\1x\0\0\0\2y", b"\1x\x7f\xff\xff\xffy",
                                          b"\1x\x80\0\0\0y", b"\1x\xff\xff\xff\xffy", b"\3X-a\0\1\0\0v")]
    overlooked += [good + extra for extra in (b"\1x", b"\0\0\0\0\1", b"\1x\0\1\0\0", b"\1x\x80\0\0\0", b"\1x\xff\xff\xff\xff")]
    for block in blocks + overlooked:
        if library.stock and block in overlooked:
            server, wire = accepted(library, PULL, greeting() + command(b"READY", block))
            server.expect(b"x")
            wire.close()
            server.close()
        else:
            refused(library, PULL, command(b"READY", block), f"the metadata {block}")


@case
def unusual_metadata(library):
    """Empty, nameless, long, many, and Resource: taken, and shown."""
    many = [(b"X-%d" % at, b"%d" % at) for at in range(1000)]
    for pairs, names, wanted in (
            ((), [b"Socket-Type"], [None]),
            ((TYPE, (b"", b"nameless"), (b"X-", b"")), [b"", b"X-"], [b"nameless", b""]),
            ((TYPE, (b"Resource", b"somewhere")), [b"Resource"], [b"somewhere"]),
            ((TYPE, (b"n" * 255, b"v" * 60_000)), [b"n" * 255], [b"v" * 60_000]),
            ((TYPE, *many), [b"X-0", b"X-500", b"X-999"], [b"0", b"500", b"999"])):
        server, wire = accepted(library, PULL, opening(*pairs))
        found = server.frame(*names)[1]
        if found != wanted:
            raise Failure(f"{names[0]}: {found}")
        wire.close()
        server.close()


@case(better=True)
def the_bounds_of_a_handshake(library):
    """64 KiB, and 1024 properties: libzmq takes any."""
    most = [(b"", b"")] * 1023
    server, wire = accepted(library, PULL, opening(TYPE, *most))
    server.expect(b"x")
    wire.close()
    server.close()
    refused(library, PULL, command(b"READY", properties(TYPE, *most, (b"", b""))), "1025 properties")
    front = len(b"\5READY" + properties(TYPE, (b"x", b"")))
    server, wire = accepted(library, PULL, opening(TYPE, (b"x", b"v" * (65536 - front))))
    server.expect(b"x")
    wire.close()
    server.close()
    # The header of the frame is enough to see it.
    refused(library, PULL, b"\6" + (65537).to_bytes(8, "big") + b"\5READY", "a READY of 64 KiB and a byte")


@case
def who_uses_the_identity(library):
    """ROUTER, and REP for its reply; the last of several; any length and any bytes; none is made up for. Others take no
    notice, and a message shows the first."""
    for identity in (b"me", b"\0zero", b"i" * 255, b"i" * 256, b"i" * 300, b"a\0b"):
        server, wire = accepted(library, ROUTER, opening((b"Identity", b"first"), (b"Socket-Type", b"DEALER"),
                                                         (b"Identity", identity)), [frame(b"x") * 2])
        server.expect(identity, b"x")
        server.send(identity, b"back")
        wire.expect(frame(b"back"), "answer")
        if server.frame(b"Identity") != (identity, [b"first"], server.frame()[2]):
            raise Failure("the Identity of a message")
        wire.close()
        server.close()
    for block in ([], [(b"Identity", b"")], [(b"identity", b"other"), (b"Routing-Id", b"other")]):
        server, wire = accepted(library, ROUTER, opening((b"Socket-Type", b"DEALER"), *block))
        got = server.receive()
        if len(got[0]) != 5 or got[0][0] != 0 or got[1:] != [b"x"]:
            raise Failure(f"{got} for a peer without an identity")
        wire.close()
        server.close()
    for kind, peer in ((PULL, b"PUSH"), (PAIR, b"PAIR"), (DEALER, b"DEALER")):
        server, wire = accepted(library, kind, opening((b"Socket-Type", peer), (b"Identity", b"me")))
        body, found, _ = server.frame(b"Identity")
        if (body, found) != (b"x", [b"me"]):
            raise Failure(f"{NAMES[kind]}: {body} with {found}")
        wire.close()
        server.close()
    # Two requesters of one identity: each has its own reply. In libzmq the second one is mute.
    server = bound(library, REP)
    wires = [server.wire() for _ in range(2)]
    for wire in wires:
        wire.handshake(REP, REQ, identity=b"same")
        server.events_until(SUCCEEDED)
        server.turn()
    for at, wire in enumerate(wires):
        wire.send(frame(b"", 1) + frame(b"%d" % at))
        if at and library.stock:
            server.expect_nothing("the second of an identity")
            continue
        server.expect(b"%d" % at)
        server.send(b"re %d" % at)
        wire.expect(frame(b"", 1) + frame(b"re %d" % at), "reply")
    for wire in wires:
        wire.close()
    server.close()


# ---- what it shows ----

NAMES_SHOWN = (b"Socket-Type", b"Identity", b"Peer-Address", b"User-Id", b"X-a", b"x-a", b"Nobody's")


@case
def what_a_message_shows(library):
    """The properties of the peer under their exact names, the first of each; of transport and descriptor what is true.
    User-Id is none of the peer's properties; libzmq shows it, too."""
    user = b"root" if library.stock else None
    for pairs, wanted in (
            ((TYPE,), [b"PUSH", None, b"127.0.0.1", None, None, None, None]),
            ((TYPE, (b"X-a", b"one"), (b"X-a", b"two"), (b"x-a", b"low")),
             [b"PUSH", None, b"127.0.0.1", None, b"one", b"low", None]),
            ((TYPE, (b"X-a", b"cut\0here")), [b"PUSH", None, b"127.0.0.1", None, b"cut", None, None]),
            (((b"Peer-Address", b"9.9.9.9"), (b"__fd", b"0"), (b"User-Id", b"root"), (b"Identity", b"me")),
             [None, b"me", b"127.0.0.1", user, None, None, None])):
        server, wire = accepted(library, PULL, opening(*pairs), [frame(b"1", 1) + frame(b"2") + frame(b"3" * 20_000)])
        for _ in range(3):
            _, found, descriptor = server.frame(*NAMES_SHOWN, b"__fd")
            if found != [*wanted, b"%d" % descriptor] or descriptor <= 2:
                raise Failure(f"{pairs}: {found}, {descriptor}")
        wire.close()
        server.close()


@case
def peer_addresses(library):
    """Numeric and without a port; on ipc who the peer is; in both roles. Of an IPv4 peer of a listener for both kinds in
    the form of IPv6."""
    me = b"localhost:%d:%d:%d" % (os.getuid(), os.getgid(), os.getpid())
    for transport in WILDCARD:
        for binds in BOTH:
            end, wire, place = open_end(library, PULL, binds, transport)
            wire.handshake(PULL, PUSH)
            wire.send(frame(b"x"))
            found = end.frame(b"Peer-Address")[1]
            wanted = me if transport == "ipc" else b"127.0.0.1" if binds else HOST.encode()
            if found != [wanted]:
                raise Failure(f"{transport}: {found}")
            close_all(end, wire, place)
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        # Not every machine has IPv6.
        return
    for endpoint, peer, wanted in ((b"tcp://[::1]:*", "::1", b"::1"), (b"tcp://*:*", "127.0.0.1", b"::ffff:127.0.0.1"),
                                   (b"tcp://*:*", "::1", b"::1")):
        server = bound(library, PULL, endpoint, IPV6=1)
        wire = server.wire(peer)
        wire.handshake(PULL, PUSH)
        wire.send(frame(b"x"))
        found = server.frame(b"Peer-Address")[1]
        if found != [wanted]:
            raise Failure(f"{peer} at {endpoint}: {found}")
        wire.close()
        server.close()
