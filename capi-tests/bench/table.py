"""The table: what a case's medians say about its goals."""

COLUMNS = ("row", "stock", "ours", "ratio", "goal", "met", "raw", "ours/raw", "kernel", "busy")


def rows_of(case, medians):
    """The rows of a case as dictionaries, one for each metric and variant of ours; figures in the metric's unit."""
    rows = []
    for metric in case.metrics:
        for variant, goal in metric.goals.items():
            if variant not in medians or metric.key not in medians[variant]:
                continue
            rows.append(row(case, metric, variant, goal, medians))
    return rows


def row(case, metric, variant, goal, medians):
    value = {name: medians[name][metric.key] * metric.scale for name in ("stock", variant)}
    raw = medians["raw"][metric.raw_key] * metric.scale if metric.raw_key and "raw" in medians else None
    checks, goals = [], []
    ratio = value[variant] / value["stock"] if value["stock"] else None
    sign = "<=" if metric.less else ">="

    def bound(actual, limit, text):
        goals.append(f"{sign} {text}")
        checks.append(actual is not None and (actual <= limit if metric.less else actual >= limit))

    if goal.ratio is not None:
        bound(ratio, goal.ratio, f"{goal.ratio:.3g}x")
    if goal.raw is not None:
        bound(value[variant] / raw if raw else None, goal.raw, f"{goal.raw:.3g} raw")
    if goal.most is not None:
        goals.append(f"<= {goal.most:g} {metric.unit}")
        checks.append(value[variant] <= goal.most)
    return {
        "case": case.name, "group": case.group, "variant": variant, "key": metric.key,
        "title": metric.title + ("" if variant == "ours" else f" ({variant})"), "unit": metric.unit,
        "digits": metric.digits, "less": metric.less, "stock": value["stock"], "ours": value[variant], "ratio": ratio,
        "goal": ", ".join(goals), "met": all(checks) if checks else None,
        "shortfall": shortfall(metric, goal, value[variant], ratio, raw),
        "raw": raw, "to_raw": value[variant] / raw if raw else None,
        "kernel": medians[variant].get("kernel"), "busy": medians[variant].get("busy"),
        "noisy": any(medians[name]["noisy"] for name in ("stock", variant)),
    }


def shortfall(metric, goal, value, ratio, raw):
    """How many times better it would have to be: above 1 is a shortfall, the largest of all bounds counts."""
    parts = []
    if goal.ratio is not None and ratio:
        parts.append(ratio / goal.ratio if metric.less else goal.ratio / ratio)
    if goal.raw is not None and raw and value:
        parts.append(value / raw / goal.raw if metric.less else goal.raw * raw / value)
    if goal.most is not None:
        parts.append(value / goal.most)
    return max(parts, default=1.0)


def cells(row):
    """The row as texts, in the order of COLUMNS."""

    def figure(value):
        return "" if value is None else f"{value:,.{row['digits']}f} {row['unit']}"

    def share(value):
        return "" if value is None else f"{value:.2f}"

    met = {True: "yes", False: "no", None: ""}[row["met"]] + (" (noisy)" if row["noisy"] else "")
    return (row["title"], figure(row["stock"]), figure(row["ours"]), share(row["ratio"]), row["goal"], met,
            figure(row["raw"]), share(row["to_raw"]), share(row["kernel"]), share(row["busy"]))


# Cases that differ in a number only: how much more one costs than the other. (what, few, many, key)
SCALING = (
    ("CPU per echo of a ROUTER, 10000 peers to 100", "curve-peers-100", "curve-peers-10000", "cpu_us"),
    ("zmq_send without a match, 1000000 subscriptions to 1000", "curve-topics-1000", "curve-topics-1000000", "miss_ns"),
    ("publisher's CPU per match, 1000000 subscriptions to 1000", "curve-topics-1000", "curve-topics-1000000",
     "match_cpu_us"),
)


def scaling(cases):
    """(what, growth of stock, growth of ours) of what was measured; `cases` are the results of run.py by name."""
    found = []
    for what, few, many, key in SCALING:
        if few in cases and many in cases:
            cost = {case: cases[case]["medians"] for case in (few, many)}
            growth = [cost[many][name][key] / cost[few][name][key] for name in ("stock", "ours")]
            found.append((what, *growth))
    return found


WIDTHS = (68, 14, 14, 7, 19, 12, 14, 8, 7, 5)


def line(texts):
    first, *rest = (f"{text:<{width}}" if column in (0, 4, 5) else f"{text:>{width}}"
                    for column, (text, width) in enumerate(zip(texts, WIDTHS)))
    return " ".join((first, *rest)).rstrip()
