#!/usr/bin/python3
"""Holds the rules of the contract against the tests that show them.

rules/PART/SECTION.tsv has a row for each rule that a caller or a peer can see: the rule in a sentence, and what shows
it, separated by blanks:

    program/rule             a rule of transcripts/program.c that prints at least one line
    program/rule.KEY         lines of it; * is any text, also in the rule's name, and _ stands for a blank
    lifecycle:program/rule   a rule of lifecycle/program.c or .py
    interop:name             a scenario, a raw case or a relay of interop/
    unit:module::test        a test of the crate, by the end of its path
    header:test              a test of header.rs
    storm:rule               a rule of storms/
    loss:scenario            a scenario of loss/run.py
    fault:name               a fault of the network in faults/scenarios.py

or `untested: reason`. Every reference has to exist; a reference to a transcript has to match a line that our library
printed. Run alone, this checks all but the transcripts:

    rules.py [--list]        --list: prints the rules that are not tested, each with its reason
"""

import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
RULES = os.path.join(HERE, "rules")
SOURCES = os.path.join(os.path.dirname(HERE), "src")
UNTESTED = "untested: "


def texts(folder, *endings):
    """The text of every file below a folder with one of these endings, by its path within it."""
    found = {}
    for place, _, names in os.walk(folder):
        for name in names:
            if name.endswith(endings):
                path = os.path.join(place, name)
                with open(path, encoding="utf-8") as file:
                    found[os.path.relpath(path, folder)] = file.read()
    return found


class Evidence:
    """What there is to refer to. Without transcripts every reference to one holds."""

    def __init__(self, transcripts=None):
        self.transcripts = transcripts
        self.lifecycle = texts(os.path.join(HERE, "lifecycle"), ".c", ".py")
        self.interop = "\n".join(texts(os.path.join(HERE, "interop"), ".c", ".py").values())
        self.storms = "\n".join(texts(os.path.join(HERE, "storms"), ".c").values())
        self.loss = "\n".join(texts(os.path.join(HERE, "loss"), ".py").values())
        self.faults = "\n".join(texts(os.path.join(HERE, "faults"), ".py").values())
        with open(os.path.join(HERE, "header.rs"), encoding="utf-8") as file:
            self.header = file.read()
        self.units = texts(SOURCES, ".rs")

    def holds(self, reference):
        kind, colon, name = reference.partition(":")
        # A key may hold colons of its own.
        if not colon or "/" in kind:
            return self.printed(reference)
        if kind == "unit":
            return self.unit(name)
        if kind == "lifecycle":
            program, _, rule = name.partition("/")
            return any(rule and defined_in(rule, self.lifecycle.get(program + ending, "")) for ending in (".c", ".py"))
        text = {"interop": self.interop, "header": self.header, "storm": self.storms, "loss": self.loss,
                "fault": self.faults}.get(kind)
        return text is not None and defined_in(name, text)

    def printed(self, reference):
        program, _, lines = reference.partition("/")
        if not lines:
            return False
        if self.transcripts is None or program not in self.transcripts:
            # Not run, or left out because something that it needs is missing.
            return os.path.exists(os.path.join(HERE, "transcripts", program + ".c"))
        wanted = lines if "." in lines else lines + ".*"
        cells = (part.replace("_", "[_ ]") for part in map(re.escape, wanted.split("*")))
        pattern = re.compile(".*".join(cells))
        return any(map(pattern.fullmatch, self.transcripts.get(program, ())))

    def unit(self, name):
        *modules, test = name.split("::")
        return any(re.search(rf"\bfn {re.escape(test)}\b", text)
                   for path, text in self.units.items()
                   if all(module in re.split(r"[/.]", path) or f"mod {module} " in text for module in modules))


def defined_in(name, text):
    """Whether it is a function there, or a name in a table: in quotes, or an argument of a macro."""
    return re.search(rf"""(?:\b(?:def|fn|void|int)\s+\*?|["'(])(?:test_)?{re.escape(name)}\b""", text) is not None


def check(transcripts=None, show_untested=False):
    """Prints how many rules of each part are tested, and what is wrong; returns how much is wrong."""
    evidence, wrong, seen = Evidence(transcripts), 0, {}
    for part in sorted(os.listdir(RULES)) if os.path.isdir(RULES) else ():
        tested = untested = 0
        for name in sorted(os.listdir(os.path.join(RULES, part))):
            with open(os.path.join(RULES, part, name), encoding="utf-8") as file:
                lines = file.read().splitlines()
            for number, line in enumerate(lines, 1):
                place = f"rules/{part}/{name}:{number}"
                rule, tab, shown_by = line.partition("\t")
                if not tab or not rule or not shown_by:
                    complaint = "not a row of two cells"
                elif (part, rule) in seen:
                    complaint = f"stands at {seen[part, rule]}, too"
                elif shown_by.startswith(UNTESTED):
                    untested += 1
                    complaint = None
                    if show_untested:
                        print(f"{place}: {rule}: {shown_by}")
                else:
                    tested += 1
                    missing = [one for one in shown_by.split() if not evidence.holds(one)]
                    complaint = missing and "nothing like " + ", ".join(missing)
                seen.setdefault((part, rule), place)
                if complaint:
                    print(f"{place}: {complaint}")
                    wrong += 1
        print(f"rules: {part}: {tested} of {tested + untested} tested, {untested} untested with a reason")
    return wrong


if __name__ == "__main__":
    sys.exit(1 if check(show_untested="--list" in sys.argv[1:]) else 0)
