#!/usr/bin/python3
"""Turns results of run.py into the documentation: the table and the plots, from the JSON files alone.

    capi-tests/bench/run.py --json FILE && capi-tests/bench/report.py FILE...

writes docs/benchmark.md and docs/bench/*.svg, and the block between the marks in README.md. Several files (of groups
that ran one by one) are taken as one run.
"""

import json
import os
import sys

import plots
import table
from plots import Axis, Panel

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PLOTS = os.path.join("docs", "bench")
MARKS = ("<!-- benchmark: written by capi-tests/bench/report.py -->", "<!-- end of benchmark -->")

GROUPS = {
    "throughput": "Throughput and CPU time per message, PUSH to PULL (CPU of both sides)",
    "latency": "Round trips of 64 B, REQ/REP (half of a round trip is one way)",
    "security": "Encrypted streams",
    "fanout": "Fan-out over tcp",
    "memory": "Memory of a ROUTER by idle peers",
    "connect": "Many peers connect",
    "topics": "Subscriptions",
    "churn": "Things made and ended",
    "crowd": "Several sockets at one, 100 B over tcp",
    "python": "Python",
    "busy": "On a busy machine",
    "hwm": "With a high-water mark that is never reached",
    "curves": "Cost by number of peers and of subscriptions",
}

NOTES = {
    "throughput": "Up to 1 kB the plain program is `least.c`: the same messages through the same threads, each a call that"
                  " takes a lock, copies, publishes and looks whether somebody sleeps, as the interface asks for, and"
                  " nothing else: no types, options, endpoints or errors, one socket and one peer. At 100 kB it stands in"
                  " rows of its own (plain queues): it holds a thousand messages as the high-water mark allows, where the"
                  " plain stream of bytes writes one buffer again and again, which stays in the processor's cache.",
    "latency": "Waking a thread costs several times more on an idle CPU than on the one that wakes it, and the"
               " scheduler chooses: compare within one run only. Each round has three short runs.",
    "fanout": "The plain program copies each message for each peer in one thread and writes 64 KiB at a time; no thread of"
              " its own moves bytes, and nobody may be slower than others.",
    "crowd": "The plain program echoes what comes by 1000 connections: one read and one write for the four messages of"
             " each. A ROUTER takes one message of each peer in turn, so its answers come one by one, and both sides have"
             " threads that move bytes.",
    "python": "The plain program is the same one on a library that does nothing (`nothing.c`): it receives what nobody"
              " sent, and what it sends goes nowhere. So it is what Python and the binding leave room for.",
    "connect": "The plain program shows what the backlog of 100 itself costs: connections that find it full are tried"
               " again by the kernel after a second and more.",
    "busy": "Two programs, or four processes, measure at the same time (rates are added, the worst p99 counts), or two"
            " busy loops run beside one measurement; the work of the programs beside is what those loops get done.",
}

# Below this the kernel's part says nothing of a limit.
LEAST_KERNEL = 0.2

LEFT = [
    "- Messages of 100 B over tcp and ipc: with the default high-water mark of 1000 four threads on two cores stop each"
    " other every 500 messages; with a mark that is never reached the ratios are those of the group above. The rest is"
    " 0.1 us a message in four threads: queue, framing, checks of types, credit and peers.",
    "- Fan-out: a third of the CPU time of both sides is copying and the loop over the peers, for few instructions: fifty"
    " queues of up to 1000 messages each do not stay in a cache. One copy that all queues refer to would be the next step."
    " Fetching what is written next ahead made no difference beyond the noise.",
    "- Subscriptions made (perf, 2 million structured ones, without the making of the topics): the trees of both sides take"
    " 42 % of the CPU time, the I/O threads 19 %, the subscriber's calls besides 16 %, the publisher's intake besides 11 %,"
    " the kernel in both the rest. All of that together would have to cost a third.",
    "- Round trips without spinning: two sleeping threads are woken for each way; blocking plain sockets and futexes need"
    " as much as the column says.",
]

# What README shows: case, key.
HEADLINES = (
    ("tcp-100", "rate"), ("ipc-100", "rate"), ("inproc-100", "rate"), ("tcp-10000", "rate"), ("tcp-100", "cpu_us"),
    ("latency-tcp", "p50_us"), ("latency-ipc", "p50_us"), ("latency-inproc", "p50_us"),
    ("fanout-stream", "deliveries_per_second"), ("idle-10000", "bytes_per_peer"), ("connect-5000-5000", "seconds"),
    ("topics-structured", "publisher_bytes_each"), ("topics-structured", "match_rate"), ("churn-sockets", "rate"),
    ("churn-contexts", "rate"), ("churn-tcp", "rate"), ("router", "rate"), ("proxy", "rate"), ("pushers", "rate"),
    ("python-copy", "rate"), ("python-latency", "p50_us"),
)


