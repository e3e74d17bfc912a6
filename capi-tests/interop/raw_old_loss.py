"""Cases of raw.py: peers of ZMTP 1.0 and 2.x that go and come back, are slow, or send and take much."""

import random
import threading
import time

from cases import case, close_all, connected, expect_inside, expect_no_return, open_end
from old_forms import FORMS, SIGNATURE, UNVERSIONED, wait_for_first
from zmtp import (
    DISCONNECTED, PAIR, PUB, PULL, PUSH, REP, REQ, RETRIED, SUB, SUBSCRIBE, XPUB, Failure, Wire, frame)


@case
def old_peers_reconnect(library):
    """Each time another version, also 3.1: topics are said again, messages of the gap wait, queues are in the form
    of whoever comes."""
    client, wire, place = connected(library, SUB)
    client.set(SUBSCRIBE, b"AB")
    for form in FORMS * 2:
        form.begin(wire, SUB, PUB)
        expect_inside(client, wire, form.message(b"\1AB"), f"subscription to {form.name}")
        wire.send(form.message(b"ABC", b"x") + form.message(b"no") + form.frame(b"AB", 1) + form.frame(b"cut", 1))
        client.expect(b"ABC", b"x")
        wire.close()
        wire = Wire(place.accept()[0])
    client.expect_nothing("cut message")
    close_all(client, wire, place)

    client, wire, place = connected(library, PUSH)
    for at, form in enumerate(FORMS * 2):
        client.send(b"gap", b"%d" % at)
        if at % 3 == 2:
            wire.handshake(PUSH, PULL)
            wire.expect(frame(b"gap", 1) + frame(b"%d" % at), "message of the gap")
        else:
            form.begin(wire, PUSH, PULL)
            wire.expect(form.message(b"gap", b"%d" % at), f"message of the gap to {form.name}")
        wire.close()
        client.events_until(RETRIED)
        wire = Wire(place.accept()[0])
    close_all(client, wire, place)


@case
def old_subscribers_reconnect(library):
    """A publisher that connects: everything goes to an unversioned peer each time."""
    for kind in (PUB, XPUB):
        client, wire, place = connected(library, kind)
        for at in range(4):
            UNVERSIONED.begin(wire, kind, SUB)
            if kind == XPUB and at == 0:
                client.expect(b"\1")
            wait_for_first(UNVERSIONED, client, wire)
            wire.close()
            client.events_until(RETRIED)
            wire = Wire(place.accept()[0])
        close_all(client, wire, place)


@case
def old_immediate(library):
    """With ZMQ_IMMEDIATE there is nobody to send to before the version is known."""
    for form in FORMS:
        client, wire, place = connected(library, PUSH, IMMEDIATE=1)
        wire.expect(SIGNATURE, "signature")
        if library.lib.zmq_send(client.handle, b"x", 1, 1) >= 0:
            raise Failure("a message is taken for nobody")
        wire.send(form.opening(PULL))
        client.send(b"x")
        wire.expect(form.answer(PUSH)[10:] + form.message(b"x"), f"message to {form.name}")
        close_all(client, wire, place)


@case
def old_slow_peers_get_every_byte(library):
    """Writes that the kernel takes in part: frames of all sizes against what they have to look like."""
    chance = random.Random(2)
    for form in FORMS:
        end, wire, _ = open_end(library, PUSH, True, SNDHWM=0)
        form.begin(wire, PUSH, PULL)
        expected = []
        for _ in range(3000):
            frames = [chance.randbytes(chance.choice((0, 3, 30, 253, 254, 255, 1000, 3000, 70_000)))
                      for _ in range(chance.choice((1, 1, 1, 2, 5)))]
            expected.append(form.message(*frames))
            end.send(*frames)
        for at, wanted in enumerate(expected):
            wire.expect(wanted, f"message {at} to {form.name}")
            if at % 100 == 0:
                time.sleep(0.002)
        close_all(end, wire, None)


@case
def old_floods(library):
    """Thousands of small messages both ways at once."""
    count = 20_000
    for form in FORMS:
        end, wire, _ = open_end(library, PAIR, True, SNDHWM=0, RCVHWM=0)
        form.begin(wire, PAIR, PAIR)
        flood = b"".join(form.message(b"%d" % at) for at in range(count))
        sender = threading.Thread(target=wire.send, args=(flood,))
        sender.start()
        for at in range(count):
            end.send(b"%d" % at)
        for at in range(count):
            end.expect(b"%d" % at)
        sender.join()
        wire.expect(flood, f"flood to {form.name}")
        close_all(end, wire, None)


@case(better=True)
def old_cut_messages_are_skipped(library):
    """The message that was cut is not sent again, in no part; those behind it wait for the next connection."""
    for form in FORMS:
        client, wire, place = connected(library, PUSH)
        form.begin(wire, PUSH, PULL)
        large = bytes(40_000_000)
        client.send(b"first")
        client.send(b"cut", large, b"end")
        client.send(b"next", b"part")
        client.send(b"x" * 300)
        wire.expect(form.message(b"first") + form.message(b"cut", large, b"end")[:2000], f"to {form.name}")
        wire.close()
        wire = Wire(place.accept()[0])
        form.begin(wire, PUSH, PULL)
        wire.expect(form.message(b"next", b"part") + form.message(b"x" * 300), f"after the loss, to {form.name}")
        close_all(client, wire, place)


@case
def old_conflate(library):
    """The newest message only, in the form of the peer."""
    for form in FORMS:
        client, wire, place = connected(library, PUSH, CONFLATE=1)
        wire.expect(SIGNATURE, "signature")
        for at in range(10):
            client.send(b"%d" % at * 300)
        wire.send(form.opening(PULL))
        wire.expect(form.answer(PUSH)[10:] + form.message(b"9" * 300), f"message to {form.name}")
        wire.expect_silence("older ones", 0.02)
        close_all(client, wire, place)


@case
def old_close_sends_what_is_queued(library):
    for form in FORMS:
        client, wire, place = connected(library, PUSH, LINGER=-1)
        form.begin(wire, PUSH, PULL)
        frames = (b"large", b"l" * 1_000_000)
        for _ in range(10):
            client.send(*frames)
        client.close()
        wire.expect(form.message(*frames) * 10, f"rest for {form.name}")
        wire.expect_end("closed")
        wire.close()
        place.close()


@case
def old_requests_are_checked(library):
    """A REQ ends a connection whose replies have a wrong envelope, and does not come back."""
    for form in FORMS:
        for reply in ((b"no delimiter",), (b"",), (b"x", b"y")):
            client, wire, place = connected(library, REQ)
            client.send(b"q")
            form.begin(wire, REQ, REP)
            wire.expect(form.message(b"", b"q"), "request")
            wire.send(form.message(*reply))
            wire.expect_end(f"reply {reply}")
            client.events_until(DISCONNECTED)
            expect_no_return(client, place, f"reply {reply}")
            wire.close()
