"""Cases of raw.py: peers with keys, right and wrong ones (security.md 4). What a server and a client say, what they take,
and how each error shows."""

import struct

import curve
from cases import bound, case, close_all, connected, expect_no_return, next_wire
from zmtp import (
    ACCEPTED, AUTH, CONNECTED, DISCONNECTED, LISTENING, NO_DETAIL, PROTOCOL, PUB, PULL, PUSH, REP, RETRIED, SUB, SUCCEEDED,
    XPUB, Failure, command, frame, greeting, properties)

DELAYED = 0x2
UNSPECIFIED, UNEXPECTED, SEQUENCE, EXCHANGE, MALFORMED = 0x10000000, 0x10000001, 0x10000002, 0x10000003, 0x10000011
MESSAGE, HELLO, INITIATE, ERROR, READY, METADATA, CRYPTOGRAPHIC = (
    0x10000012, 0x10000013, 0x10000014, 0x10000015, 0x10000016, 0x10000018, 0x11000001)
EPIPE = 32
HANDLER = b"inproc://zeromq.zap.01"
AS_PUSH, AS_PULL = properties((b"Socket-Type", b"PUSH")), properties((b"Socket-Type", b"PULL"))


def is_right(condition, what):
    if not condition:
        raise Failure(what)


def greet(wire):
    wire.send(greeting(mechanism=b"CURVE"))
    wire.expect(greeting(mechanism=b"CURVE"), "greeting")


def next_frame(wire):
    """Flags and body."""
    flags, length = wire.read(2)
    if flags & 2:
        length = struct.unpack(">Q", bytes([length]) + wire.read(7))[0]
    return flags, wire.read(length)


def expect_frame(wire, flags, length):
    """Its body; the header is compared byte by byte."""
    header = bytes([flags, length]) if length < 256 else bytes([flags | 2]) + struct.pack(">Q", length)
    wire.expect(header, "the header")
    return wire.read(length)


def end_as(end, wire, place, what, wanted, stays=False):
    """The connection ends with these events, and whoever connected does not come back. `stays`: libzmq may keep it, deaf,
    when somebody watches."""
    stays = stays and end.library.stock
    if not stays:
        wire.expect_end(what)
    found = end.events_until(wanted[-1][0] if stays else DISCONNECTED)
    found = [event for event in found if event[0] not in (LISTENING, DELAYED)]
    expected = [(CONNECTED if place else ACCEPTED, 0), *wanted, *([] if stays else [(DISCONNECTED, 0)])]
    if found != expected:
        raise Failure(f"{what}: events {[(hex(number), hex(value)) for number, value in found]}")
    if place and not stays:
        expect_no_return(end, place, what)
    else:
        end.close()
        if place:
            place.close()
    wire.close()


# ---- the library as the server ----

class Attacked:
    """A server, and a peer that has exchanged greetings with it."""

    def __init__(self, library, kind=PULL, keys=None, **options):
        self.public, secret = keys or curve.pair()
        self.end = bound(library, kind, CURVE_SERVER=1, CURVE_SECRETKEY=secret, **options)
        self.come()

    def come(self):
        self.wire = self.end.wire()
        greet(self.wire)
        self.peer = curve.Client(self.public)

    def say(self, body, flags=4):
        self.wire.send(frame(body, flags))

    def exchange_hello(self):
        self.say(self.peer.hello())
        self.peer.take_welcome(expect_frame(self.wire, 4, 168))

    def shake(self, metadata=AS_PUSH):
        self.exchange_hello()
        self.say(self.peer.initiate(metadata))
        flags, body = next_frame(self.wire)
        is_right(flags == 4, f"READY with the flags {flags}")
        return self.peer.read_ready(body)

    def ends(self, what, wanted, stays=False):
        end_as(self.end, self.wire, None, what, wanted, stays)


