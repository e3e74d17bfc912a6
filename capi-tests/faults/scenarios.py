"""The patterns, and the faults that each of them meets."""

import errno

from stage import PATIENCE, QUIET, Wrong

PAIR, PUB, SUB, REQ, REP, DEALER, ROUTER, PULL, PUSH, XPUB, XSUB, STREAM = range(12)
# Of zmq.h.
EFSM = 156384763
RECEIVE_ONLY = (SUB, PULL)
SEND_ONLY = (PUB, PUSH)
# What a send is refused with where nobody is; the others drop it.
REFUSALS = {PAIR: errno.EAGAIN, DEALER: errno.EAGAIN, PUSH: errno.EAGAIN, ROUTER: errno.EHOSTUNREACH,
            STREAM: errno.EHOSTUNREACH}


class Pattern:
    """Who connects to whom."""

    def __init__(self, name, client, server, **client_options):
        self.name, self.client, self.server, self.client_options = name, client, server, dict(client_options)
        self.server_options = {}
        self.up = client not in RECEIVE_ONLY and server not in SEND_ONLY
        self.down = server not in RECEIVE_ONLY and client not in SEND_ONLY
        self.directions = ["up"] * self.up + ["down"] * self.down
        self.lockstep = client == REQ
        self.plain = client == STREAM
        self.client_subscribes, self.server_subscribes = client in (SUB, XSUB), server in (SUB, XSUB)
        self.names_server = "server" if client in (ROUTER, STREAM) else ""
        self.refusal = REFUSALS.get(server, 0)
        if ROUTER in (client, server):
            (self.client_options if client == ROUTER else self.server_options)["ROUTER_MANDATORY"] = 1
        if server == ROUTER:
            self.client_options["ROUTING_ID"] = "client"

    def beats(self):
        return not self.plain


PATTERNS = [
    Pattern("PUSH-PULL", PUSH, PULL), Pattern("PULL-PUSH", PULL, PUSH), Pattern("SUB-PUB", SUB, PUB),
    Pattern("PUB-SUB", PUB, SUB), Pattern("XSUB-XPUB", XSUB, XPUB), Pattern("XPUB-XSUB", XPUB, XSUB),
    Pattern("SUB-XPUB", SUB, XPUB), Pattern("REQ-REP", REQ, REP),
    Pattern("REQ-REP-relaxed", REQ, REP, REQ_RELAXED=1, REQ_CORRELATE=1), Pattern("DEALER-ROUTER", DEALER, ROUTER),
    Pattern("ROUTER-DEALER", ROUTER, DEALER), Pattern("PAIR-PAIR", PAIR, PAIR), Pattern("STREAM-STREAM", STREAM, STREAM)]
FAULTS = []
# Heartbeats that notice; the timeout leaves room for a busy machine.
BEATS = {"HEARTBEAT_IVL": 200, "HEARTBEAT_TIMEOUT": 1500}
# An attempt into a wire that is cut ends soon.
ATTEMPTS = {"CONNECT_TIMEOUT": 300}
SMALL_BUFFERS = {"SNDBUF": 8192, "RCVBUF": 8192}
BIG = 400000


def fault(suits=lambda pattern: True):
    """Marks a fault, for the patterns that it can happen to."""
    def mark(function):
        function.suits = suits
        FAULTS.append(function)
        return function
    return mark


def beats(pattern):
    return not pattern.plain


def queues_up(pattern):
    """The client's queue outlives its connection, and takes more than one message."""
    return pattern.up and not pattern.lockstep and not pattern.plain and pattern.client != XSUB


def notices_by_data(pattern):
    """Each side has something under way, or need not notice."""
    return pattern.up and not pattern.lockstep


@fault()
def lossy(stage):
    """Five packets of a hundred are lost each way, the others come late and out of order: tcp's task, and nobody sees
    it."""
    stage.wire.do("impair", 5, 2, 8)
    stage.open_both()
    stage.exchange(40 if stage.pattern.lockstep else 400)
    stage.expect_losses(0)


@fault()
def short_cut(stage):
    """Shorter than any timeout: what is sent meanwhile comes afterwards."""
    stage.open_both(**({} if stage.pattern.plain else {"HEARTBEAT_IVL": 100, "HEARTBEAT_TIMEOUT": 20000}))
    stage.cut()
    if not stage.pattern.lockstep:
        stage.send_under_way()
    # Some heartbeats go unanswered; plain bytes have none, and what is repeated of them comes ever more slowly.
    stage.wire.do("lose", 5 if stage.pattern.plain else 8)
    stage.join()
    stage.exchange()
    for direction in stage.pattern.directions:
        stage.owed[direction] |= set(stage.under_way[direction])
    stage.expect_losses(0)


