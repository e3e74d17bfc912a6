"""Pollers, timeouts, monitors, options."""

import select
import time

import zmq
from scenarios import TIMEOUT, bound, connected, dead_endpoint, main, outcome, scenario, socket, start
from zmq.utils import monitor

TYPES = ("PAIR", "PUB", "SUB", "REQ", "REP", "DEALER", "ROUTER", "PULL", "PUSH", "XPUB", "XSUB")
INTERFACES = ("inproc://watching", "ipc://*", "tcp://127.0.0.1:*")


@scenario
def poller_timeouts():
    context = zmq.Context()
    pull, endpoint = bound(context, zmq.PULL)
    poller = zmq.Poller()
    poller.register(pull, zmq.POLLIN)
    for timeout in (0, 1, 50, 200):
        began = time.monotonic()
        ready = poller.poll(timeout)
        passed = (time.monotonic() - began) * 1000
        print(timeout, ready, timeout - 1 <= passed < timeout + 500)
    for timeout in (0, 50):
        pull.rcvtimeo = timeout
        began = time.monotonic()
        print(outcome(pull.recv), timeout - 1 <= (time.monotonic() - began) * 1000 < timeout + 500)
    push = socket(context, zmq.PUSH, sndtimeo=50)
    print(outcome(push.send, b"to nobody"), outcome(push.send, b"to nobody", zmq.DONTWAIT))
    context.destroy()


@scenario
def poll_sockets_and_pipes():
    import os

    context = zmq.Context()
    pull, endpoint = bound(context, zmq.PULL)
    push = connected(context, zmq.PUSH, endpoint)
    reading, writing = os.pipe()
    poller = zmq.Poller()
    poller.register(pull, zmq.POLLIN)
    poller.register(reading, zmq.POLLIN)
    poller.register(push, zmq.POLLOUT)
    poller.register(writing, zmq.POLLOUT)
    names = {pull: "pull", reading: "reading", push: "push", writing: "writing"}

    def ready():
        return [(names[what], event) for what, event in poller.poll(TIMEOUT)]

    push.send(b"x")
    assert pull.poll(TIMEOUT)
    print(ready())
    os.write(writing, b"y")
    print(ready())
    pull.recv()
    print(ready())
    poller.modify(push, zmq.POLLIN)
    poller.unregister(writing)
    os.read(reading, 1)
    print(poller.poll(20))
    os.close(writing)
    print(ready())
    poller.unregister(reading)
    os.close(reading)
    pull.close()
    print(outcome(poller.poll, 10))
    context.destroy()


@scenario
def readiness_of_all_types():
    """What poll says of each type alone, with a peer, and with a message there."""
    pairs = {"PAIR": "PAIR", "PUB": "SUB", "SUB": "PUB", "REQ": "REP", "REP": "REQ", "DEALER": "ROUTER",
             "ROUTER": "DEALER", "PULL": "PUSH", "PUSH": "PULL", "XPUB": "XSUB", "XSUB": "XPUB"}
    both = zmq.POLLIN | zmq.POLLOUT
    for interface in INTERFACES:
        for name in TYPES:
            context = zmq.Context()
            one, endpoint = bound(context, getattr(zmq, name), interface)
            states = [one.poll(0, both)]
            other = connected(context, getattr(zmq, pairs[name]), endpoint, identity=b"other")
            if name in ("PUB", "XPUB"):
                other.subscribe(b"") if name == "PUB" else other.send(b"\x01")
            if name == "SUB":
                one.subscribe(b"")
            if name in ("PAIR", "REQ", "DEALER", "PUSH"):
                states.append(one.poll(TIMEOUT, zmq.POLLOUT))
            if name in ("PAIR", "REP", "ROUTER", "PULL"):
                other.send(b"message")
                states.append(one.poll(TIMEOUT, zmq.POLLIN))
                one.recv_multipart()
                states.append(one.poll(0, both))
            print(interface.split(":")[0], name, states)
            context.destroy()