@case
def curve_server(library):
    """What it says, byte by byte: the lengths, the counters, and the outer flags."""
    server = Attacked(library)
    server.exchange_hello()
    server.say(server.peer.initiate(AS_PUSH))
    number, metadata = server.peer.read_ready(expect_frame(server.wire, 4, 0x32))
    is_right((number, metadata) == (1, AS_PULL), f"READY {number} with {metadata}")
    server.say(server.peer.message(b"hello"), 0)
    server.end.expect(b"hello")
    close_all(server.end, server.wire, None)

    server = Attacked(library, PUB)
    server.shake(properties((b"Socket-Type", b"SUB")))
    server.say(server.peer.message(b"\x09SUBSCRIBEtopic", curve.COMMAND), 0)
    while not server.end.turn():
        pass
    for _ in range(1000):
        server.end.send(b"topic", b"x" * 300)
        server.wire.stream.settimeout(0.01)
        first = server.wire.read(1)
        if first:
            break
    server.wire.stream.settimeout(5)
    wanted = bytes([0, 33 + 5])
    server.wire.expect(wanted[1:], "the length of the first frame")
    is_right(first == wanted[:1], f"outer flags {first}")
    got = server.peer.opened(server.wire.read(38))
    is_right(got == (2, curve.MORE, b"topic"), f"{got}")
    got = server.peer.opened(expect_frame(server.wire, 0, 333))
    is_right(got == (3, 0, b"x" * 300), "the second frame")
    close_all(server.end, server.wire, None)


@case
def curve_hellos(library):
    """Refused: names, sizes, versions, boxes. Not looked at: padding, counter, what is sealed."""
    other = curve.pair()[0]
    for what, wanted, body in (
            ("empty", MALFORMED, lambda peer: b""),
            ("an empty name alone", MALFORMED, lambda peer: b"\0"),
            ("an empty name", UNEXPECTED, lambda peer: b"\0I"),
            ("a name that goes on", MALFORMED, lambda peer: b"\x06HELLO"),
            ("a name alone", MALFORMED, lambda peer: b"\x05HELL"),
            ("another name", UNEXPECTED, lambda peer: b"\x05HELLo" + peer.hello()[6:]),
            ("INITIATE", UNEXPECTED, lambda peer: b"\x08INITIATE" + bytes(300)),
            ("ERROR", UNEXPECTED, lambda peer: b"\x05ERROR\x03400"),
            ("HELLO of PLAIN", HELLO, lambda peer: b"\x05HELLO\1a\1b"),
            ("too short", HELLO, lambda peer: peer.hello()[:-1]),
            ("too long", HELLO, lambda peer: peer.hello() + b"\0"),
            ("version 2.0", HELLO, lambda peer: peer.hello(version=b"\2\0")),
            ("version 1.1", HELLO, lambda peer: peer.hello(version=b"\1\1")),
            ("version 0.0", HELLO, lambda peer: peer.hello(version=b"\0\0")),
            ("another server's", CRYPTOGRAPHIC, lambda peer: peer.hello(server=other)),
            ("a bit of the box", CRYPTOGRAPHIC, lambda peer: changed(peer.hello(), 199)),
            ("another counter", CRYPTOGRAPHIC, lambda peer: changed(peer.hello(), 119)),
            ("zeroes", HELLO, lambda peer: b"\x05HELLO" + bytes(194))):
        server = Attacked(library)
        server.say(body(server.peer))
        server.ends(f"HELLO: {what}", [(PROTOCOL, wanted)])
    for what, body in (
            ("counter 0", lambda peer: peer.hello(number=0)),
            ("counter 77", lambda peer: peer.hello(number=77)),
            ("a padding", lambda peer: peer.hello(padding=b"p" * 72)),
            ("a sealed text", lambda peer: peer.hello(text=b"t" * 64))):
        for flags in (4, 0):
            server = Attacked(library)
            server.say(body(server.peer), flags)
            flags, welcome = next_frame(server.wire)
            is_right((flags, len(welcome)) == (4, 168), f"HELLO with {what}: {welcome[:20]}")
            close_all(server.end, server.wire, None)


def changed(bytes_, at):
    return bytes_[:at] + bytes([bytes_[at] ^ 1]) + bytes_[at + 1:]


