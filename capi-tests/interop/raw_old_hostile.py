"""Cases of raw.py: peers that begin as ZMTP 1.0 or 2.x and break its rules."""

import random
import socket
import struct

from cases import Victim, bound, case, close_all, connected, expect_no_return
from old_forms import FORMS, SIGNATURE, TWO, UNVERSIONED, VERSIONED
from zmtp import ACCEPTED, DISCONNECTED, NO_DETAIL, PULL, PUSH, RETRIED, Failure, Wire, frame


@case
def old_truncated(library):
    """EOF after each byte: nothing of a message is delivered, nobody else is disturbed."""
    victim = Victim(library)
    for form in FORMS:
        whole = form.opening(PUSH, b"id") + form.frame(b"a", 1) + form.frame(b"b" * 300)
        handshake = len(form.opening(PUSH, b"id"))
        for length in range(len(whole)):
            # A handshake ends with the identity; in libzmq never.
            wanted = [(NO_DETAIL, 32)] if length < handshake or library.stock else []
            victim.attack(whole[:length], wanted, f"{length} bytes of {form.name}", half_close=True)
    victim.close()


@case
def old_empty_frames_and_large_ones(library):
    """Length 0 in 1.0, and above MAXMSGSIZE in all: the end, without an event of its own."""
    victim = Victim(library, MAXMSGSIZE=1000)
    for form in FORMS:
        front = form.opening(PUSH) + form.message(b"x", b"y")
        bad = [form.frame(bytes(1001))[:12]]
        if form is TWO:
            bad.append(b"\2" + b"\xff" * 8)
        else:
            bad += [b"\0", b"\xff" + bytes(8), b"\xff" * 9 + b"\0", b"\xff" + struct.pack(">Q", 1002) + b"\0"]
        for data in bad:
            wire = victim.server.wire()
            wire.send(front + form.frame(b"m" * 1000) + data)
            victim.server.expect(b"x", b"y")
            victim.server.expect(b"m" * 1000)
            wire.expect_end(f"{data.hex()} of {form.name}")
            found = victim.server.events_until(DISCONNECTED)
            if found != [(ACCEPTED, 0), (DISCONNECTED, 0)]:
                raise Failure(f"{data.hex()} of {form.name}: events {found}")
            wire.close()
            victim.still_serves(f"{data.hex()} of {form.name}")
    # In place of an identity.
    victim.attack(b"\0", [], "no frame at all")
    for form in FORMS:
        victim.attack(form.opening(PUSH, b"i" * 1001), [], f"large identity of {form.name}")
    victim.close()


@case
def old_errors_are_final(library):
    """A connecting side does not come back to such a peer, but does after an ordinary end."""
    for form in (UNVERSIONED, VERSIONED):
        client, wire, place = connected(library, PULL)
        form.begin(wire, PULL, PUSH)
        wire.send(form.message(b"last") + b"\0")
        client.expect(b"last")
        wire.expect_end("empty frame")
        client.events_until(DISCONNECTED)
        expect_no_return(client, place, "empty frame")
        wire.close()
    for form in FORMS:
        client, wire, place = connected(library, PUSH)
        client.send(b"kept")
        opening = form.opening(PULL)
        decided = 10 if form.long_identity else len(form.greeting) + 1
        for length in range(1, decided):
            wire.send(opening[:length])
            wire.close()
            client.events_until(RETRIED)
            wire = Wire(place.accept()[0])
        form.begin(wire, PUSH, PULL)
        wire.expect(form.message(b"kept"), f"message to {form.name}")
        close_all(client, wire, place)


@case
def old_silence(library):
    """The handshake timer ends a peer that stops before its version is known."""
    server = bound(library, PULL, HANDSHAKE_IVL=200)
    parts = [form.opening(PUSH)[:length] for form in FORMS for length in range(1, len(form.greeting))]
    wires = [server.wire() for _ in parts]
    for wire, part in zip(wires, parts):
        wire.send(part)
    for wire in wires:
        wire.expect_end("silent peer")
        wire.close()
    server.close()


@case(better=True)
def old_peers_outlive_the_handshake_timer(library):
    """libzmq ends them all when it is over. Without the identity the handshake is not complete."""
    for form in FORMS:
        server = bound(library, PULL, HANDSHAKE_IVL=100)
        wire, mute = server.wire(), server.wire()
        form.begin(wire, PULL, PUSH)
        mute.send(form.opening(PUSH)[:-1])
        mute.expect_end("no identity")
        wire.expect_silence("after the handshake timer", 0.2)
        wire.send(form.message(b"alive"))
        server.expect(b"alive")
        wire.close()
        mute.close()
        server.close()


@case
def web_clients(library):
    """They are taken for 1.0 peers; nothing comes of it, and it costs the connection only."""
    victim = Victim(library)
    requests = (b"GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n",
                b"OPTIONS * HTTP/1.0\r\n\r\n", b"SSH-2.0-OpenSSH_9.2p1\r\n", bytes.fromhex("16 03 01 02 00 01 00 01"))
    wires = []
    for request in requests * 10:
        wire = victim.server.wire()
        wire.send(request)
        wire.expect(SIGNATURE, "signature")
        wires.append(wire)
    victim.still_serves("web clients")
    for wire in wires:
        wire.expect_silence("web client", 0.001)
        wire.close()
    for _ in wires:
        victim.server.events_until(DISCONNECTED)
    victim.still_serves("web clients, gone")
    victim.close()


@case
def old_noise(library):
    """Random bytes behind each greeting: whatever comes of them, others are served."""
    chance = random.Random(3)
    victim = Victim(library, MAXMSGSIZE=100_000)
    for at in range(60):
        form = FORMS[at % 4]
        wire = victim.server.wire()
        try:
            wire.send(form.opening(PUSH, b"id") + chance.randbytes(3000))
            wire.stream.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        wire.expect_end(f"noise of {form.name}")
        wire.close()
        victim.server.events_until(DISCONNECTED)
    victim.good.send(frame(b"last"))
    while victim.server.receive() != [b"last"]:
        pass
    victim.close()


@case(better=True)
def old_lengths_cost_nothing(library):
    """A length alone takes no memory."""
    victim = Victim(library)
    wires = []
    for form in FORMS:
        for length in (1 << 40, (1 << 62) - 2):
            header = b"\2" + struct.pack(">Q", length) if form is TWO else b"\xff" + struct.pack(">Q", length + 1) + b"\0"
            wire = victim.server.wire()
            wire.send(form.opening(PUSH) + header + b"x")
            wires.append(wire)
    victim.still_serves("large lengths")
    for wire in wires:
        wire.close()
    victim.close()


@case
def old_peers_that_nobody_reads(library):
    """Back-pressure: at the high-water mark the connection is read no more, and goes on later."""
    for form in FORMS:
        server = bound(library, PULL, RCVHWM=10)
        wire = server.wire()
        form.begin(wire, PULL, PUSH)
        wire.stream.settimeout(0.3)
        data = form.message(b"p" * 1000) * 100
        sent = 0
        try:
            while sent < 64 << 20:
                sent += wire.stream.send(data[sent % len(data):])
            raise Failure("64 MB taken with nobody reading")
        except socket.timeout:
            pass
        wire.stream.shutdown(socket.SHUT_WR)
        for _ in range(sent // (len(data) // 100)):
            server.expect(b"p" * 1000)
        wire.close()
        server.close()
