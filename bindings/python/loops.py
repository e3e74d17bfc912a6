"""Event loops that watch ZMQ_FD: asyncio, uvloop, tornado, gevent, twisted."""

import sys

import zmq
from scenarios import TIMEOUT, bound, connected, main, scenario, start


def asyncio_context():
    import zmq.asyncio

    return zmq.asyncio.Context()


def run(coroutine):
    import asyncio

    return asyncio.run(asyncio.wait_for(coroutine, TIMEOUT / 1000))


@scenario
def asyncio_request_reply():
    import asyncio

    async def serve(server):
        while True:
            request = await server.recv_multipart()
            if request == [b"STOP"]:
                await server.send(b"stopped")
                return
            await server.send_multipart([b"echo", *request])

    async def work():
        context = asyncio_context()
        server, endpoint = bound(context, zmq.REP)
        client = connected(context, zmq.REQ, endpoint)
        task = asyncio.ensure_future(serve(server))
        for index in range(300):
            await client.send_multipart([b"%d" % index, b""])
            assert await client.recv_multipart() == [b"echo", b"%d" % index, b""]
        await client.send(b"STOP")
        print(await client.recv())
        await task
        context.destroy()

    run(work())


@scenario
def asyncio_pipeline():
    """Many messages each way at once; queues that fill up and empty."""
    import asyncio

    async def work():
        context = asyncio_context()
        for interface in ("inproc://pipeline", "ipc://*", "tcp://127.0.0.1:*"):
            push, endpoint = bound(context, zmq.PUSH, interface, sndhwm=10)
            pull = connected(context, zmq.PULL, endpoint, rcvhwm=10)

            async def produce():
                for index in range(3000):
                    await push.send(b"%d" % index)

            async def consume():
                for index in range(3000):
                    assert await pull.recv() == b"%d" % index
                    if index % 100 == 0:
                        await asyncio.sleep(0)

            await asyncio.gather(produce(), consume())
            print(interface)
            push.close()
            pull.close()
        context.term()

    run(work())


@scenario
def asyncio_many_clients():
    import asyncio

    async def work():
        context = asyncio_context()
        server, endpoint = bound(context, zmq.ROUTER)

        async def serve():
            for _ in range(20 * 30):
                name, *body = await server.recv_multipart()
                await server.send_multipart([name, *body])

        async def ask(number):
            client = connected(context, zmq.DEALER, endpoint)
            for index in range(30):
                await client.send_multipart([b"%d" % number, b"%d" % index])
            got = [await client.recv_multipart() for _ in range(30)]
            assert got == [[b"%d" % number, b"%d" % index] for index in range(30)]
            client.close()
            return number

        _, *numbers = await asyncio.gather(serve(), *[ask(number) for number in range(20)])
        print(numbers)
        context.destroy()

    run(work())


@scenario
def asyncio_poller_and_cancel():
    import asyncio

    from zmq.asyncio import Poller

    async def work():
        context = asyncio_context()
        push, endpoint = bound(context, zmq.PUSH)
        pull = connected(context, zmq.PULL, endpoint)
        poller = Poller()
        poller.register(pull, zmq.POLLIN)
        print(await poller.poll(50))
        waiting = asyncio.ensure_future(pull.recv())
        await asyncio.sleep(0)
        waiting.cancel()
        try:
            await waiting
        except asyncio.CancelledError:
            print("cancelled")
        await push.send(b"after")
        print([event for _, event in await poller.poll(TIMEOUT)])
        print(await pull.recv())
        try:
            await asyncio.wait_for(pull.recv(), 0.05)
        except asyncio.TimeoutError:
            print("timeout")
        await push.send(b"again")
        print(await pull.recv())
        context.destroy()

    run(work())


@scenario
def asyncio_subscriptions():
    import asyncio

    async def work():
        context = asyncio_context()
        publisher, endpoint = bound(context, zmq.XPUB)
        subscriber = connected(context, zmq.SUB, endpoint)
        for topic in (b"a", b"b", b""):
            subscriber.subscribe(topic)
            print(await publisher.recv())
            await publisher.send_multipart([topic + b"x", b"body"])
            print(await subscriber.recv_multipart())
            subscriber.unsubscribe(topic)
            print(await publisher.recv())
        context.destroy()

    run(work())