@case
def curve_initiates(library):
    """In the order of the checks; a counter is not compared with HELLO's, and metadata may be empty."""
    other, others_secret = curve.pair()
    wrong_type, cut = properties((b"Socket-Type", b"SUB")), AS_PUSH + b"\1"
    for what, wanted, body in (
            ("empty", MALFORMED, lambda peer: b""),
            ("a name that goes on", MALFORMED, lambda peer: b"\x09INITIATE"),
            ("another name", UNEXPECTED, lambda peer: b"\x08INITIATe" + bytes(300)),
            ("HELLO again", UNEXPECTED, lambda peer: peer.hello()),
            ("MESSAGE", UNEXPECTED, lambda peer: peer.message(b"early")),
            ("a name alone", MALFORMED, lambda peer: b"\x08INITIAT"),
            ("a byte too few", INITIATE, lambda peer: peer.initiate(b"")[:-1]),
            ("a bit of the cookie's nonce", CRYPTOGRAPHIC, lambda peer: changed(peer.initiate(AS_PUSH), 9)),
            ("a bit of the cookie", CRYPTOGRAPHIC, lambda peer: changed(peer.initiate(AS_PUSH), 104)),
            ("no cookie", CRYPTOGRAPHIC, lambda peer: peer.initiate(AS_PUSH, cookie=bytes(96))),
            ("another counter", CRYPTOGRAPHIC, lambda peer: changed(peer.initiate(AS_PUSH), 112)),
            ("another key", CRYPTOGRAPHIC, lambda peer: peer.initiate(AS_PUSH, key=bytes(32))),
            ("a vouch of somebody else", CRYPTOGRAPHIC, lambda peer: peer.initiate(AS_PUSH, voucher=others_secret)),
            ("a vouch for somebody else", EXCHANGE, lambda peer: peer.initiate(AS_PUSH, vouched=other)),
            ("bad metadata", None, lambda peer: peer.initiate(cut)),
            ("another type", None, lambda peer: peer.initiate(wrong_type))):
        server = Attacked(library)
        server.exchange_hello()
        server.say(body(server.peer))
        server.ends(f"INITIATE: {what}", [(PROTOCOL, wanted)] if wanted else [])
    for number in (0, 1, 77):
        for metadata in (b"", AS_PUSH):
            for flags in (4, 0):
                server = Attacked(library)
                server.exchange_hello()
                server.say(server.peer.initiate(metadata, number=number), flags)
                expect_frame(server.wire, 4, 0x32)
                server.say(server.peer.message(b"yes", number=number + 1), 0)
                server.end.expect(b"yes")
                close_all(server.end, server.wire, None)


@case(better=True)
def curve_vouches_for_another_server(library):
    """libzmq does not look at which server a vouch names."""
    server = Attacked(library)
    server.exchange_hello()
    server.say(server.peer.initiate(AS_PUSH, vouched_server=curve.pair()[0]))
    server.ends("a vouch that another server got", [(PROTOCOL, EXCHANGE)])


@case
def curve_cookies_of_other_connections(library):
    """Each connection takes its own alone, although the keys are the same."""
    server = Attacked(library)
    server.exchange_hello()
    first, wire = server.peer, server.wire
    server.come()
    server.exchange_hello()
    server.say(server.peer.initiate(AS_PUSH, cookie=first.cookie))
    server.wire.expect_end("the cookie of another connection")
    wire.send(frame(first.initiate(AS_PUSH), 4))
    first.read_ready(expect_frame(wire, 4, 0x32))
    wire.close()
    close_all(server.end, server.wire, None)


@case
def curve_keys_of_a_server(library):
    """Its short-term key and its cookie are new for each connection."""
    server = Attacked(library)
    seen = set()
    for _ in range(5):
        server.exchange_hello()
        seen |= {server.peer.peers, server.peer.cookie, server.peer.cookie[:16]}
        server.wire.close()
        server.come()
    is_right(len(seen) == 15, "a key came twice")
    close_all(server.end, server.wire, None)


@case
def curve_commands_while_a_handler_thinks(library):
    """Whatever it is."""
    for body in (lambda peer: peer.hello(), lambda peer: peer.message(b"early"), lambda peer: b"\x05READY", lambda peer: b""):
        own = library.another()
        handler = bound(own, REP, HANDLER)
        server = Attacked(own)
        server.exchange_hello()
        server.say(server.peer.initiate(AS_PUSH))
        request = handler.receive()
        is_right(request[5:] == [b"CURVE", server.peer.public], f"request {request}")
        said = body(server.peer)
        server.say(said)
        server.ends(f"{said[:8]} in between", [(PROTOCOL, UNSPECIFIED)])
        handler.close()
        own.end()


@case
def curve_refusals(library):
    """ERROR goes in clear; a temporary one is the end alone."""
    for status, said in ((b"300", b""), (b"400", command(b"ERROR", b"\x03400")), (b"500", command(b"ERROR", b"\x03500"))):
        own = library.another()
        handler = bound(own, REP, HANDLER)
        server = Attacked(own, HANDSHAKE_IVL=300)
        server.exchange_hello()
        server.say(server.peer.initiate(AS_PUSH))
        handler.receive()
        handler.send(b"1.0", b"1", status, b"", b"", b"")
        server.wire.expect(said, f"status {status}")
        server.wire.expect_end(f"status {status}")
        found = server.end.events_until(DISCONNECTED)
        is_right((AUTH, int(status)) in found, f"events {found}")
        close_all(server.end, server.wire, None)
        handler.close()
        own.end()