class Results:
    """What was measured, by case."""

    def __init__(self, parts):
        self.parts = parts
        self.cases = {case["name"]: case for part in self.parts for case in part["cases"]}
        self.head = self.parts[0]
        if any(part["machine"] != self.head["machine"] for part in self.parts):
            sys.exit("these files are of different machines")

    def commits(self):
        return " and ".join(dict.fromkeys(part["commit"] for part in self.parts))

    def figure(self, case, variant, key):
        medians = self.cases.get(case, {}).get("medians", {})
        return medians.get(variant, {}).get(key)

    def line(self, variant, key, points, scale=1.0):
        """[(x, figure)] for (x, case) pairs, of what was measured."""
        found = [(x, self.figure(case, variant, key)) for x, case in points]
        return [(x, value * scale) for x, value in found if value is not None]

    def rows(self, group):
        return [row for case in self.cases.values() if case["group"] == group for row in case["rows"]]

    def pressure(self):
        known = [part["pressure_before"] for part in self.parts if part["pressure_before"] is not None]
        return f"{min(known):.0f} to {max(known):.0f} % before the groups" if known else "unknown"


def lines(results, key, points, variants=("stock", "ours"), scale=1.0, label=None):
    found = {}
    for variant in variants:
        line = results.line(variant, key, points, scale)
        if line:
            found[(variant, label) if label else variant] = line
    return found


def throughput_plot(results):
    sizes = (10, 100, 1000, 10_000, 100_000)
    for transport in ("tcp", "ipc", "inproc"):
        yield Panel(transport, Axis("bytes per message"), Axis("messages per second"),
                    lines(results, "rate", [(size, f"{transport}-{size}") for size in sizes]))


def latency_plot(results):
    shares = ("1", "10", "25", "50", "75", "90", "99", "99.9")
    ticks = [(index, share) for index, share in enumerate(shares)]
    for transport in ("tcp", "ipc", "inproc"):
        percentiles = Axis("percentile", log=False, ticks=ticks, low=0, high=len(shares) - 1)
        panel = Panel(f"{transport}, 64 B one way", percentiles, Axis("microseconds"))
        for variant in ("stock", "ours", "no spin", "raw"):
            found = [(index, results.figure(f"latency-{transport}", variant, f"p{share}_us"))
                     for index, share in enumerate(shares)]
            line = [(index, value / 2) for index, value in found if value]
            if line:
                panel.lines[variant] = line
        yield panel


def memory_plot(results):
    points = [(peers, f"idle-{peers}") for peers in (1000, 5000, 10_000)]
    each = Axis("KiB per idle peer")
    yield Panel("RSS of a ROUTER, each peer", Axis("peers", log=False, low=0), each,
                lines(results, "bytes_per_peer", points, scale=1 / 1024))
    total = Panel("RSS of a ROUTER, all peers", Axis("peers", log=False, low=0), Axis("MiB", log=False))
    for variant, line in lines(results, "bytes_per_peer", points).items():
        total.lines[variant] = [(0, 0)] + [(peers, peers * value / 2**20) for peers, value in line]
    yield total
    points = [(topics, f"curve-topics-{topics}") for topics in (10_000, 100_000, 1_000_000)]
    yield Panel("RSS of a PUB, each subscription", Axis("random subscriptions"), Axis("bytes"),
                lines(results, "publisher_bytes_each", points))


def scaling_plot(results):
    peers = [(count, f"curve-peers-{count}") for count in (1, 10, 100, 1000, 10_000)]
    topics = [(count, f"curve-topics-{count}") for count in (1, 10, 100, 1000, 10_000, 100_000, 1_000_000)]
    yield Panel("ROUTER, CPU per echo", Axis("peers"), Axis("microseconds", log=False), lines(results, "cpu_us", peers))
    yield Panel("PUB, zmq_send without a match", Axis("subscriptions"), Axis("nanoseconds", log=False),
                lines(results, "miss_ns", topics))
    yield Panel("PUB, CPU per matched message", Axis("subscriptions"), Axis("nanoseconds", log=False),
                lines(results, "match_cpu_us", topics, scale=1000))


FIGURES = (
    ("throughput", "Messages per second by size", throughput_plot, "throughput"),
    ("latency", "Distribution of the time one way", latency_plot, "latency"),
    ("memory", "Memory by peers and subscriptions", memory_plot, "memory"),
    ("scaling", "Cost by peers and subscriptions", scaling_plot, "curves"),
)


def draw_figures(results):
    """The plots that there are figures for, by name."""
    drawn = {}
    for name, _, make, _ in FIGURES:
        panels = [panel for panel in make(results) if panel.lines]
        if panels:
            drawn[name] = plots.draw(panels)
    return drawn


def origin(results):
    head = results.head
    machine = head["machine"]
    rounds = "one round" if head["rounds"] == 1 else f"medians of {head['rounds']} rounds in turns"
    return (f"Measured at commit {results.commits()} on {head['when'][:10]}: {rounds}, {machine['cpus']} CPUs"
            f" ({machine['model']}), {machine['system']}, CPU pressure {results.pressure()}; libzmq 4.3.4 of Debian 12."
            + (" A smoke run, not a measurement." if head["quick"] else ""))