@scenario
def asyncio_cancelled_again_and_again():
    """Receives that are cancelled at all moments: each message still arrives once and in order."""
    import asyncio

    async def work(interface):
        context = asyncio_context()
        pull, endpoint = bound(context, zmq.PULL, interface)
        push = connected(context, zmq.PUSH, endpoint)
        count = 600

        async def produce():
            for index in range(count):
                await push.send(b"%d" % index)
                if index % 3 == 0:
                    await asyncio.sleep(0.0002 * (index % 5))

        producing = asyncio.ensure_future(produce())
        got = []
        cancelled = 0
        while len(got) < count:
            receiving = asyncio.ensure_future(pull.recv())
            # Between a receive that is not given a turn and one that has nearly always time enough.
            for _ in range(cancelled % 4):
                await asyncio.sleep(0)
            if cancelled % 2 and not receiving.done():
                # Cancelling a receive that has its message would lose the message, on any library.
                receiving.cancel()
            cancelled += 1
            try:
                got.append(await receiving)
            except asyncio.CancelledError:
                pass
        await producing
        print(interface, got == [b"%d" % index for index in range(count)])
        context.destroy()

    for interface in ("inproc://cancelled", "ipc://*", "tcp://127.0.0.1:*"):
        run(work(interface))


@scenario
def asyncio_one_message_each_way():
    """Strictly in turn: a wake-up that is lost ends everything."""
    import asyncio

    async def work(interface):
        context = asyncio_context()
        left, endpoint = bound(context, zmq.PAIR, interface)
        right = connected(context, zmq.PAIR, endpoint)

        async def answer():
            for _ in range(1000):
                await right.send(await right.recv())

        answering = asyncio.ensure_future(answer())
        for index in range(1000):
            await left.send(b"%d" % index)
            assert await left.recv() == b"%d" % index
        await answering
        print(interface)
        context.destroy()

    for interface in ("inproc://turns", "ipc://*", "tcp://127.0.0.1:*"):
        run(work(interface))


@scenario
def asyncio_with_threads():
    """The other side of each socket is a blocking thread."""
    import asyncio

    import threading

    all_there = threading.Event()

    def push_all(plain, endpoint, count):
        push = connected(plain, zmq.PUSH, endpoint)
        for index in range(count):
            push.send(b"%d" % index)
        # 4.3.4 now and then loses the end of a stream when its sender is closed.
        all_there.wait(TIMEOUT / 1000)
        push.close()

    async def work():
        context = asyncio_context()
        plain = zmq.Context.shadow(context.underlying)
        pulls = [bound(context, zmq.PULL, interface)
                 for interface in ("inproc://threads", "ipc://*", "tcp://127.0.0.1:*")]
        threads = [start(push_all, plain, endpoint, 2000) for _, endpoint in pulls]

        async def consume(pull):
            return [int(await pull.recv()) for _ in range(2000)] == list(range(2000))

        print(await asyncio.gather(*[consume(pull) for pull, _ in pulls]))
        all_there.set()
        for thread in threads:
            await asyncio.to_thread(thread.join)
        context.destroy()

    run(work())


@scenario
def asyncio_polls_many():
    """A poller over many sockets and a pipe, of which some are ready each time."""
    import asyncio
    import os

    from zmq.asyncio import Poller

    async def work():
        context = asyncio_context()
        pairs = []
        for index in range(12):
            interface = ("inproc://many%d" % index, "ipc://*", "tcp://127.0.0.1:*")[index % 3]
            pull, endpoint = bound(context, zmq.PULL, interface)
            pairs.append((pull, connected(context, zmq.PUSH, endpoint)))
        reading, writing = os.pipe()
        poller = Poller()
        poller.register(reading, zmq.POLLIN)
        for pull, _ in pairs:
            poller.register(pull, zmq.POLLIN)
        for turn in range(60):
            chosen = {(turn * step) % 12 for step in (1, 5, 7)}
            waiting = asyncio.ensure_future(poller.poll(TIMEOUT))
            await asyncio.sleep(0)
            if turn % 4 == 0:
                os.write(writing, b"x")
            for index in chosen:
                await pairs[index][1].send(b"%d" % turn)
            missing = {pairs[index][0] for index in chosen} | ({reading} if turn % 4 == 0 else set())
            while missing:
                ready = await waiting
                assert ready
                for what, _ in ready:
                    missing.remove(what)
                    assert (os.read(what, 1) == b"x") if what == reading else (await what.recv() == b"%d" % turn)
                waiting = asyncio.ensure_future(poller.poll(TIMEOUT))
            waiting.cancel()
        print("all")
        os.close(reading)
        os.close(writing)
        context.destroy()

    run(work())