# ---- the library as the client ----

class Visited:
    """A client, and the server that it has exchanged greetings with."""

    def __init__(self, library, kind=PUSH, **options):
        self.peer = curve.Server()
        self.keys = curve.pair()
        public, secret = self.keys
        self.end, self.wire, self.place = connected(
            library, kind, CURVE_PUBLICKEY=public, CURVE_SECRETKEY=secret, CURVE_SERVERKEY=self.peer.public, **options)
        greet(self.wire)

    def hear_hello(self):
        return self.peer.read_hello(expect_frame(self.wire, 4, 200))

    def exchange_hello(self):
        self.hear_hello()
        self.say(self.peer.welcome())
        return self.peer.read_initiate(next_frame(self.wire)[1])

    def shake(self, metadata=AS_PULL):
        self.exchange_hello()
        self.say(self.peer.ready(metadata))

    def say(self, body, flags=4):
        self.wire.send(frame(body, flags))

    def ends(self, what, wanted, stays=False):
        end_as(self.end, self.wire, self.place, what, wanted, stays)

    def close(self):
        close_all(self.end, self.wire, self.place)


@case
def curve_client(library):
    """What it says, byte by byte; every connection has keys of its own, also one that comes again."""
    client = Visited(library)
    seen = set()
    for _ in range(3):
        version, padding, number, text = client.hear_hello()
        is_right((version, padding, number, text) == (b"\1\0", bytes(72), 1, bytes(64)), "HELLO")
        seen.add(client.peer.client)
        client.wire.close()
        client.wire = next_wire(client.end, client.place)
        greet(client.wire)
    client.hear_hello()
    seen.add(client.peer.client)
    is_right(len(seen) == 4, "a key came twice")
    client.say(client.peer.welcome())
    cookie, number, public, vouch, metadata = client.peer.read_initiate(expect_frame(client.wire, 4, 277))
    is_right((cookie, number, public) == (client.peer.cookie, 2, client.keys[0]), "INITIATE")
    is_right(vouch == client.peer.client + client.peer.public, "the vouch")
    is_right(metadata == AS_PUSH, f"metadata {metadata}")
    client.say(client.peer.ready(AS_PULL))
    client.end.events_until(SUCCEEDED)
    client.end.send(b"hello", b"x" * 300)
    got = client.peer.opened(expect_frame(client.wire, 0, 38))
    is_right(got == (3, curve.MORE, b"hello"), f"{got}")
    got = client.peer.opened(expect_frame(client.wire, 0, 333))
    is_right(got == (4, 0, b"x" * 300), "the second frame")
    client.close()


# Those that a client takes for ERROR, and their events.
ERRORS = ((b"\x03400", [(AUTH, 400)]), (b"\x03300", [(AUTH, 300)]), (b"\x03500", [(AUTH, 500)]), (b"\x03200", []), (b"\0", []),
          (b"", [(PROTOCOL, ERROR)]), (b"\x04400", [(PROTOCOL, ERROR)]))


@case
def curve_welcomes(library):
    """What a client refuses instead of WELCOME; it does not come back."""
    for what, wanted, body in (
            ("too short", CRYPTOGRAPHIC, lambda peer: peer.welcome()[:-1]),
            ("too long", CRYPTOGRAPHIC, lambda peer: peer.welcome() + b"\0"),
            ("a name alone", CRYPTOGRAPHIC, lambda peer: b"\x07WELCOME"),
            ("a bit of the box", CRYPTOGRAPHIC, lambda peer: changed(peer.welcome(), 167)),
            ("another key", CRYPTOGRAPHIC, lambda peer: peer.welcome(key=bytes(32))),
            ("HELLO", UNEXPECTED, lambda peer: b"\x05HELLO" + bytes(194)),
            ("MESSAGE", UNEXPECTED, lambda peer: peer.message(b"early")),
            ("empty", UNEXPECTED, lambda peer: b""),
            ("another name", UNEXPECTED, lambda peer: b"\x07WELCOMe" + bytes(160))):
        client = Visited(library)
        client.hear_hello()
        client.say(body(client.peer))
        client.ends(f"WELCOME: {what}", [(PROTOCOL, wanted)])
    for data, wanted in ERRORS:
        client = Visited(library)
        client.hear_hello()
        client.say(b"\x05ERROR" + data)
        client.ends(f"ERROR with {data} instead of WELCOME", wanted)