@scenario
def select_on_sockets():
    context = zmq.Context()
    pull, endpoint = bound(context, zmq.PULL)
    push = connected(context, zmq.PUSH, endpoint)
    print([len(each) for each in zmq.select([pull], [push], [], TIMEOUT / 1000)])
    push.send(b"x")
    assert pull.poll(TIMEOUT)
    print([len(each) for each in zmq.select([pull], [push], [pull, push], TIMEOUT / 1000)])
    context.destroy()


@scenario
def own_loop_on_the_descriptor():
    """An edge-triggered loop over ZMQ_FD that reads until there is nothing, and sends in between."""
    for interface in INTERFACES:
        context = zmq.Context()
        server, endpoint = bound(context, zmq.ROUTER, interface)

        def ask():
            client = connected(context, zmq.DEALER, endpoint)
            for index in range(2000):
                client.send(b"%d" % index)
                if index % 7 == 0:
                    client.recv()
            for index in range(2000 - 286):
                client.recv()
            client.close()

        thread = start(ask)
        descriptor = server.FD
        waiting = select.epoll()
        waiting.register(descriptor, select.EPOLLIN | select.EPOLLET)
        answered = 0
        while answered < 2000:
            events = server.EVENTS
            if events & zmq.POLLIN:
                server.send_multipart(server.recv_multipart())
                answered += 1
            elif not waiting.poll(TIMEOUT / 1000):
                raise TimeoutError(f"{answered} answered over {interface}")
        thread.join()
        print(interface.split(":")[0], answered)
        waiting.close()
        context.destroy()


def monitor_name(number):
    return zmq.Event(number).name


def collect(watch, until, limit=40):
    """Events up to one named `until`, without repetitions."""
    names = []
    for _ in range(limit):
        if not watch.poll(TIMEOUT):
            names.append("nothing more")
            break
        name = monitor_name(monitor.recv_monitor_message(watch)["event"])
        if not names or names[-1] != name:
            names.append(name)
        if name == until:
            break
    return names


@scenario
def monitored_server_and_client():
    for interface in INTERFACES[1:]:
        context = zmq.Context()
        server = socket(context, zmq.REP)
        at_server = server.get_monitor_socket()
        server.bind(interface)
        endpoint = server.getsockopt_string(zmq.LAST_ENDPOINT).rstrip("\0")
        client = socket(context, zmq.REQ)
        at_client = client.get_monitor_socket()
        client.connect(endpoint)
        print(collect(at_server, "HANDSHAKE_SUCCEEDED"))
        print(collect(at_client, "HANDSHAKE_SUCCEEDED"))
        client.send(b"x")
        server.send(server.recv())
        client.recv()
        client.close()
        print(collect(at_server, "DISCONNECTED"))
        server.unbind(endpoint)
        print(collect(at_server, "CLOSED"))
        server.disable_monitor()
        at_client.close()
        context.destroy()


@scenario
def monitored_refusals():
    context = zmq.Context()
    client = socket(context, zmq.REQ, reconnect_ivl=20)
    watch = client.get_monitor_socket()
    client.connect(dead_endpoint())
    names = collect(watch, "CONNECT_RETRIED")
    print(names, watch.poll(TIMEOUT) > 0)
    print(outcome(client.get_monitor_socket) is watch)
    context.destroy()


@scenario
def monitored_in_a_thread():
    context = zmq.Context()
    server = socket(context, zmq.PULL)
    watch = server.get_monitor_socket()
    watch.rcvtimeo = TIMEOUT
    seen = []

    def run():
        while True:
            event = monitor.recv_monitor_message(watch)
            if event["event"] == zmq.EVENT_MONITOR_STOPPED:
                break
            seen.append(monitor_name(event["event"]))
        watch.close()

    thread = start(run)
    server.bind("tcp://127.0.0.1:*")
    endpoint = server.getsockopt_string(zmq.LAST_ENDPOINT).rstrip("\0")
    for _ in range(3):
        push = connected(context, zmq.PUSH, endpoint)
        push.send(b"x")
        server.recv()
        push.close()
    server.monitor(None, 0)
    thread.join()
    print(seen[0], seen.count("ACCEPTED"), seen.count("HANDSHAKE_SUCCEEDED"))
    context.destroy()