def markdown(texts):
    return "| " + " | ".join(texts) + " |"


def markdown_table(rows):
    out = [markdown(("", "libzmq", "Zeroxide", "ratio", "goal", "met", "plain", "to plain", "kernel", "busy")),
           markdown(("---", "--:", "--:", "--:", "---", "---", "--:", "--:", "--:", "--:"))]
    return out + [markdown(table.cells(row)) for row in rows]


def document(results, drawn):
    out = ["# Benchmark", "", "```sh", "capi-tests/bench/run.py --json FILE    # --only GROUP, --rounds N, --quick",
           "capi-tests/bench/report.py FILE        # writes this page and its plots", "```", "", origin(results), "",
           "Ratios are Zeroxide to libzmq; goals are bounds for them, or for the figure itself, or for its ratio to a"
           " program without a library (plain) that ran in the same turns. \"No spin\" and \"no direct\" are Zeroxide"
           " with ZEROXIDE_SPIN=0 and ZEROXIDE_DIRECT=0. \"Kernel\" is the part of the CPU time of all processes of a run on"
           " Zeroxide that the kernel took, \"busy\" the part of the machine that they used: what a library could still"
           " gain by less work of its own is at most the rest. A row is noisy when other programs used more than 15 % of"
           " the machine during most of its runs.", ""]
    for group, title in GROUPS.items():
        rows = results.rows(group)
        if not rows:
            continue
        out += [f"## {title}", ""]
        out += [NOTES[group], ""] if group in NOTES else []
        out += [f"![{words}](bench/{name}.svg)\n" for name, words, _, of in FIGURES if of == group and name in drawn]
        out += markdown_table(rows) + [""]
        if group == "curves":
            growths = table.scaling(results.cases)
            out += [f"- {what}: libzmq {stock:.2f}x, Zeroxide {ours:.2f}x" for what, stock, ours in growths] + [""]
    out += limits(results)
    return "\n".join(out)


def limits(results):
    """What is known of the limits of the rows whose goal is not met."""
    rows = [row for group in GROUPS for row in results.rows(group) if row["met"] is False and row["ratio"]]
    if not rows:
        return []
    out = ["## What limits the goals that are not met", "",
           "\"Plain\" is the ratio to libzmq that the plain program has. \"Kernel alone\" is the ratio that Zeroxide would have"
           " if only the kernel's part of its CPU time were left, and the same part of the machine were used: a library that"
           " takes no time at all. Where neither is beyond the goal, that is the limit; else the text says what is left.", "",
           markdown(("", "ratio", "goal", "plain", "kernel alone")), markdown(("---", "--:", "---", "--:", "--:"))]
    for row in rows:
        plain = f"{row['raw'] / row['stock']:.2f}" if row["raw"] and row["stock"] else ""
        kernel = row["kernel"]
        alone = row["ratio"] * kernel if row["less"] else row["ratio"] / kernel if kernel else None
        alone = f"{alone:.2f}" if alone is not None and kernel and kernel >= LEAST_KERNEL else ""
        out.append(markdown((row["title"], f"{row['ratio']:.2f}", row["goal"], plain, alone)))
    return out + [""] + LEFT + [""]


def readme_block(results, drawn):
    rows = []
    for case, key in HEADLINES:
        of_case = results.cases.get(case, {}).get("rows", ())
        rows += [row for row in of_case if row["key"] == key and row["variant"] == "ours"]
    out = [MARKS[0], "", origin(results), "", markdown(("", "libzmq", "Zeroxide", "ratio")),
           markdown(("---", "--:", "--:", "--:"))]
    out += [markdown(table.cells(row)[:4]) for row in rows] + [""]
    out += [f"![{title}](docs/bench/{name}.svg)\n" for name, title, _, _ in FIGURES if name in drawn]
    return "\n".join(out + ["Every row, with the goals: [docs/benchmark.md](docs/benchmark.md).", "", MARKS[1]])


def with_block(readme, block):
    before, first, rest = readme.partition(MARKS[0])
    _, second, after = rest.partition(MARKS[1])
    if not first or not second:
        sys.exit("README.md has lost the marks of the benchmark's block")
    return before + block + after


def render(parts):
    """The files of the documentation, by path; `parts` are the contents of run.py's JSON files."""
    results = Results(parts)
    drawn = draw_figures(results)
    files = {os.path.join(PLOTS, name + ".svg"): contents for name, contents in drawn.items()}
    files[os.path.join("docs", "benchmark.md")] = document(results, drawn)
    with open(os.path.join(TOP, "README.md"), encoding="utf-8") as file:
        files["README.md"] = with_block(file.read(), readme_block(results, drawn))
    return files


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    parts = []
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as file:
            parts.append(json.load(file))
    for path, contents in render(parts).items():
        os.makedirs(os.path.dirname(os.path.join(TOP, path)), exist_ok=True)
        with open(os.path.join(TOP, path), "w", encoding="utf-8") as file:
            file.write(contents)
        print(f"wrote {path}")


if __name__ == "__main__":
    main()