@case(better=True)
def curve_welcomes_out_of_turn(library):
    """libzmq takes READY first for one that does not open, and WELCOME again."""
    client = Visited(library)
    client.hear_hello()
    client.say(client.peer.ready(AS_PULL))
    client.ends("READY first", [(PROTOCOL, UNEXPECTED)])
    client = Visited(library)
    client.exchange_hello()
    client.say(client.peer.welcome())
    client.ends("WELCOME again", [(PROTOCOL, UNEXPECTED)])


@case
def curve_readies(library):
    """The same instead of READY; its counter may be any."""
    for what, wanted, body in (
            ("a byte too few", READY, lambda peer: peer.ready(b"")[:-1]),
            ("a name alone", READY, lambda peer: b"\x05READY"),
            ("a bit of the box", CRYPTOGRAPHIC, lambda peer: changed(peer.ready(AS_PULL), 31)),
            ("another counter", CRYPTOGRAPHIC, lambda peer: changed(peer.ready(AS_PULL), 13)),
            ("another key", CRYPTOGRAPHIC, lambda peer: peer.ready(AS_PULL, key=bytes(32))),
            ("READY in clear", READY, lambda peer: b"\x05READY" + AS_PULL[:10]),
            ("MESSAGE", UNEXPECTED, lambda peer: peer.message(b"early")),
            ("empty", UNEXPECTED, lambda peer: b"")):
        client = Visited(library)
        client.exchange_hello()
        client.say(body(client.peer))
        client.ends(f"READY: {what}", [(PROTOCOL, wanted)])
    for data, wanted in ERRORS:
        client = Visited(library)
        client.exchange_hello()
        client.say(b"\x05ERROR" + data)
        client.ends(f"ERROR with {data} instead of READY", wanted)
    for number in (0, 7):
        client = Visited(library)
        client.exchange_hello()
        client.say(client.peer.ready(AS_PULL, number=number), 0)
        client.end.events_until(SUCCEEDED)
        client.close()


@case
def curve_metadata_of_a_server(library):
    """Bad metadata and a type that does not fit are told of; without any a server is taken."""
    for what, metadata in (("another type", properties((b"Socket-Type", b"SUB"))), ("a byte more", AS_PULL + b"\1"),
                           ("a name that is cut", AS_PULL + b"\3x"), ("a value that is cut", AS_PULL[:-1]),
                           *([] if library.stock else [("a name alone", AS_PULL + b"\1x")])):
        client = Visited(library)
        client.shake(metadata)
        client.ends(f"READY with {what}", [(PROTOCOL, METADATA)], stays=True)
    client = Visited(library)
    client.shake(b"")
    client.end.events_until(SUCCEEDED)
    client.close()


# ---- traffic ----

@case
def curve_messages(library):
    """Gaps in the counters are allowed, other bits of the inner flags mean nothing."""
    server = Attacked(library)
    server.shake()
    peer = server.peer
    server.say(peer.message(b"one"), 0)
    server.end.expect(b"one")
    server.say(peer.message(b"two", number=1000), 0)
    server.end.expect(b"two")
    server.say(peer.message(b"three", flags=0xF8, number=1001), 0)
    server.end.expect(b"three")
    server.say(peer.message(b"four", flags=0xF9, number=1 << 40), 0)
    server.say(peer.message(b"", number=(1 << 64) - 2), 0)
    server.end.expect(b"four", b"")
    server.say(peer.message(b"y" * 70000, number=(1 << 64) - 1), 0)
    server.end.expect(b"y" * 70000)
    close_all(server.end, server.wire, None)


@case(better=True)
def curve_outer_flags(library):
    """Those of the frame around a MESSAGE mean nothing. libzmq drops it for COMMAND, and takes MORE for that of the message."""
    server = Attacked(library)
    server.shake()
    for flags in (4, 1, 5, 0xF8):
        server.say(server.peer.message(b"one", curve.MORE), flags)
        server.say(server.peer.message(b"two"), flags)
        server.end.expect(b"one", b"two")
    close_all(server.end, server.wire, None)