# Depends on the system, or is a draft that not every build of the stock library has.
NOT_COMPARED = {"FD", "IDENTITY_FD", "LAST_ENDPOINT", "IN_BATCH_SIZE", "OUT_BATCH_SIZE", "PRIORITY", "ROUTER_NOTIFY"}


@scenario
def values_of_all_options():
    context = zmq.Context()
    for name in TYPES:
        made = context.socket(getattr(zmq, name))
        for option in sorted(zmq.SocketOption, key=lambda option: option.name):
            # Security and transports that a build may lack.
            skipped = ("CURVE", "GSSAPI", "PLAIN", "ZAP", "VMCI", "NORM", "WSS", "MECHANISM")
            if option.name in NOT_COMPARED or option.name.startswith(skipped):
                continue
            print(name, option.name, outcome(made.get, option))
        made.close(0)
    for option in sorted(zmq.ContextOption, key=lambda option: option.name):
        if option.name not in ("MSG_T_SIZE", "ZERO_COPY_RECV"):
            print(option.name, outcome(context.get, option))
    context.term()


@scenario
def options_set_and_read():
    context = zmq.Context()
    values = (-2, -1, 0, 1, 2, 255, 10_000)
    options = ("AFFINITY", "BACKLOG", "CONFLATE", "CONNECT_TIMEOUT", "HANDSHAKE_IVL", "HEARTBEAT_IVL",
               "HEARTBEAT_TIMEOUT", "HEARTBEAT_TTL", "IMMEDIATE", "IPV6", "LINGER", "MAXMSGSIZE",
               "MULTICAST_HOPS", "RATE", "RCVBUF", "RCVHWM", "RCVTIMEO", "RECONNECT_IVL",
               "RECONNECT_IVL_MAX", "RECOVERY_IVL", "SNDBUF", "SNDHWM", "SNDTIMEO", "TCP_KEEPALIVE",
               "TCP_KEEPALIVE_CNT", "TCP_KEEPALIVE_IDLE", "TCP_KEEPALIVE_INTVL", "TCP_MAXRT", "TOS")
    made = context.socket(zmq.DEALER)
    for name in options:
        option = getattr(zmq, name)
        print(name, [(outcome(made.set, option, value), outcome(made.get, option)) for value in values])
    made.close(0)
    context.term()


@scenario
def wrong_calls():
    context = zmq.Context()
    for name in TYPES:
        made = context.socket(getattr(zmq, name))
        made.linger = 0
        print(name,
              outcome(made.send, b"", zmq.DONTWAIT) if name not in ("XSUB",) else None,
              outcome(made.recv, zmq.DONTWAIT),
              [outcome(made.bind, where) for where in (
                  "", "tcp", "tcp://", "tcp://127.0.0.1", "tcp://*:x", "tcp://127.0.0.1:65536", "udp://127.0.0.1:1",
                  "nothing://x", "ipc:///nowhere/at/all/x", "inproc://", "tcp://192.0.2.1:*", "ipc://@",
                  "ipc://" + "x" * 200)],
              [outcome(made.connect, where) for where in (
                  "", "tcp://", "tcp://127.0.0.1", "tcp://*:1", "tcp://127.0.0.1:x", "nothing://x", "TCP://127.0.0.1:1",
                  "inproc://", "udp://127.0.0.1:1")],
              [outcome(made.unbind, where) for where in ("tcp://127.0.0.1:1", "nonsense", "inproc://x")],
              [outcome(made.disconnect, where) for where in ("tcp://127.0.0.1:1", "nonsense", "inproc://x")],
              [outcome(made.set, option, b"x") for option in (
                  zmq.SUBSCRIBE, zmq.UNSUBSCRIBE, zmq.IDENTITY, zmq.CONNECT_RID, zmq.XPUB_WELCOME_MSG)],
              [outcome(made.set, option, 1) for option in (
                  zmq.ROUTER_MANDATORY, zmq.REQ_RELAXED, zmq.XPUB_VERBOSE, zmq.PROBE_ROUTER, zmq.ROUTER_HANDOVER,
                  zmq.XPUB_MANUAL, zmq.CONFLATE, zmq.INVERT_MATCHING)])
        made.close(0)
    context.term()


if __name__ == "__main__":
    main()
