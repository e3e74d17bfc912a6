"""The patterns of the ZeroMQ guide, small."""

import threading

import zmq
from scenarios import TIMEOUT, bound, connected, dead_endpoint, main, outcome, scenario, socket, start


@scenario
def hello_world():
    context = zmq.Context()
    server, endpoint = bound(context, zmq.REP)

    def serve():
        for _ in range(10):
            server.send(server.recv() + b" World")

    thread = start(serve)
    client = connected(context, zmq.REQ, endpoint)
    for index in range(10):
        client.send_string(f"Hello {index}")
        print(client.recv_string())
    thread.join()
    print(outcome(client.recv), outcome(server.send, b"unasked"))
    context.destroy()


@scenario
def lazy_pirate():
    """Requests to nobody time out; each time the client begins again with a new socket."""
    context = zmq.Context()
    endpoint = dead_endpoint()
    left = 3
    answer = None
    thread = None
    answered = threading.Event()

    def serve():
        late, _ = bound(context, zmq.REP, endpoint)
        # An abandoned client's request may still get here first.
        while not answered.is_set():
            if late.poll(20):
                late.send(b"answer to " + late.recv())
        late.close()

    while left and not answer:
        client = connected(context, zmq.REQ, endpoint, reconnect_ivl=10)
        client.send(b"attempt")
        left -= 1
        if client.poll(200 if left else TIMEOUT):
            answer = client.recv()
        else:
            print("no answer;", left, "left")
        client.close(0)
        if left == 1:
            thread = start(serve)
    print(answer)
    answered.set()
    thread.join()
    context.destroy()


@scenario
def ventilator_worker_sink():
    context = zmq.Context()
    ventilator, tasks = bound(context, zmq.PUSH)
    sink, results = bound(context, zmq.PULL)
    control, orders = bound(context, zmq.XPUB, xpub_verbose=True)

    def work():
        inlet = connected(context, zmq.PULL, tasks)
        outlet = connected(context, zmq.PUSH, results)
        stop = connected(context, zmq.SUB, orders)
        stop.subscribe(b"")
        poller = zmq.Poller()
        poller.register(inlet, zmq.POLLIN)
        poller.register(stop, zmq.POLLIN)
        while True:
            ready = dict(poller.poll(TIMEOUT))
            if inlet in ready:
                outlet.send_json({"square": inlet.recv_json()["number"] ** 2})
            if stop in ready:
                assert stop.recv() == b"KILL"
                break
            if not ready:
                raise TimeoutError
        for each in (inlet, outlet, stop):
            each.close(TIMEOUT)

    workers = [start(work) for _ in range(3)]
    for _ in workers:
        print(control.recv())
    for number in range(300):
        ventilator.send_json({"number": number})
    print(sum(sink.recv_json()["square"] for _ in range(300)))
    control.send(b"KILL")
    for worker in workers:
        worker.join()
    context.destroy()