@fault(queues_up)
def slow_link(stage):
    """A message takes longer than the peer may be silent, and no PING gets past it: the bytes that go are a sign of life,
    too."""
    stage.open_server(**SMALL_BUFFERS)
    stage.open_client(**BEATS, **SMALL_BUFFERS)
    stage.await_up()
    stage.meet()
    stage.exchange()
    stage.wire.do("slow", 100)
    stage.send_under_way((BIG, 0, 0), ["up"])
    stage.exchange()
    stage.owed["up"] |= set(stage.under_way["up"])
    stage.expect_losses(0)


def go_on(stage, waits_for_server=True):
    """The network is back: the client connects again, and everything goes on."""
    stage.join()
    stage.await_up(*(() if waits_for_server else (stage.client,)))
    stage.meet()
    stage.exchange()


def in_the_gap(stage, server_knows=True):
    """Both sides know of the loss."""
    if stage.pattern.client_subscribes:
        stage.client.ask("subscribe", topic="N")
    stage.send_in_gap()
    if server_knows:
        stage.send_to_nobody()


def subscriptions_go_on(stage):
    """The old one and the one of the gap are in force, each was said once."""
    if not stage.pattern.client_subscribes:
        return
    first = stage.numbers("down", 1)
    stage.server.ask("offer", first=first, count=1, topic="N")
    stage.owed["down"].add(first)
    stage.exchange()
    again = sorted(topic for topic in stage.topics if topic[0] == 1)
    if stage.topics and again != [[1, "N"], [1, "T"], [1, "T"]]:
        raise Wrong(f"the publisher heard {stage.topics}")


@fault(beats)
def heartbeats(stage):
    """Both sides notice, and attempts into the cut fail."""
    stage.open_both(**BEATS, **ATTEMPTS)
    stage.cut()
    if not stage.pattern.lockstep:
        stage.send_under_way()
    stage.await_loss()
    in_the_gap(stage)
    stage.await_events(stage.client, "CLOSED")
    go_on(stage)
    subscriptions_go_on(stage)
    stage.expect_losses(1)


@fault(queues_up)
def in_the_middle(stage):
    """A message is cut: what was queued behind it is for the next connection, which begins with a whole one."""
    cut_message(stage, TCP_MAXRT=1000)


@fault(queues_up)
def blocked_heartbeats(stage):
    """The same, noticed by heartbeats: no PING finds its way out any more, and yet nothing comes."""
    cut_message(stage)


def cut_message(stage, **more):
    stage.open_both(**BEATS, **ATTEMPTS, **SMALL_BUFFERS, **more)
    stage.cut(60000, 1)
    stage.send_under_way((BIG, 0, 0, 0, 0, 0), ["up"])
    stage.await_loss()
    in_the_gap(stage)
    go_on(stage)
    stage.expect_losses(1)
    if stage.lost("up") != 1:
        raise Wrong(f"up: {stage.lost('up')} lost instead of the one that was cut")


@fault(lambda pattern: pattern.down and not pattern.lockstep and not pattern.plain)
def in_the_middle_of_input(stage):
    """The same from the side that accepted: the client drops the part that it has, the server all that it had queued."""
    stage.open_both(TCP_MAXRT=1000, **BEATS, **ATTEMPTS, **SMALL_BUFFERS)
    stage.cut(60000, 2)
    stage.send_under_way((BIG, 0, 0, 0, 0, 0), ["down"])
    stage.await_loss()
    in_the_gap(stage)
    go_on(stage)
    subscriptions_go_on(stage)
    stage.expect_losses(1)
    if stage.lost("down") != 6:
        raise Wrong(f"down: {6 - stage.lost('down')} came that were queued for the connection that was lost")


@fault(notices_by_data)
def maxrt(stage):
    """ZMQ_TCP_MAXRT: what is not acknowledged in time ends the connection."""
    stage.open_both(TCP_MAXRT=1000, **ATTEMPTS)
    stage.cut()
    stage.send_under_way()
    both = stage.pattern.down
    stage.await_loss(*(() if both else (stage.client,)))
    in_the_gap(stage, both)
    go_on(stage)
    subscriptions_go_on(stage)


