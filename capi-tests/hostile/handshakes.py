"""Attacks on security handshakes, and on what comes behind them. See attacks.py.

The victim is a ROUTER that sends back what it gets: a server of CURVE, one of PLAIN with a ZAP handler, or NULL with a
domain and a handler. The good peer has a key, a password or an address that attackers do not have.
"""

import itertools
import random
import socket
import struct
import time

import curve
from attacker import KIB, MIB, Taken, attack, begun, each_in_its_thread, long_header, pour, receive, reset, rest
from zmtp import DEALER, command, frame, greeting, properties, ready

PLAIN_SERVER, PLAIN_USERNAME, PLAIN_PASSWORD, CURVE_SERVER, CURVE_PUBLICKEY, CURVE_SECRETKEY, CURVE_SERVERKEY = range(44, 51)
ZAP_DOMAIN, HANDSHAKE_IVL = 55, 66
# Keys of nobody else.
SERVER_KEY = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"
SERVER_SECRET = "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6"
GOOD_KEY = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"
GOOD_SECRET = "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs"
SERVER = curve.z85(SERVER_KEY)

# An address whose peers are not let in under NULL.
STRANGER = "127.0.0.2"
# Milliseconds. Of those for a new peer some are those of a new process.
WITHIN = {"round_trip": 100, "arrival": 5000, "samples": 2000}
CURVE = {"options": ((CURVE_SERVER, 1), (CURVE_SECRETKEY, SERVER_SECRET)),
         "good_options": ((CURVE_SERVERKEY, SERVER_KEY), (CURVE_PUBLICKEY, GOOD_KEY), (CURVE_SECRETKEY, GOOD_SECRET)),
         **WITHIN}
PLAIN = {"options": ((PLAIN_SERVER, 1),), "good_options": ((PLAIN_USERNAME, "admin"), (PLAIN_PASSWORD, "pass")), **WITHIN}
DOMAIN = {"options": ((ZAP_DOMAIN, "global"),), **WITHIN}

# A connection that has begun: this, and what is said of it in docs/hostile-peers.md.
OPENED = 4 * KIB


def connections(count, more=0):
    """Bounds: of so many connections that hold `more` bytes each; besides them, what a few peers need."""
    each = OPENED + more
    return {"memory": 4 * MIB + count * each, "descriptors": count + 32,
            "because": f"{count} connections of {each // KIB} KiB"}


def is_over(stream):
    """The other side has ended the connection, without a word; it is given a moment."""
    try:
        return stream.recv(1000) == b""
    except socket.timeout:
        return False
    except OSError:
        return True


# ---- CURVE: floods ----


@attack("1000 connections that say HELLO and no more", **CURVE, **connections(1000))
def curve_half_open(port):
    streams = [curve.welcomed(port, SERVER)[0] for _ in range(1000)]
    begun()
    while streams:
        time.sleep(60)


@attack("HELLO to another server, again and again", **CURVE, **connections(200))
def curve_wrong_key(port):
    hello = curve.Client(curve.pair()[0]).hello()

    def flood(_):
        for number in itertools.count():
            if number == 100:
                begun()
            stream = curve.greeted(port)
            stream.sendall(hello)
            if not is_over(stream):
                raise Taken("another server's HELLO was taken")
            stream.close()
    each_in_its_thread(flood, 4)
    rest()


def hello_flood(port, count, ends):
    """Always `count` connections, each of which repeats the same HELLO, which costs the sender nothing."""
    hello = greeting(mechanism=b"CURVE") + curve.Client(SERVER).hello()
    waiting = []
    for number in itertools.count():
        if number == count:
            begun()
        stream = curve.connect(port)
        stream.sendall(hello)
        waiting.append(stream)
        if len(waiting) >= count:
            ends(waiting.pop(0))


@attack("a recorded HELLO on new connections at full rate, whose WELCOME is read", **CURVE, **connections(400))
def curve_hello_flood(port):
    def ends(stream):
        receive(stream, 64 + 170)
        stream.close()
    each_in_its_thread(lambda _: hello_flood(port, 50, ends), 4)
    rest()


@attack("the same, and nobody reads WELCOME", **CURVE, **connections(1400))
def curve_unread_welcome(port):
    each_in_its_thread(lambda _: hello_flood(port, 300, reset), 4)
    rest()


@attack("1000 connections that are greeted, and then all say HELLO at once, again and again", **{**CURVE, "samples": 20000},
        **connections(1400))