@scenario
def uvloop_request_reply():
    """asyncio's interface over libuv."""
    import asyncio

    try:
        import uvloop
    except ImportError:
        print("SKIPPED: uvloop")
        return

    async def work():
        context = asyncio_context()
        for interface in ("inproc://uvloop", "ipc://*", "tcp://127.0.0.1:*"):
            router, endpoint = bound(context, zmq.ROUTER, interface)
            dealers = [connected(context, zmq.DEALER, endpoint) for _ in range(5)]

            async def serve():
                for _ in range(1500):
                    await router.send_multipart(await router.recv_multipart())

            async def ask(dealer):
                for index in range(300):
                    await dealer.send(b"%d" % index)
                    assert await dealer.recv() == b"%d" % index

            await asyncio.gather(serve(), *[ask(dealer) for dealer in dealers])
            print(interface)
        context.destroy()

    uvloop.install()
    run(work())


@scenario
def tornado_stream():
    try:
        from tornado import gen, ioloop
        from zmq.eventloop.zmqstream import ZMQStream
    except ImportError:
        print("SKIPPED: tornado")
        return

    context = zmq.Context()
    loop = ioloop.IOLoop()
    loop.make_current()
    server_socket, endpoint = bound(context, zmq.ROUTER)
    server = ZMQStream(server_socket)
    client = ZMQStream(connected(context, zmq.DEALER, endpoint))
    server.on_recv(lambda message: server.send_multipart(message + [b"seen"]))
    got = []

    def arrived(message):
        got.append(message)
        if len(got) == 1000:
            loop.stop()

    client.on_recv(arrived)
    for index in range(1000):
        client.send_multipart([b"%d" % index])
    loop.call_later(TIMEOUT / 1000, loop.stop)
    loop.start()
    print(len(got), got[0], got[-1])
    client.close()
    server.close()
    context.term()


@scenario
def tornado_against_a_mark():
    """A stream that sends more than the queues hold, and one that stops and starts to receive."""
    try:
        from tornado import ioloop
        from zmq.eventloop.zmqstream import ZMQStream
    except ImportError:
        print("SKIPPED: tornado")
        return

    for interface in ("inproc://mark", "ipc://*", "tcp://127.0.0.1:*"):
        context = zmq.Context()
        loop = ioloop.IOLoop()
        loop.make_current()
        pull, endpoint = bound(context, zmq.PULL, interface, rcvhwm=5)
        reader = ZMQStream(pull)
        writer = ZMQStream(connected(context, zmq.PUSH, endpoint, sndhwm=5))
        got = []

        def arrived(message):
            got.append(int(message[0]))
            if len(got) == 2000:
                loop.stop()
            elif len(got) % 100 == 0:
                reader.stop_on_recv()
                loop.add_callback(reader.on_recv, arrived)

        reader.on_recv(arrived)
        for index in range(2000):
            writer.send(b"%d" % index)
        loop.call_later(TIMEOUT / 1000, loop.stop)
        loop.start()
        print(interface, got == list(range(2000)))
        writer.close()
        reader.close()
        loop.close()
        context.term()


@scenario
def tornado_publisher():
    try:
        from tornado import ioloop
        from zmq.eventloop.zmqstream import ZMQStream
    except ImportError:
        print("SKIPPED: tornado")
        return

    context = zmq.Context()
    loop = ioloop.IOLoop()
    loop.make_current()
    publisher_socket, endpoint = bound(context, zmq.XPUB, xpub_verbose=True)
    publisher = ZMQStream(publisher_socket)
    subscribers = []
    got = {}

    def joined(message):
        """Each subscription is answered by one publication."""
        publisher.send_multipart([message[0][1:], b"hello"])

    def arrived(number, message):
        got[number] = message
        if len(got) == 20:
            loop.stop()

    publisher.on_recv(joined)
    for number in range(20):
        subscriber = ZMQStream(connected(context, zmq.SUB, endpoint))
        subscriber.on_recv(lambda message, number=number: arrived(number, message))
        subscriber.socket.subscribe(b"topic %02d" % number)
        subscribers.append(subscriber)
    loop.call_later(TIMEOUT / 1000, loop.stop)
    loop.start()
    print(sorted(got.items()))
    for stream in [publisher, *subscribers]:
        stream.close()
    context.term()