@fault()
def keepalive(stage):
    """ZMQ_TCP_KEEPALIVE: an idle connection is noticed on both sides."""
    stage.open_both(TCP_KEEPALIVE=1, TCP_KEEPALIVE_IDLE=1, TCP_KEEPALIVE_INTVL=1, TCP_KEEPALIVE_CNT=1, **ATTEMPTS)
    # What is not acknowledged is sent again and again, and keeps keepalive off.
    stage.wire.do("rest", 300)
    stage.cut()
    stage.await_loss()
    in_the_gap(stage)
    go_on(stage)
    subscriptions_go_on(stage)
    stage.expect_losses(1)


@fault(beats)
def immediate(stage):
    """ZMQ_IMMEDIATE: in the gap there is nobody, and the next connection has a pipe of its own."""
    pattern = stage.pattern
    stage.open_both(IMMEDIATE=1, **BEATS, **ATTEMPTS)
    stage.cut()
    if not pattern.lockstep:
        stage.send_under_way()
    stage.await_loss()
    if pattern.up:
        refusal = errno.EAGAIN if pattern.client == REQ else REFUSALS.get(pattern.client, 0)
        sent = stage.client.ask("offer", first=stage.numbers("up", 5), count=5)
        if sent["refused"] != refusal:
            raise Wrong(f"up: {sent} in the gap instead of errno {refusal}")
        if pattern.lockstep:
            stage.next["down"] = stage.next["up"]
    stage.send_to_nobody()
    go_on(stage)


@fault()
def killed(stage):
    """The server dies while the network is cut, and is there again when it is back."""
    stage.open_both(**({} if stage.pattern.plain else {"HEARTBEAT_IVL": 200, "HEARTBEAT_TIMEOUT": 20000}))
    stage.cut()
    if not stage.pattern.lockstep:
        stage.send_under_way()
    stage.server.kill()
    stage.open_server()
    stage.join()
    stage.await_loss(stage.client)
    go_on(stage)


@fault(beats)
def vanished_server(stage):
    """The server's host goes without a word, and another has its address."""
    stage.open_both(**BEATS, **ATTEMPTS)
    stage.cut()
    stage.send_under_way()
    stage.wire.do("replace", 2, "10.77.0.2")
    stage.server.kill()
    stage.await_loss(stage.client)
    waits = stage.pattern.lockstep
    if not waits:
        in_the_gap(stage, server_knows=False)
    stage.join()
    # Nobody listens there yet.
    stage.await_events(stage.client, "CLOSED")
    stage.open_server()
    if waits:
        stage.await_up()
        request_is_awaited(stage)
    else:
        go_on(stage)
        subscriptions_go_on(stage)


def request_is_awaited(stage):
    """A REQ whose request is lost waits for ever; a relaxed one may ask again, and hears no old reply."""
    sent = stage.client.ask("offer", first=stage.numbers("up", 1), count=1)
    relaxed = "REQ_RELAXED" in stage.pattern.client_options
    if sent["refused"] != (0 if relaxed else EFSM):
        raise Wrong(f"the second request: {sent}")
    stage.next["down"] = stage.next["up"]
    if relaxed:
        stage.owed["up"].add(stage.next["up"] - 1)
        stage.exchange()
        return
    for end in (stage.server, stage.client):
        came = end.ask("exchange", patience=QUIET, until=0)
        if came["numbers"]:
            raise Wrong(f"{end}: {came['numbers']} came although the request was lost")


@fault(lambda pattern: beats(pattern) and not pattern.lockstep)
def vanished_client(stage):
    """The client's host goes without a word: the server notices by its own heartbeats, and takes the next one."""
    replace_client(stage, {}, BEATS)


@fault(lambda pattern: beats(pattern) and not pattern.lockstep)
def vanished_client_ttl(stage):
    """The same by the time that the client has told it."""
    replace_client(stage, {"HEARTBEAT_IVL": 50, "HEARTBEAT_TTL": 1500, "HEARTBEAT_TIMEOUT": 20000}, {})


def replace_client(stage, client_options, server_options):
    stage.open_server(**server_options)
    stage.open_client(**client_options)
    stage.await_up()
    stage.meet()
    stage.exchange()
    # A heartbeat is among them.
    stage.wire.do("pass", 20)
    stage.cut()
    stage.send_under_way(directions=[one for one in stage.pattern.directions if one == "down"])
    stage.wire.do("replace", 1, "10.77.0.1")
    stage.client.kill()
    stage.await_loss(stage.server)
    stage.send_to_nobody()
    stage.join()
    stage.open_client(**client_options)
    stage.await_up()
    stage.meet()
    stage.exchange()


