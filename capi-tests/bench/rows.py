"""The rows of the benchmark: which program measures them, and what is aimed at.

A case is one command, run in turns on its variants: the stock library, ours, ours with a fast path switched off, or a
program without a library ("raw"). A metric makes one row of the table of it for each variant of ours that it names.
"""

from dataclasses import dataclass, field

# Variants of ours: what is added to the environment. The stock library knows none of these.
OURS = {
    "ours": {},
    "no spin": {"ZEROXIDE_SPIN": "0"},
    "no direct": {"ZEROXIDE_DIRECT": "0"},
}


@dataclass
class Goal:
    """What a row should reach: each bound that is set.

    `ratio` is to stock, `raw` to the plain program, `most` is absolute.
    """

    ratio: float | None = None
    raw: float | None = None
    most: float | None = None


@dataclass
class Metric:
    """One figure of a program's line. `less`: smaller is better, and bounds are upper ones."""

    key: str
    title: str
    unit: str
    less: bool = False
    scale: float = 1.0
    goals: dict = field(default_factory=lambda: {"ours": Goal(ratio=1.0)})
    raw_key: str | None = None
    digits: int = 0


@dataclass
class Case:
    name: str
    group: str
    command: str  # program and arguments; {n} is the count, {w} a tenth of it
    metrics: list
    count: int = 0
    quick: int = 0
    raw: str | None = None  # the command that shows what the machine can do
    variants: tuple = ("ours",)
    copies: int = 1  # how many run at once
    burners: int = 0  # busy loops beside them
    repeat: int = 1  # short runs in each round: where the scheduler puts threads decides, and it decides once a run
    quick_command: str | None = None


def goal(ratio=None, raw=None, most=None):
    return {"ours": Goal(ratio, raw, most)}


SIZES = (10, 100, 1000, 10_000, 100_000)
# About a second each on the stock library, so that start-up effects vanish in ours, too.
COUNTS = {10: 4_000_000, 100: 4_000_000, 1000: 1_000_000, 10_000: 150_000, 100_000: 15_000}
WIRE_GOALS = {10: 3.0, 100: 5.0, 1000: 3.0, 10_000: 2.5, 100_000: 1.2}
# What least.c stands beside: above it, calls are a small part of the time.
LEAST_MOST = 1000
INPROC_GOALS = {10: 3.0, 100: 6.0, 1000: 6.0}


def size_text(size):
    return f"{size} B" if size < 1000 else f"{size // 1000} kB"


