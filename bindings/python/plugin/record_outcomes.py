"""A pytest plugin that writes down each test when it starts and when it has ended, so that a run that hangs or
crashes shows at which test, and the tests after it can be run by another process. See `suite.py`.

RECORD_INTO names the file: one JSON list a line, ["start", ID] or ["end", ID, OUTCOME].
RECORD_ONLY and RECORD_WITHOUT (JSON lists of IDs) choose tests, by whole IDs.
"""

import json
import os

_outcomes = {}


def name_of(nodeid):
    """FILE::CLASS::TEST, wherever the file lies."""
    file, _, rest = nodeid.partition("::")
    return f"{os.path.basename(file).removesuffix('.py')}::{rest}"


def pytest_collection_modifyitems(config, items):
    only = os.environ.get("RECORD_ONLY")
    without = set(json.loads(os.environ.get("RECORD_WITHOUT", "[]")))
    wanted = set(json.loads(only)) if only else None
    kept, left_out = [], []
    for item in items:
        name = name_of(item.nodeid)
        is_kept = name not in without and (wanted is None or name in wanted)
        (kept if is_kept else left_out).append(item)
    items[:] = kept
    config.hook.pytest_deselected(items=left_out)
    if config.option.collectonly:
        for item in kept:
            write("end", name_of(item.nodeid), "found")


def pytest_runtest_logstart(nodeid, location):
    write("start", name_of(nodeid))


def pytest_runtest_logreport(report):
    """Three reports a test: it has passed if its setting up and taking down have as well."""
    before = _outcomes.get(report.nodeid, "passed")
    if before == "passed":
        _outcomes[report.nodeid] = "xfailed" if hasattr(report, "wasxfail") else report.outcome


def pytest_runtest_logfinish(nodeid, location):
    write("end", name_of(nodeid), _outcomes.pop(nodeid, "not run"))


def write(*entry):
    with open(os.environ["RECORD_INTO"], "a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")
