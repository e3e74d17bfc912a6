"""Event loops that watch ZMQ_FD: asyncio, tornado, gevent, twisted."""

import sys

import zmq
from scenarios import TIMEOUT, bound, connected, main, scenario, socket


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