def offences(peer):
    """What is no MESSAGE, or no right one."""
    last = peer.message(b"last")
    yield "a plain frame", MALFORMED, b"hello", b""
    yield "an empty frame", MALFORMED, b"", b""
    yield "a frame of one zero", MALFORMED, b"\0", b""
    yield "another name", UNEXPECTED, b"\x07message" + last[8:], b""
    yield "READY", UNEXPECTED, b"\x05READY" + last[8:], b""
    yield "a byte too few", MESSAGE, peer.message(b"")[:-1], b""
    yield "a counter again", SEQUENCE, last, last
    yield "an earlier counter", SEQUENCE, peer.message(b"x", number=1), last
    yield "counter 0", SEQUENCE, peer.message(b"x", number=0), b""
    yield "a bit of the box", CRYPTOGRAPHIC, changed(peer.message(b"bits"), 33), b""
    yield "another counter", CRYPTOGRAPHIC, peer.message(b"x")[:8] + curve.counted(99) + peer.message(b"x")[16:], b""


@case
def curve_offences(library):
    """They are told of as if the handshake had failed, on either side; what came before is delivered."""
    for at in range(11):
        server = Attacked(library)
        server.shake()
        what, wanted, body, before = list(offences(server.peer))[at]
        if before:
            server.say(before, 0)
            server.end.expect(b"last")
        server.say(body, 0)
        server.ends(f"{what} to a server", [(SUCCEEDED, 0), (PROTOCOL, wanted)], stays=True)

        client = Visited(library, PULL)
        client.shake(AS_PUSH)
        what, wanted, body, before = list(offences(client.peer))[at]
        if before:
            client.say(before, 0)
            client.end.expect(b"last")
        client.say(body, 0)
        client.ends(f"{what} to a client", [(SUCCEEDED, 0), (PROTOCOL, wanted)], stays=True)


@case
def curve_errors_in_traffic(library):
    """ERROR is for the handshake."""
    client = Visited(library)
    client.shake()
    client.say(b"\x05ERROR\x03400")
    client.ends("ERROR", [(SUCCEEDED, 0), (PROTOCOL, UNEXPECTED)], stays=True)


@case
def curve_commands(library):
    """PING, PONG and subscriptions are sealed, with the inner COMMAND bit; each takes a counter."""
    client = Visited(library, SUB, SUBSCRIBE=b"topic", HEARTBEAT_IVL=50, HEARTBEAT_TIMEOUT=5000)
    client.shake(properties((b"Socket-Type", b"PUB")))
    got = client.peer.opened(expect_frame(client.wire, 0, 33 + 15))
    is_right(got == (3, curve.COMMAND, b"\x09SUBSCRIBEtopic"), f"{got}")
    got = client.peer.opened(next_frame(client.wire)[1])
    is_right(got == (4, curve.COMMAND, b"\x04PING\0\0"), f"{got}")
    client.say(client.peer.message(b"\x04PONG", curve.COMMAND), 0)
    client.say(client.peer.message(b"\x04PING\0\0context", curve.COMMAND), 0)
    number = 5
    while (got := client.peer.opened(next_frame(client.wire)[1])) == (number, curve.COMMAND, b"\x04PING\0\0"):
        number += 1
    is_right(got == (number, curve.COMMAND, b"\x04PONGcontext"), f"{got}")
    client.say(client.peer.message(b"topic one"), 0)
    client.end.expect(b"topic one")
    client.close()

    server = Attacked(library, XPUB)
    server.shake(properties((b"Socket-Type", b"SUB")))
    for body, flags, wanted in ((b"\x09SUBSCRIBEx", curve.COMMAND, b"\1x"), (b"\x06CANCELx", curve.COMMAND, b"\0x"),
                                (b"\1y", 0, b"\1y")):
        server.say(server.peer.message(body, flags), 0)
        server.end.expect(wanted)
    close_all(server.end, server.wire, None)


@case
def curve_clients_come_back(library):
    """Where the server says nothing of what it dislikes."""
    client = Visited(library)
    client.hear_hello()
    client.wire.close()
    found = client.end.events_until(RETRIED)
    is_right((NO_DETAIL, EPIPE) in found or (NO_DETAIL, 104) in found, f"events {found}")
    client.wire = next_wire(client.end, client.place)
    greet(client.wire)
    client.shake()
    client.end.events_until(SUCCEEDED)
    client.close()


@case(better=True)
def curve_metadata_before_the_question(library):
    """libzmq asks a handler about a peer whose metadata it then refuses."""
    for metadata in (properties((b"Socket-Type", b"SUB")), AS_PUSH + b"\1"):
        own = library.another()
        handler = bound(own, REP, HANDLER)
        server = Attacked(own)
        server.exchange_hello()
        server.say(server.peer.initiate(metadata))
        server.ends(f"metadata {metadata}", [])
        handler.expect_nothing("a request")
        handler.close()
        own.end()