def throughput_cases():
    for transport in ("tcp", "ipc", "inproc"):
        for size in SIZES:
            goals = INPROC_GOALS if transport == "inproc" else WIRE_GOALS
            what = f"{transport} {size_text(size)}"
            metrics = [
                Metric("rate", f"{what}, messages", "/s", goals=goal(goals.get(size, 1.0))),
                Metric("cpu_us", f"{what}, CPU per message", "us", less=True, digits=3,
                       goals=goal(0.25 if (transport, size) == ("tcp", 100) else 1.0)),
            ]
            raw = None
            plain = "unix" if transport == "ipc" else transport
            if size <= LEAST_MOST:
                # The same stream of messages with nothing that a library could leave out.
                count = COUNTS[size]
                raw = f"least {plain} {size} {count} {count // 10}"
                for metric in metrics:
                    metric.raw_key = metric.key
            if transport != "inproc" and size == SIZES[-1]:
                raw = f"raw stream {plain} 262144 {4_000_000_000}"
                metrics.append(Metric("bytes_per_second", f"{what}, bytes", "MB/s", scale=1e-6,
                                      goals=goal(1.2, raw=0.85), raw_key="bytes_per_second"))
            yield Case(f"{transport}-{size}", "throughput", f"messages throughput {transport} {size} {{n}} {{w}}",
                       metrics, count=COUNTS[size], quick=COUNTS[size] // 100, raw=raw)
    for transport, plain in (("tcp", "tcp"), ("ipc", "unix")):
        # A plain stream moves one buffer again and again; this holds a thousand messages, as the high-water mark allows.
        yield Case(f"{transport}-100000-queue", "throughput", f"messages throughput {transport} 100000 {{n}} {{w}}",
                   [Metric("rate", f"{transport} 100 kB beside plain queues, messages", "/s", goals=goal(1.2, raw=0.85),
                           raw_key="rate")],
                   count=COUNTS[100_000], quick=150, raw=f"least {plain} 100000 {COUNTS[100_000]} 1500")
    for transport in ("tcp", "ipc", "inproc"):
        yield Case(f"{transport}-100-hwm", "hwm", f"messages throughput {transport} 100 {{n}} {{w}} --hwm 1000000",
                   [Metric("rate", f"{transport} 100 B, HWM 1000000, messages", "/s")], count=4_000_000, quick=40_000)


CURVE_COUNTS = {100: 1_500_000, 1000: 500_000, 10_000: 80_000, 100_000: 8000}
CURVE_GOALS = {100: 2.0, 1000: 1.5, 10_000: 1.5}


def security_cases():
    for size, count in CURVE_COUNTS.items():
        what = f"CURVE, tcp {size_text(size)}"
        yield Case(f"curve-{size}", "security", f"messages throughput tcp {size} {{n}} {{w}} --curve",
                   [Metric("rate", f"{what}, messages", "/s", goals=goal(CURVE_GOALS.get(size, 1.0))),
                    Metric("cpu_us", f"{what}, CPU per message", "us", less=True, digits=3,
                           goals=goal(0.6 if size in CURVE_GOALS else 1.0))],
                   count=count, quick=count // 100)
    yield Case("curve-latency", "security", "messages latency tcp 64 {n} {w} --curve",
               [Metric("p50_us", "CURVE, tcp one way, p50", "us", less=True, scale=0.5, digits=2),
                Metric("p99_us", "CURVE, tcp one way, p99", "us", less=True, scale=0.5, digits=2)],
               count=7000, quick=500, repeat=3)


def latency_cases():
    raw = {"tcp": "tcp", "ipc": "unix", "inproc": "futex"}
    for transport in ("tcp", "ipc", "inproc"):
        inproc = transport == "inproc"
        off = Goal(ratio=0.8 if inproc else 0.45, raw=None if inproc else 1.3)
        p50 = {"ours": Goal(ratio=0.1 if inproc else 0.25), "no spin": off, "no direct": Goal(ratio=1.0)}
        p99 = {variant: Goal(ratio=1.0) for variant in OURS}
        metrics = [
            Metric("p50_us", f"{transport} one way, p50", "us", less=True, scale=0.5, digits=2, goals=p50,
                   raw_key="p50_us"),
            Metric("p99_us", f"{transport} one way, p99", "us", less=True, scale=0.5, digits=2, goals=p99,
                   raw_key="p99_us"),
            Metric("cpu_us", f"{transport} CPU per round trip", "us", less=True, digits=1,
                   goals={"ours": Goal(ratio=1.0), "no spin": Goal(ratio=1.0)}),
        ]
        yield Case(f"latency-{transport}", "latency", f"messages latency {transport} 64 {{n}} {{w}}", metrics,
                   count=7000, quick=500, raw=f"raw pingpong {raw[transport]} 64 7000", variants=tuple(OURS),
                   repeat=3)


def fanout_cases():
    for raw, who in (("", ""), (" --raw", ", plain subscribers")):
        yield Case(f"fanout-stream{raw[2:]}", "fanout", f"fanout stream 50 {{n}}{raw}",
                   [Metric("deliveries_per_second", f"1 PUB, 50 SUB, 100 B{who}, deliveries", "/s", goals=goal(3.0),
                           raw_key="rate"),
                    Metric("publisher_cpu_us", f"1 PUB, 50 SUB, 100 B{who}, publisher's CPU per delivery", "us",
                           less=True, digits=3)],
                   count=60_000, quick=1000, raw="raw fanout 50 60000" if raw else None)
        yield Case(f"fanout-lone{raw[2:]}", "fanout", f"fanout lone 50 {{n}}{raw}",
                   [Metric("p50_us", f"one message to 50{who}, all have it, p50", "us", less=True, digits=0),
                    Metric("p99_us", f"one message to 50{who}, all have it, p99", "us", less=True, digits=0)],
                   count=2000, quick=60)


def peer_cases():
    for peers in (1000, 5000, 10_000):
        metrics = [
            Metric("bytes_per_peer", f"{peers} idle peers, RSS each", "B", less=True, goals=goal(1.0, most=2048)),
            Metric("bytes_per_peer_after_message", f"{peers} peers after a message, RSS each", "B", less=True),
        ]
        if peers == 1000:
            metrics.append(Metric("idle_cpu_us_per_second", "1000 idle peers, CPU per second", "us", less=True,
                                  goals={"ours": Goal(most=200)}))
        yield Case(f"idle-{peers}", "memory", f"peers idle {peers} {'2' if peers == 1000 else '0.1'}", metrics,
                   quick_command="peers idle 100 0.1")
    for peers in (1000, 5000):
        for together, how, aim in ((peers, "at once", 5.0), (64, "64 at a time", 1.0)):
            yield Case(f"connect-{peers}-{together}", "connect", f"peers storm {peers} {together}",
                       [Metric("seconds", f"{peers} peers connect and say hello, {how}", "s", less=True, digits=3,
                               goals=goal(1 / aim), raw_key="seconds")],
                       raw=f"peers storm {peers} {together} --raw", quick_command="peers storm 100 64")


def topic_cases():
    for kind in ("structured", "random"):
        what = f"200000 {kind} subscriptions"
        yield Case(f"topics-{kind}", "topics", f"topics {kind} 200000 {{n}}", [
            Metric("publisher_bytes_each", f"{what}, publisher's RSS each", "B", less=True, goals=goal(0.125)),
            Metric("subscriber_bytes_each", f"{what}, subscriber's RSS each", "B", less=True, goals=goal(0.125)),
            Metric("subscribe_rate", f"{what}, made", "/s", goals=goal(4.0)),
            Metric("match_rate", f"{what}, matched messages", "/s", goals=goal(3.0)),
            Metric("miss_rate", f"{what}, messages without a match", "/s", goals=goal(3.0)),
        ], count=1_000_000, quick=10_000, quick_command=f"topics {kind} 2000 {{n}}")


def churn_cases():
    for kind, title, count, aim in (("sockets", "sockets made and closed", 20_000, 10.0),
                                    ("contexts", "contexts made and ended, with a socket", 3_000, 10.0),
                                    ("tcp", "tcp connect, send, receive, close", 3_000, 1.8),
                                    ("inproc", "inproc connect, send, receive, close", 20_000, 1.0)):
        yield Case(f"churn-{kind}", "churn", f"churn {kind} {{n}}",
                   [Metric("rate", title, "/s", goals=goal(aim), raw_key="rate")],
                   count=count, quick=count // 20, raw="raw cycle 3000" if kind == "tcp" else None)


def crowd_cases():
    yield Case("router", "crowd", "crowd router 1000 {n}",
               [Metric("rate", "ROUTER with 1000 busy DEALERs, echoes", "/s", goals=goal(2.0), raw_key="rate"),
                Metric("router_cpu_us", "ROUTER with 1000 busy DEALERs, its CPU per echo", "us", less=True, digits=2)],
               count=60, quick=1, raw="raw crowd 1000 60")
    yield Case("router-plain", "crowd", "peers echo 1000 {n}",
               [Metric("rate", "ROUTER with 1000 plain peers, 100 at a time, echoes", "/s", goals=goal(1.0))],
               count=150_000, quick=2000)
    yield Case("proxy", "crowd", "crowd proxy {n}",
               [Metric("rate", "proxy DEALER-ROUTER, round trips", "/s", goals=goal(2.0)),
                Metric("proxy_cpu_us", "proxy DEALER-ROUTER, its CPU per round trip", "us", less=True, digits=2)],
               count=400_000, quick=4000)
    yield Case("relay", "crowd", "crowd relay {n}",
               [Metric("rate", "proxy PULL-PUSH, messages", "/s", goals=goal(2.0))], count=1_500_000, quick=15_000)
    yield Case("pushers", "crowd", "crowd pushers 16 {n}",
               [Metric("rate", "16 PUSH to 1 PULL, messages", "/s", goals=goal(2.0))], count=3_000_000, quick=30_000)


def python_cases():
    for how in ("copy", "nocopy"):
        yield Case(f"python-{how}", "python", f"python_messages.py throughput {how} {{n}}",
                   [Metric("rate", f"python3-zmq, tcp 100 B, {how}, messages", "/s", goals=goal(1.5), raw_key="rate")],
                   count=400_000, quick=10_000, raw=f"nothing python_messages.py throughput {how} 400000")
    yield Case("python-latency", "python", "python_messages.py latency copy {n}",
               [Metric("p50_us", "python3-zmq, REQ/REP tcp one way, p50", "us", less=True, scale=0.5, digits=2,
                       goals=goal(0.6)),
                Metric("p99_us", "python3-zmq, REQ/REP tcp one way, p99", "us", less=True, scale=0.5, digits=2)],
               count=4000, quick=300, repeat=3)


def busy_cases():
    situations = (("two-programs", "two programs on two cores", "inproc", 2, 0),
                  ("four-processes", "four processes at once", "tcp", 2, 0),
                  ("busy-tcp", "both cores busy", "tcp", 1, 2),
                  ("busy-inproc", "both cores busy", "inproc", 1, 2))
    for name, title, transport, copies, burners in situations:
        what = f"{title}, {transport}"
        rate = [Metric("rate", f"{what} 100 B, messages", "/s")]
        times = [Metric("p50_us", f"{what} one way, p50", "us", less=True, scale=0.5, digits=2,
                        goals={"ours": Goal(ratio=1.0), "no spin": Goal(ratio=1.0)}),
                 Metric("p99_us", f"{what} one way, p99", "us", less=True, scale=0.5, digits=2)]
        if burners:
            # No goal: who gets more done in a second takes more of the CPUs. It shows whether somebody spins.
            rate.append(Metric("others", f"{what} 100 B, work of the programs beside", "/s", goals=goal()))
            times.append(Metric("others", f"{what} one way, work of the programs beside", "/s",
                                goals={"ours": Goal(), "no spin": Goal()}))
        yield Case(f"{name}-rate", "busy", f"messages throughput {transport} 100 {{n}} {{w}}", rate,
                   count=2_000_000, quick=20_000, copies=copies, burners=burners)
        yield Case(f"{name}-times", "busy", f"messages latency {transport} 64 {{n}} {{w}}", times,
                   count=4000, quick=200, repeat=3, copies=copies, burners=burners, variants=("ours", "no spin"))


PEER_CURVE = (1, 10, 100, 1000, 10_000)
TOPIC_CURVE = (1, 10, 100, 1000, 10_000, 100_000, 1_000_000)


def curve_cases():
    for peers in PEER_CURVE:
        what = f"ROUTER with {peers} peer{'s' * (peers > 1)}"
        yield Case(f"curve-peers-{peers}", "curves", f"peers echo {peers} {{n}}",
                   [Metric("cpu_us", f"{what}, its CPU per echo", "us", less=True, digits=2),
                    Metric("rate", f"{what}, echoes", "/s")],
                   count=20_000 if peers == 1 else 100_000, quick=500,
                   quick_command=f"peers echo {min(peers, 200)} {{n}}")
    for topics in TOPIC_CURVE:
        what = f"{topics} subscription{'s' * (topics > 1)}"
        yield Case(f"curve-topics-{topics}", "curves", f"topics random {topics} {{n}}",
                   [Metric("miss_ns", f"{what}, zmq_send without a match", "ns", less=True),
                    Metric("match_cpu_us", f"{what}, publisher's CPU per match", "us", less=True, digits=3)],
                   count=500_000, quick=5000, quick_command=f"topics random {min(topics, 2000)} {{n}}")


def all_cases():
    """Every case, in the order of the table."""
    cases = []
    for make in (throughput_cases, latency_cases, security_cases, fanout_cases, peer_cases, topic_cases, churn_cases, crowd_cases,
                 python_cases, busy_cases, curve_cases):
        cases += make()
    return cases