def curve_hello_bursts(port):
    hello = curve.Client(SERVER).hello()
    for number in itertools.count():
        if number == 1:
            begun()
        streams = [curve.greeted(port) for _ in range(1000)]
        for stream in streams:
            stream.sendall(hello)
        for stream in streams:
            receive(stream, 170)
            reset(stream)


@attack("whole handshakes of unknown clients, and the end, at full rate", **CURVE, **connections(200))
def curve_short_visits(port):
    def flood(_):
        for number in itertools.count():
            if number == 20:
                begun()
            stream, client = curve.welcomed(port, SERVER)
            stream.sendall(client.initiate())
            stream.close()
    each_in_its_thread(flood, 4)
    rest()


@attack("the same, refused by a ZAP handler", settings={"handler": "prompt"}, **CURVE, **connections(200))
def curve_refused(port):
    def flood(_):
        for number in itertools.count():
            if number == 20:
                begun()
            stream, client = curve.welcomed(port, SERVER)
            stream.sendall(client.initiate())
            if curve.read_frame(stream)[1] != b"\x05ERROR\x03400":
                raise Taken("an unknown client came in")
            stream.close()
    each_in_its_thread(flood, 4)
    rest()


@attack("1000 connections of a byte in a tenth of a second", **CURVE, **connections(1100))
def curve_trickle(port):
    hello = greeting(mechanism=b"CURVE") + curve.Client(SERVER).hello()
    places = [[curve.connect(port), number % len(hello)] for number in range(1000)]
    for place in places:
        place[0].sendall(hello[:place[1]])
    for number in itertools.count():
        if number == 1:
            begun()
        due = time.monotonic() + 0.1
        for place in places:
            stream, at = place
            try:
                stream.send(hello[at:at + 1])
                place[1] += 1
            except OSError:
                place[1] = len(hello)
            if place[1] >= len(hello):
                stream.close()
                place[:] = curve.connect(port), 0
        time.sleep(max(0.0, due - time.monotonic()))


# ---- CURVE: what was sealed for another place ----


@attack("HELLO, INITIATE and MESSAGEs of another connection", **CURVE)
def curve_replayed(port):
    recorded = []
    stream, client = curve.welcomed(port, SERVER)
    recorded.append(client.hello())
    recorded.append(client.initiate())
    stream.sendall(recorded[1])
    curve.read_frame(stream)
    recorded.append(client.message(b"again"))
    for number in itertools.count():
        if number == 20:
            begun()
        # The same HELLO is taken: a server keeps no record. It leads to another cookie, and another key.
        stream = curve.greeted(port)
        stream.sendall(recorded[0])
        body = curve.read_frame(stream)[1]
        if not body.startswith(b"\x07WELCOME"):
            raise Taken("no WELCOME")
        stream.sendall(recorded[1] + recorded[2])
        if not is_over(stream):
            raise Taken("another connection's INITIATE was taken")
        stream.close()
        stream, _ = curve.shaken(port, SERVER)
        stream.sendall(recorded[2])
        if not is_over(stream):
            raise Taken("another connection's MESSAGE was taken")
        stream.close()


def forgeries(client, sealed):
    """What somebody in the middle could make of two MESSAGEs, of which the first has been received."""
    first, second = sealed
    yield first
    yield curve.framed(second[2:-1], 0)
    for number in (0, 3, 2**64 - 1):
        changed = bytearray(second)
        changed[10:18] = struct.pack(">Q", number)
        yield bytes(changed)
    yield curve.framed(second[2:] + b"x", 0)
    # Behind flags and length, which are those of the frame around it.
    for at in range(2, len(second)):
        changed = bytearray(second)
        changed[at] ^= 1 << random.randrange(8)
        yield bytes(changed)
    yield frame(b"hello")
    yield frame(b"")
    yield command(b"PING", b"\0\1")
    yield command(b"SUBSCRIBE", b"x")
    yield ready(DEALER, b"")
    yield client.hello()
    yield command(b"ERROR", b"\x03400")
    yield curve.framed(b"\x07MESSAGE" + bytes(8 + 16), 0)
    yield long_header(0, 2**63 - 1)


@attack("MESSAGEs repeated, out of order, with a bit changed in every byte, and plain frames, behind an honest round trip",
        **CURVE)