@scenario
def gevent_green():
    try:
        import gevent
        import zmq.green as green
    except ImportError:
        print("SKIPPED: gevent")
        return

    context = green.Context()
    server, endpoint = bound(context, green.REP)
    client = connected(context, green.REQ, endpoint)

    def serve():
        for _ in range(300):
            server.send(server.recv()[::-1])

    def ask():
        return [(client.send(b"%d" % index), client.recv())[1] for index in range(300)]

    serving, asking = gevent.spawn(serve), gevent.spawn(ask)
    gevent.joinall([serving, asking], timeout=TIMEOUT / 1000, raise_error=True)
    print(asking.value[-3:])
    context.destroy()


@scenario
def gevent_many():
    """Greenlets that block each for itself, with queues that fill up, and timeouts that give up waiting."""
    try:
        import gevent
        import zmq.green as green
    except ImportError:
        print("SKIPPED: gevent")
        return

    for interface in ("inproc://many", "ipc://*", "tcp://127.0.0.1:*"):
        context = green.Context()
        pull, endpoint = bound(context, green.PULL, interface, rcvhwm=4)
        pushes = [connected(context, green.PUSH, endpoint, sndhwm=4) for _ in range(6)]

        def produce(number, push):
            for index in range(300):
                push.send(b"%d %d" % (number, index))

        def consume():
            got = [[] for _ in pushes]
            given_up = 0
            while sum(map(len, got)) < 6 * 300:
                try:
                    with gevent.Timeout(0.001 if given_up < 20 else TIMEOUT / 1000):
                        number, index = map(int, pull.recv().split())
                        got[number].append(index)
                except gevent.Timeout:
                    given_up += 1
            return all(each == list(range(300)) for each in got)

        consuming = gevent.spawn(consume)
        gevent.sleep(0.01)
        producing = [gevent.spawn(produce, *each) for each in enumerate(pushes)]
        gevent.joinall([consuming, *producing], timeout=TIMEOUT / 1000, raise_error=True)
        print(interface, consuming.value)
        context.destroy()


@scenario
def gevent_poller():
    try:
        import gevent
        import zmq.green as green
    except ImportError:
        print("SKIPPED: gevent")
        return

    context = green.Context()
    router, endpoint = bound(context, green.ROUTER)
    dealers = [connected(context, green.DEALER, endpoint) for _ in range(5)]

    def serve():
        poller = green.Poller()
        poller.register(router, green.POLLIN)
        for _ in range(5 * 100):
            assert poller.poll(TIMEOUT)
            router.send_multipart(router.recv_multipart())

    def ask(dealer):
        for index in range(100):
            dealer.send(b"%d" % index)
            assert dealer.poll(TIMEOUT) == green.POLLIN
            assert dealer.recv() == b"%d" % index
        return True

    tasks = [gevent.spawn(serve), *[gevent.spawn(ask, dealer) for dealer in dealers]]
    gevent.joinall(tasks, timeout=TIMEOUT / 1000, raise_error=True)
    print([task.value for task in tasks])
    context.destroy()


@scenario
def twisted_connection():
    sys.argv = sys.argv[:1]
    try:
        from twisted.internet import reactor
        from txzmq import ZmqEndpoint, ZmqEndpointType, ZmqFactory, ZmqPullConnection, ZmqPushConnection
    except ImportError:
        print("SKIPPED: txzmq")
        return

    factory = ZmqFactory()
    pull = ZmqPullConnection(factory, ZmqEndpoint(ZmqEndpointType.bind, "ipc://twisted"))
    push = ZmqPushConnection(factory, ZmqEndpoint(ZmqEndpointType.connect, "ipc://twisted"))
    got = []

    def arrived(message):
        got.append(message)
        if len(got) == 500:
            reactor.stop()

    pull.onPull = arrived
    for index in range(500):
        push.push([b"%d" % index])
    reactor.callLater(TIMEOUT / 1000, reactor.crash)
    reactor.run()
    print(len(got), got[0], got[-1])
    factory.shutdown()


if __name__ == "__main__":
    main()