@fault(lambda pattern: pattern.client == PAIR)
def back_too_early(stage):
    """The client is back before the server has noticed that it was gone, and is taken when it has. Until then it is
    refused, in or after the handshake: as soon as the socket knows of it, which may be before the READY has gone out."""
    stage.expected = [("DELAYED CONNECTED NO_DETAIL DISCONNECTED RETRIED ", "")]
    stage.open_server(**BEATS)
    stage.open_client()
    stage.await_up()
    stage.meet()
    stage.exchange()
    stage.cut()
    stage.wire.do("replace", 1, "10.77.0.1")
    stage.client.kill()
    stage.join()
    stage.open_client()
    stage.meet()
    stage.exchange()


@fault(lambda pattern: pattern.server == ROUTER)
def handed_over(stage):
    """The same name comes from another host, while its old connection is half open: ZMQ_ROUTER_HANDOVER gives it to the
    new one."""
    stage.open_server(ROUTER_HANDOVER=1)
    stage.open_client()
    stage.await_up()
    stage.meet()
    stage.exchange()
    stage.cut()
    stage.wire.do("replace", 1, "10.77.0.1")
    stage.client.kill()
    stage.join()
    stage.open_client()
    stage.await_up()
    stage.meet()
    stage.exchange()


@fault(beats)
def name_moves(stage):
    """The server is back at another address of its name."""
    stage.set_name("10.77.0.2")
    stage.open_server(**BEATS)
    stage.open_client("server", **BEATS, **ATTEMPTS)
    stage.await_up()
    stage.meet()
    stage.exchange()
    stage.cut()
    stage.await_loss()
    in_the_gap(stage)
    stage.server.kill()
    stage.set_name("10.77.0.3")
    stage.open_server("10.77.0.3", **BEATS)
    go_on(stage)
    subscriptions_go_on(stage)


@fault(lambda pattern: pattern.client in (PUSH, SUB))
def name_of_two(stage):
    """The first address of the name is nobody's, and an attempt there never ends by itself: the second is tried."""
    stage.expected = [("DELAYED CLOSED DELAYED ", "DELAYED ")]
    stage.set_name("10.77.0.2 10.77.0.3")
    stage.wire.do("replace", 2, "10.77.0.3")
    stage.open_server("10.77.0.3")
    stage.open_client("server", **ATTEMPTS)
    stage.await_up()
    stage.meet()
    stage.exchange()


@fault(beats)
def client_moves(stage):
    """The client's own address changes: its connection is dead, and the next comes from the new one."""
    stage.open_both(**BEATS, **ATTEMPTS)
    # Or it could be back before the server has noticed.
    stage.cut()
    stage.wire.ip(1, "address", "flush", "dev", "wire")
    stage.wire.ip(1, "address", "add", "10.77.0.4/24", "dev", "wire")
    stage.await_loss()
    in_the_gap(stage)
    go_on(stage)
    subscriptions_go_on(stage)


@fault(beats)
def link_down(stage):
    """The client's link is down: attempts fail at once, and later and later."""
    stage.open_both(RECONNECT_IVL_MAX=400, **BEATS)
    stage.wire.ip(1, "link", "set", "wire", "down")
    stage.await_loss()
    in_the_gap(stage)
    for _ in range(5):
        stage.await_events(stage.client, "RETRIED")
    stage.wire.ip(1, "link", "set", "wire", "up")
    go_on(stage)
    subscriptions_go_on(stage)
    stage.expect_losses(1)


@fault(lambda pattern: beats(pattern) and not pattern.lockstep)
def again_and_again(stage):
    """Three cuts, each noticed, and the delays begin anew each time."""
    stage.open_both(RECONNECT_IVL_MAX=400, **BEATS, **ATTEMPTS)
    for _ in range(3):
        stage.cut()
        stage.await_loss()
        in_the_gap(stage)
        go_on(stage)
    stage.expect_losses(3)


@fault(lambda pattern: beats(pattern) and not pattern.lockstep)
def busy_cuts(stage):
    """Two cuts, while both sides send all the time: each costs one stretch."""
    stage.open_both(**BEATS, **ATTEMPTS)
    for _ in range(2):
        stage.exchange_until("DISCONNECTED", lambda: (stage.wire.do("pass", 50), stage.cut()))
        stage.send_to_nobody()
        stage.owed["up"] |= stage.exchange_until("SUCCEEDED", lambda: (stage.wire.do("lose", 1), stage.join()))
        stage.meet()
        stage.exchange()
    stage.expect_losses(2)
    stage.expect_stretches(2)