@scenario
def load_balancing_broker():
    """Workers say that they are ready; the broker gives each client to the one idle longest."""
    context = zmq.Context()
    frontend, clients_at = bound(context, zmq.ROUTER)
    backend, workers_at = bound(context, zmq.ROUTER, "ipc://*")
    jobs = 60

    def work(name):
        worker = connected(context, zmq.REQ, workers_at, identity=name)
        worker.send(b"READY")
        while True:
            address, empty, request = worker.recv_multipart()
            if request == b"STOP":
                break
            worker.send_multipart([address, b"", b"OK " + request])
        worker.close()

    def ask(name):
        client = connected(context, zmq.REQ, clients_at, identity=name)
        for index in range(jobs // 3):
            client.send(name + b" %d" % index)
            reply = client.recv()
            assert reply == b"OK " + name + b" %d" % index, reply
        client.close()

    workers = [start(work, b"worker %d" % index) for index in range(2)]
    clients = [start(ask, b"client %d" % index) for index in range(3)]
    idle = []
    done = 0
    poller = zmq.Poller()
    poller.register(backend, zmq.POLLIN)
    poller.register(frontend, zmq.POLLIN)
    while done < jobs or len(idle) < 2:
        ready = dict(poller.poll(TIMEOUT))
        assert ready
        if backend in ready:
            worker, empty, client, *rest = backend.recv_multipart()
            idle.append(worker)
            if client != b"READY":
                frontend.send_multipart([client, *rest])
                done += 1
        if frontend in ready and idle:
            client, empty, request = frontend.recv_multipart()
            backend.send_multipart([idle.pop(0), b"", client, b"", request])
    for worker in idle:
        backend.send_multipart([worker, b"", b"", b"", b"STOP"])
    for thread in workers + clients:
        thread.join()
    print(done, sorted(idle))
    context.destroy()


@scenario
def majordomo():
    """Services by name: workers register over DEALER, clients ask over REQ, dead workers expire."""
    context = zmq.Context()
    broker, endpoint = bound(context, zmq.ROUTER)
    counted = {"requests": 0, "disconnects": 0}

    def broke():
        workers, waiting = {}, {}
        while True:
            message = broker.recv_multipart()
            sender, empty, header = message[:3]
            if header == b"MDPC01":
                service, *body = message[3:]
                if service == b"mmi.stop":
                    for names in workers.values():
                        for name in names:
                            broker.send_multipart([name, b"", b"MDPW01", b"\x05"])
                    broker.send_multipart([sender, b"", b"MDPC01", service, b"200"])
                    return
                if service == b"mmi.service":
                    known = b"200" if workers.get(body[0]) else b"404"
                    broker.send_multipart([sender, b"", b"MDPC01", service, known])
                    continue
                waiting.setdefault(service, []).append((sender, body))
            else:
                command = message[3]
                if command == b"\x01":
                    service = message[4]
                    workers.setdefault(service, []).append(sender)
                elif command == b"\x03":
                    client, _, service, *body = message[4:]
                    broker.send_multipart([client, b"", b"MDPC01", service, *body])
                    workers[service].append(sender)
                elif command == b"\x05":
                    counted["disconnects"] += 1
                    for names in workers.values():
                        if sender in names:
                            names.remove(sender)
            for service, requests in waiting.items():
                while requests and workers.get(service):
                    client, body = requests.pop(0)
                    worker = workers[service].pop(0)
                    counted["requests"] += 1
                    broker.send_multipart([worker, b"", b"MDPW01", b"\x02", client, b"", service, *body])

    def work(service, limit):
        worker = connected(context, zmq.DEALER, endpoint)
        worker.send_multipart([b"", b"MDPW01", b"\x01", service])
        while True:
            frames = worker.recv_multipart()
            if frames[2] == b"\x05":
                break
            client, _, name, *body = frames[3:]
            worker.send_multipart([b"", b"MDPW01", b"\x03", client, b"", name, *[part[::-1] for part in body]])
            limit -= 1
            if limit == 0:
                worker.send_multipart([b"", b"MDPW01", b"\x05"])
                break
        worker.close(TIMEOUT)

    threads = [start(broke), start(work, b"echo", 5), start(work, b"echo", -1), start(work, b"other", -1)]
    client = connected(context, zmq.REQ, endpoint)

    def ask(service, *body):
        client.send_multipart([b"MDPC01", service, *body])
        return client.recv_multipart()[2:]

    for index in range(30):
        print(ask(b"echo", b"request", b"%d" % index), ask(b"other", b"", b"abc"))
    print(ask(b"mmi.service", b"echo"), ask(b"mmi.service", b"none"), ask(b"mmi.stop"))
    for thread in threads:
        thread.join()
    print(counted)
    context.destroy()


@scenario
def weather_proxy():
    """XSUB and XPUB in the middle: subscriptions go up, updates come down."""
    context = zmq.Context()
    upstream, publishers_at = bound(context, zmq.XSUB)
    downstream, subscribers_at = bound(context, zmq.XPUB)
    publisher = connected(context, zmq.XPUB, publishers_at)
    first = connected(context, zmq.SUB, subscribers_at)
    second = connected(context, zmq.SUB, subscribers_at)
    stop_here, stop_at = bound(context, zmq.PAIR, "inproc://stop")
    stop_there = connected(context, zmq.PAIR, stop_at)

    def forward():
        poller = zmq.Poller()
        for each in (upstream, downstream, stop_there):
            poller.register(each, zmq.POLLIN)
        while True:
            ready = dict(poller.poll(TIMEOUT))
            assert ready
            if upstream in ready:
                downstream.send_multipart(upstream.recv_multipart())
            if downstream in ready:
                upstream.send_multipart(downstream.recv_multipart())
            if stop_there in ready:
                return

    thread = start(forward)
    first.subscribe(b"1000")
    print(publisher.recv())
    second.subscribe(b"2000")
    print(publisher.recv())
    second.subscribe(b"1000")  # the publisher knows already, so it is not told again
    second.subscribe(b"3000")
    print(publisher.recv())
    for code in (b"1000", b"1500", b"2000", b"10001", b"3000"):
        publisher.send_multipart([code, b"sunny"])
    print([first.recv_multipart() for _ in range(2)])
    print([second.recv_multipart() for _ in range(4)])
    first.unsubscribe(b"1000")
    second.unsubscribe(b"1000")
    print(publisher.recv())
    stop_here.send(b"")
    thread.join()
    context.destroy()


@scenario
def last_value_cache():
    """A new subscriber gets the last value of its topic at once."""
    context = zmq.Context()
    feed, feed_at = bound(context, zmq.PUB, "inproc://feed")
    frontend = connected(context, zmq.SUB, feed_at)
    frontend.subscribe(b"")
    backend, cache_at = bound(context, zmq.XPUB, xpub_verbose=True)
    cache = {}
    for index in range(100):
        feed.send_multipart([b"topic %d" % (index % 10), b"%d" % index])
    for _ in range(100):
        topic, value = frontend.recv_multipart()
        cache[topic] = value
    for index in (3, 7, 3):
        subscriber = connected(context, zmq.SUB, cache_at)
        subscriber.subscribe(b"topic %d" % index)
        event = backend.recv()
        backend.send_multipart([event[1:], cache[event[1:]]])
        print(event, subscriber.recv_multipart())
        subscriber.close()
        print(backend.recv())
    context.destroy()


@scenario
def clone_with_snapshot():
    context = zmq.Context()
    snapshot, snapshot_at = bound(context, zmq.ROUTER)
    publisher, updates_at = bound(context, zmq.XPUB)
    collector, changes_at = bound(context, zmq.PULL)
    subscriber = connected(context, zmq.SUB, updates_at)
    subscriber.subscribe(b"")
    print(publisher.recv())
    state = {b"key %d" % index: b"%d" % index for index in range(50)}
    asker = connected(context, zmq.DEALER, snapshot_at)
    changer = connected(context, zmq.PUSH, changes_at)
    asker.send(b"ICANHAZ?")
    name, request = snapshot.recv_multipart()
    for pair in state.items():
        snapshot.send_multipart([name, *pair])
    snapshot.send_multipart([name, b"KTHXBAI", b"50"])
    got = {}
    while True:
        key, value = asker.recv_multipart()
        if key == b"KTHXBAI":
            break
        got[key] = value
    print(got == state)
    for index in range(20):
        changer.send_multipart([b"key %d" % index, b"changed"])
        publisher.send_multipart(collector.recv_multipart())
        key, value = subscriber.recv_multipart()
        got[key] = value
    print(sorted(got.items())[:30])
    context.destroy()


@scenario
def asynchronous_server():
    """DEALER clients with many requests under way, ROUTER to DEALER inside the server."""
    context = zmq.Context()
    frontend, endpoint = bound(context, zmq.ROUTER)
    backend, inside_at = bound(context, zmq.DEALER, "inproc://backend")

    def work():
        worker = connected(context, zmq.DEALER, inside_at)
        while True:
            name, *request = worker.recv_multipart()
            if request == [b"STOP"]:
                break
            for copy in range(3):
                worker.send_multipart([name, *request, b"%d" % copy])
        worker.close()

    workers = [start(work) for _ in range(2)]

    def broke(total):
        poller = zmq.Poller()
        poller.register(frontend, zmq.POLLIN)
        poller.register(backend, zmq.POLLIN)
        while total:
            for ready, _ in poller.poll(TIMEOUT):
                if ready is frontend:
                    backend.send_multipart(frontend.recv_multipart())
                else:
                    frontend.send_multipart(backend.recv_multipart())
                    total -= 1

    def ask(number):
        client = connected(context, zmq.DEALER, endpoint, identity=b"client %d" % number)
        for index in range(50):
            client.send_multipart([b"%d" % index, b"x" * index])
        got = sorted(tuple(client.recv_multipart()) for _ in range(150))
        want = sorted((b"%d" % index, b"x" * index, b"%d" % copy) for index in range(50) for copy in range(3))
        assert got == want
        client.close()

    threads = [start(broke, 450)] + [start(ask, number) for number in range(3)]
    for thread in threads:
        thread.join()
    for _ in workers:
        backend.send_multipart([b"", b"STOP"])
    for worker in workers:
        worker.join()
    print("450 answers")
    context.destroy()


@scenario
def synchronised_publisher():
    """Subscribers report before the first update, so none is lost."""
    context = zmq.Context()
    publisher, updates_at = bound(context, zmq.XPUB, sndhwm=0, xpub_verbose=True)
    reports, reports_at = bound(context, zmq.REP)

    def subscribe():
        subscriber = connected(context, zmq.SUB, updates_at, rcvhwm=0)
        subscriber.subscribe(b"")
        report = connected(context, zmq.REQ, reports_at)
        report.send(b"")
        report.recv()
        count = 0
        while subscriber.recv() != b"END":
            count += 1
        counts.append(count)
        subscriber.close()
        report.close()

    counts = []
    threads = [start(subscribe) for _ in range(3)]
    for _ in threads:
        reports.recv()
        reports.send(b"")
        # The topic travels on a connection of its own: the report alone does not mean that it is here.
        publisher.recv()
    for _ in range(5000):
        publisher.send(b"Rhubarb")
    publisher.send(b"END")
    for thread in threads:
        thread.join()
    print(counts)
    context.destroy()


@scenario
def router_to_router():
    """Peers know each other's names; a mandatory ROUTER says when it does not."""
    context = zmq.Context()
    first, endpoint = bound(context, zmq.ROUTER, identity=b"first", router_mandatory=True)
    print(outcome(first.send_multipart, [b"second", b"too early"]))
    second = connected(context, zmq.ROUTER, endpoint, identity=b"second", connect_rid=b"host")
    second.send_multipart([b"host", b"hello", b""])
    print(first.recv_multipart())
    first.send_multipart([b"second", b"back"])
    print(second.recv_multipart())
    print(outcome(first.send_multipart, [b"third", b"nobody"]))
    context.destroy()


@scenario
def relay_race():
    """PAIR over inproc between threads, connected before bound."""
    context = zmq.Context()

    def step(number):
        following = connected(context, zmq.PAIR, f"inproc://step{number + 1}")
        if number:
            previous = socket(context, zmq.PAIR)
            previous.bind(f"inproc://step{number}")
            following.send(previous.recv() + b"%d" % number)
            previous.close()
        else:
            following.send(b"0")
        following.close(TIMEOUT)

    threads = [start(step, number) for number in range(9, -1, -1)]
    last = socket(context, zmq.PAIR)
    last.bind("inproc://step10")
    print(last.recv())
    for thread in threads:
        thread.join()
    context.destroy()


@scenario
def proxy_in_a_thread():
    context = zmq.Context()
    frontend, clients_at = bound(context, zmq.ROUTER)
    backend, workers_at = bound(context, zmq.DEALER, "inproc://workers")
    watcher, watched_at = bound(context, zmq.PULL, "inproc://capture")
    capture = connected(context, zmq.PUSH, watched_at)
    ended = []

    def run():
        try:
            zmq.proxy(frontend, backend, capture)
        except zmq.ContextTerminated:
            ended.append("terminated")
        for each in (frontend, backend, capture):
            each.close()

    def serve():
        server = connected(context, zmq.REP, workers_at)
        try:
            while True:
                server.send_multipart(server.recv_multipart()[::-1])
        except zmq.ContextTerminated:
            server.close()

    threads = [start(run), start(serve), start(serve)]
    client = connected(context, zmq.REQ, clients_at)
    for index in range(100):
        client.send_multipart([b"%d" % index, b"b"])
        assert client.recv_multipart() == [b"b", b"%d" % index]
    print(len([watcher.recv_multipart() for _ in range(200)]))
    client.close()
    watcher.close()
    context.term()
    for thread in threads:
        thread.join()
    print(ended)


@scenario
def steerable_proxy():
    context = zmq.Context()
    frontend, in_at = bound(context, zmq.PULL)
    backend, out_at = bound(context, zmq.PUSH)
    steered, control_at = bound(context, zmq.PAIR, "inproc://control")
    control = connected(context, zmq.PAIR, control_at)
    thread = start(zmq.proxy_steerable, frontend, backend, None, steered)
    source = connected(context, zmq.PUSH, in_at)
    drain = connected(context, zmq.PULL, out_at)
    source.send(b"one")
    print(drain.recv())
    control.send(b"PAUSE")
    control.send(b"STATISTICS")  # once it answers, it has paused
    print([int.from_bytes(number, "little") for number in control.recv_multipart()])
    source.send(b"two")
    print(bool(drain.poll(200)))
    control.send(b"RESUME")
    print(drain.recv())
    control.send(b"TERMINATE")
    thread.join(TIMEOUT / 1000)
    print(thread.is_alive())
    context.destroy()


@scenario
def devices():
    from zmq.devices import ProcessDevice, ThreadDevice, ThreadProxy

    context = zmq.Context.instance()
    for kind, types, ask, answer in (
        (ThreadDevice, (zmq.ROUTER, zmq.DEALER), zmq.REQ, zmq.REP),
        (ProcessDevice, (zmq.PULL, zmq.PUSH), zmq.PUSH, zmq.PULL),
        (ThreadProxy, (zmq.ROUTER, zmq.DEALER), zmq.REQ, zmq.REP),
    ):
        device = kind(*((zmq.QUEUE,) if kind is not ThreadProxy else ()), *types)
        device.setsockopt_in(zmq.LINGER, 0)
        device.setsockopt_out(zmq.LINGER, 0)
        inside = device.bind_in_to_random_port("tcp://127.0.0.1")
        outside = device.bind_out_to_random_port("tcp://127.0.0.1")
        if kind is ThreadProxy:
            device.bind_mon_to_random_port("tcp://127.0.0.1")
        device.start()
        near = connected(context, ask, f"tcp://127.0.0.1:{inside}")
        far = connected(context, answer, f"tcp://127.0.0.1:{outside}")
        near.send(b"through")
        print(kind.__name__, far.recv())
        if answer == zmq.REP:
            far.send(b"back")
            print(near.recv())
        near.close()
        far.close()
        if kind is ProcessDevice:
            device.launcher.terminate()
            device.launcher.join()
    context.term()


@scenario
def suicidal_snail():
    """A slow subscriber with a small queue misses updates; the publisher never waits."""
    context = zmq.Context()
    publisher, endpoint = bound(context, zmq.XPUB, "inproc://snail", sndhwm=10)
    subscriber = connected(context, zmq.SUB, endpoint, rcvhwm=10)
    subscriber.subscribe(b"")
    print(publisher.recv())
    for index in range(100):
        publisher.send(b"%d" % index)
    got = []
    while subscriber.poll(100):
        got.append(subscriber.recv())
    print(len(got), got[-1])
    context.destroy()


@scenario
def freelance():
    """One client, three servers, one of them dead: the first answer counts."""
    context = zmq.Context()
    stopping = threading.Event()
    endpoints = [dead_endpoint()]
    threads = []

    def serve(server):
        while not stopping.is_set():
            if server.poll(20):
                server.send_multipart(server.recv_multipart() + [b"OK"])
        server.close(TIMEOUT)

    for _ in range(2):
        server, endpoint = bound(context, zmq.ROUTER)
        endpoints.append(endpoint)
        threads.append(start(serve, server))
    client = socket(context, zmq.ROUTER, reconnect_ivl=50)
    for index, endpoint in enumerate(endpoints):
        client.setsockopt(zmq.CONNECT_RID, b"server %d" % index)
        client.connect(endpoint)
    for index in range(3):
        client.send_multipart([b"server %d" % index, b"", b"ping"])
    print(sorted(client.recv_multipart() for _ in range(2)))
    print(client.poll(100))
    stopping.set()
    for thread in threads:
        thread.join()
    context.destroy()


if __name__ == "__main__":
    main()