def curve_forged(port):
    for number in itertools.count():
        _, client = curve.welcomed(port, SERVER)
        count = sum(1 for _ in forgeries_of(client))
        for which in range(count):
            if number == 0 and which == 40:
                begun()
            stream, client = curve.shaken(port, SERVER)
            honest = client.message(b"honest")
            stream.sendall(honest)
            if client.open_message(curve.read_frame(stream)[1]) != (0, b"honest"):
                raise Taken("an honest peer gets no answer")
            forged = next(itertools.islice(forgeries(client, (honest, client.message(b"second"))), which, None))
            stream.sendall(forged)
            if len(forged) == 9:
                # A length alone is no offence where ZMQ_MAXMSGSIZE is not set.
                reset(stream)
                continue
            if not is_over(stream):
                raise Taken(f"forgery {which} was taken")
            stream.close()


def forgeries_of(client):
    return forgeries(client, (client.message(b"honest"), client.message(b"second")))


# ---- CURVE: too much ----


def large_metadata(size):
    """A block of about that many bytes with a thousand properties."""
    value = b"v" * (size // 1000 - 12)
    return curve.METADATA + properties(*((b"X-%04d" % number, value) for number in range(1000)))


@attack("200 clients whose INITIATE is as large as may be, with 1000 properties, while the handler is silent",
        settings={"handler": "silent"}, **CURVE, **connections(200, 4 * 64 * KIB))
def curve_large_metadata(port):
    block = large_metadata(64 * KIB - 1000)
    streams = []
    for _ in range(200):
        stream, client = curve.welcomed(port, SERVER)
        stream.sendall(client.initiate(block))
        streams.append(stream)
    rest()


@attack("INITIATE with more than 64 KiB, or 2^63 bytes, or a thousand properties too many; the same of HELLO", **CURVE)
def curve_oversized(port):
    many = properties(*((b"", b"") for _ in range(1100)))
    for number in itertools.count():
        if number == 20:
            begun()
        stream, client = curve.welcomed(port, SERVER)
        kind = number % 5
        if kind == 0:
            said = client.initiate(large_metadata(67 * KIB))
        elif kind == 1:
            said = long_header(4, 2**63 - 1) + b"\x08INITIATE"
        elif kind == 2:
            said = client.initiate(curve.METADATA + many)
        elif kind == 3:
            said = client.initiate(b"\x0bSocket-Type\xff\xff\xff\xffx")
        else:
            stream.close()
            stream = curve.greeted(port)
            said = long_header(4, 64 * KIB + 1) + b"\x05HELLO" + bytes(1000)
        try:
            stream.sendall(said)
        except OSError:
            pass
        if not is_over(stream):
            raise Taken(f"taken: {kind}")
        stream.close()


@attack("500 handshake frames of 64 KiB that lack their last byte", **CURVE, **connections(500, 2 * 64 * KIB))
def curve_unfinished(port):
    streams = []
    for _ in range(500):
        stream = curve.greeted(port)
        stream.sendall(long_header(4, 64 * KIB) + b"\x05HELLO" + bytes(64 * KIB - 7))
        streams.append(stream)
    rest()


@attack("a MESSAGE of 4 MiB, and one without an end of which 32 MiB come", memory=80 * MIB,
        because="twice what came, sealed and open; a frame of it doubles as it comes", **CURVE)
def curve_large_messages(port):
    stream, client = curve.shaken(port, SERVER)
    stream.sendall(client.message(bytes(4 * MIB)))
    stream.sendall(long_header(0, 2**62) + b"\x07MESSAGE" + curve.counter(9))
    pour(stream, bytes(MIB), 32)
    rest()


@attack("sealed PINGs, empty messages and subscriptions without an end, whose answers nobody reads", **CURVE,
        memory=24 * MIB, because="4 receive queues of 1000 messages of 1 KiB, and their answers")
def curve_floods(port):
    def flood(_):
        stream, client = curve.shaken(port, SERVER)
        while pour(stream, b"".join(client.message(b"\x04PING\0\1ctx", 2) + client.message(b"")
                                    + client.message(b"\x09SUBSCRIBEt", 2) for _ in range(500)), 1):
            begun()
    each_in_its_thread(flood, 4)
    rest()


# ---- those who wait for a handler ----


@attack("1000 CURVE clients that wait for a silent handler", settings={"handler": "silent"}, **CURVE,
        **connections(1000, 4 * KIB))
def curve_silent_handler(port):
    streams = []
    for _ in range(1000):
        stream, client = curve.welcomed(port, SERVER)
        stream.sendall(client.initiate())
        streams.append(stream)
    rest()


PLAIN_HELLO = command(b"HELLO", b"\x05admin\x05wrong")


def waiting(port, count, said, mechanism):
    """Always as many connections that have said this."""
    streams = []
    for number in itertools.count():
        if number == count:
            begun()
        stream = curve.greeted(port, mechanism)
        try:
            stream.sendall(said)
        except OSError:
            pass
        streams.append(stream)
        if len(streams) > count:
            reset(streams.pop(0))


@attack("1000 PLAIN clients that wait for a silent handler, and others in their place", settings={"handler": "silent"},
        **PLAIN, memory=4 * MIB + 11000 * 4 * KIB, descriptors=1100, stays=40 * MIB,
        because="1000 connections, and 10000 requests of those that have gone, of 4 KiB each")
def plain_silent_handler(port):
    waiting(port, 1000, PLAIN_HELLO, b"PLAIN")


@attack("50 PLAIN clients that wait for a slow handler (5 ms each), and come again", settings={"handler": "slow"}, **PLAIN,
        **connections(50))
def plain_slow_handler(port):
    def ask(number):
        for turn in itertools.count():
            if number == turn == 1:
                begun()
            stream = curve.greeted(port, b"PLAIN")
            stream.sendall(PLAIN_HELLO)
            if curve.read_frame(stream)[1] != b"^RROR\x03400":
                raise Taken("a wrong password")
            stream.close()
    each_in_its_thread(ask, 50)
    rest()


@attack("wrong passwords at full rate, also with INITIATE and messages behind them", settings={"handler": "prompt"}, **PLAIN,
        **connections(300))
def plain_wrong_password(port):
    said = [PLAIN_HELLO, PLAIN_HELLO + command(b"INITIATE", curve.METADATA) + frame(b"", 1) + frame(b"in"),
            command(b"INITIATE", curve.METADATA), command(b"HELLO", b"\xffadmin"), command(b"READY"), frame(b"in")]

    def flood(number):
        for turn in itertools.count(number):
            if turn == 100:
                begun()
            stream = curve.greeted(port, b"PLAIN")
            stream.sendall(said[turn % len(said)])
            got = b""
            try:
                while part := stream.recv(1000):
                    got += part
            except ConnectionError:
                pass
            if got not in (b"", b"\x04\x09^RROR\x03400"):
                raise Taken(f"said to a wrong password: {got}")
            stream.close()
    each_in_its_thread(flood, 4)
    rest()


@attack("wrong passwords, to which the handler answers rubbish: too many frames, a thousand, a MiB, out of the protocol",
        settings={"handler": "rubbish"}, **PLAIN, memory=40 * MIB, descriptors=300,
        because="100 connections, and replies of 2 MiB for some of them")
def plain_rubbish(port):
    def flood(_):
        for number in itertools.count():
            if number == 20:
                begun()
            stream = curve.greeted(port, b"PLAIN")
            stream.sendall(PLAIN_HELLO)
            try:
                got = stream.recv(1000)
            except ConnectionError:
                got = b""
            if got and got != b"\x04\x09^RROR\x03400":
                raise Taken(f"let in: {got}")
            stream.close()
    each_in_its_thread(flood, 4)
    rest()


@attack("peers of NULL that come in by a domain's handler and go, at full rate", settings={"handler": "prompt"}, **DOMAIN,
        **connections(300))
def null_visits(port):
    def flood(_):
        for number in itertools.count():
            if number == 100:
                begun()
            stream = curve.greeted(port, b"NULL")
            stream.sendall(ready(DEALER, b"") + frame(b"in"))
            stream.close()
    each_in_its_thread(flood, 4)
    rest()


@attack("200 peers of NULL with messages without an end behind READY, for whom the handler is silent",
        settings={"handler": "silent"}, **DOMAIN, **connections(200, 64 * KIB))
def null_messages_before(port):
    data = ready(DEALER, b"") + frame(b"x" * 1000) * 400
    streams = []
    for _ in range(200):
        stream = curve.greeted(port, b"NULL", STRANGER)
        # The victim leaves most of it where it is.
        stream.setblocking(False)
        stream.send(data)
        streams.append(stream)
    begun()
    while streams:
        time.sleep(60)


@attack("peers of NULL that a domain's handler refuses, at full rate, with messages behind READY", settings={"handler": "prompt"},
        **DOMAIN, **connections(300))
def null_refused(port):
    def flood(_):
        for number in itertools.count():
            if number == 100:
                begun()
            stream = curve.greeted(port, b"NULL", STRANGER)
            stream.sendall(ready(DEALER, b"") + frame(b"in"))
            got = b""
            try:
                while part := stream.recv(1000):
                    got += part
            except ConnectionError:
                pass
            if got not in (b"", b"\x04\x0a\x05ERROR\x03400"):
                raise Taken(f"said to a stranger: {got}")
            stream.close()
    each_in_its_thread(flood, 4)
    rest()