@fault(beats)
def deaf_server(stage):
    """Nothing reaches the server; what it says is heard, its end, too."""
    one_way(stage, 2)


@fault(beats)
def deaf_client(stage):
    """Nothing reaches the client."""
    one_way(stage, 1)


def one_way(stage, deaf):
    stage.open_both(**BEATS, **ATTEMPTS)
    stage.wire.do("deafen", deaf)
    stage.await_loss()
    in_the_gap(stage)
    go_on(stage)
    subscriptions_go_on(stage)
    stage.expect_losses(1)


@fault(beats)
def cut_handshake(stage):
    """The network goes again while the client and the server introduce themselves: both give up in time, and what waited
    goes on waiting."""
    stage.expected = [("(DELAYED CONNECTED|ACCEPTED) NO_DETAIL DISCONNECTED ", "")]
    stage.open_both(HANDSHAKE_IVL=700, **BEATS, **ATTEMPTS)
    stage.cut()
    stage.await_loss()
    in_the_gap(stage)
    # The first ten bytes of the greeting, and no more. At once: a join and then a cut could let all of it pass.
    stage.join(10, 1)
    for end in (stage.client, stage.server):
        stage.await_events(end, "NO_DETAIL")
        stage.await_loss(end)
    go_on(stage)
    subscriptions_go_on(stage)


@fault(queues_up)
def closed_in_the_cut(stage):
    """LINGER -1: what the client sent into the cut comes when the network is back, though it has closed."""
    stage.open_both(**SMALL_BUFFERS)
    stage.cut()
    leave(stage)


@fault(queues_up)
def closed_in_the_gap(stage):
    """LINGER -1: the client goes on connecting, and sends what it was left with."""
    stage.open_both(**BEATS, **ATTEMPTS)
    stage.cut()
    stage.await_loss()
    leave(stage)


@fault(queues_up)
def lost_while_closing(stage):
    """The same when the loss comes after the close: what the lost connection had taken is gone, the rest comes."""
    stage.open_both(**BEATS, **ATTEMPTS, **SMALL_BUFFERS)
    stage.cut()
    leave(stage, stage.server)


def leave(stage, loses=None):
    """The client is left with a queue, and closes; the network is back when that side has lost it, or after a while."""
    count = 100
    first = stage.numbers("up", count)
    numbers = list(range(first, first + count))
    if stage.client.ask("offer", first=first, count=count, size=1000)["sent"] != count:
        raise Wrong("up: refused")
    stage.await_events(stage.client, patience=0.05)
    stage.client.begin("close", linger=-1)
    if loses:
        stage.under_way["up"] += numbers
        stage.await_loss(loses)
    else:
        stage.owed["up"] |= set(numbers)
        # Whoever gives up when the first attempts come to nothing has done it by then.
        stage.wire.do("lose", 3)
    stage.join()
    stage.take("up", stage.server.ask("exchange", patience=PATIENCE, until=numbers[-1]))
    if stage.seen["up"][-1] != numbers[-1]:
        raise Wrong(f"up: {stage.seen['up'][-1]} came last instead of {numbers[-1]}")
    stage.client.finish()
    stage.client.kill()


def known_of_stock(case):
    """Why it does not go on where libzmq is on that side, or None."""
    fault, pattern = case.fault.__name__, case.pattern.name
    of_client = {
        "blocked_heartbeats": "it waits for an answer only when the PING is on its way",
        "cut_handshake XSUB-XPUB": "a handshake that fails costs it what was queued, too",
        "name_of_two": "it tries the first address alone",
        "immediate ROUTER-DEALER": "ZMQ_CONNECT_ROUTING_ID is forgotten with the first connection",
    }
    of_server = {"back_too_early": "the second connection of a PAIR stays, and nothing comes of it"}
    for side, reasons in ((case.client, of_client), (case.server, of_server)):
        if not side.directory:
            for name in (fault, f"{fault} {pattern}"):
                if name in reasons:
                    return reasons[name]
    return None


def quick(case):
    """Every pattern over one fault; each fault with one pattern, or two."""
    if case.fault is heartbeats:
        return case.pattern.name != "SUB-PUB"
    suiting = [pattern for pattern in PATTERNS if case.fault.suits(pattern)]
    number = FAULTS.index(case.fault)
    # Another one with each fault.
    chosen = suiting[number % len(suiting)], suiting[number // 2 % len(suiting)]
    return case.client is case.server and case.pattern in chosen
