#!/usr/bin/python3
"""GSSAPI: our library and the stock one with each other, by Kerberos, in a realm of its own.

    run.py --ours DIR                 DIR has a library that was built with the feature `gssapi`
    run.py --ours DIR --only names    scenarios whose names have this in them
    run.py --ours DIR --verbose       what both ends said, of all

Makes the realm TEST.LOCAL in a temporary directory, with a KDC on a free port of the loopback. Each scenario is two
processes (peer.c) on each pair of libraries, with the stock one on both ends as the control. What libzmq 4.3.4 is known
to do otherwise stands in `expected_of`.
"""

import argparse
import concurrent.futures
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from run import Library  # noqa: E402

LIMIT = 30
# Scenarios at the same time: most of them wait.
TOGETHER = 16
SERVICE = "service=zmqserver@localhost"
SERVER_NAME = "principal=zmqserver@localhost"


class Realm:
    """TEST.LOCAL. `zmqserver/localhost` has a keytab, `zmqclient` a ticket, `other` neither."""

    def __init__(self, directory):
        self.directory = directory
        self.port = free_port()
        self.silent = SilentServer()
        self.environment = {
            **os.environ,
            "PATH": os.environ["PATH"] + ":/usr/sbin",
            "KRB5_CONFIG": self.path("krb5.conf"),
            "KRB5_KDC_PROFILE": self.path("kdc.conf"),
            "KRB5RCACHEDIR": directory,
            "KRB5_KTNAME": "FILE:" + self.path("none"),
            "KRB5_CLIENT_KTNAME": "FILE:" + self.path("none"),
            "KRB5CCNAME": "FILE:" + self.path("none"),
        }
        self.write("krb5.conf", self.configuration(self.port))
        self.write("silent.conf", self.configuration(self.silent.port))
        self.write("kdc.conf", f"""
            [kdcdefaults]
            kdc_listen = 127.0.0.1:{self.port}
            kdc_tcp_listen = 127.0.0.1:{self.port}
            [realms]
            TEST.LOCAL = {{
                database_name = {self.path("principals")}
                key_stash_file = {self.path("stash")}
                acl_file = {self.path("acl")}
                supported_enctypes = aes256-cts-hmac-sha1-96:normal
            }}
            [logging]
            kdc = FILE:{self.path("kdc.log")}
            """)
        self.run("kdb5_util", "create", "-s", "-r", "TEST.LOCAL", "-P", "master")
        for name in ("zmqserver/localhost", "zmqclient", "other"):
            self.administer("addprinc -randkey " + name)
        # Acceptors and initiators find their keys in the same file.
        self.administer(f"ktadd -norandkey -k {self.path('server.keytab')} zmqserver/localhost")
        self.administer(f"ktadd -norandkey -k {self.path('client.keytab')} zmqclient")
        self.kdc = subprocess.Popen(["krb5kdc", "-n"], env=self.environment, stdout=subprocess.DEVNULL,
                                    stderr=subprocess.DEVNULL)

    @staticmethod
    def configuration(port):
        return f"""
            [libdefaults]
            default_realm = TEST.LOCAL
            dns_lookup_realm = false
            dns_lookup_kdc = false
            dns_canonicalize_hostname = false
            rdns = false
            [realms]
            TEST.LOCAL = {{
                kdc = 127.0.0.1:{port}
            }}
            [domain_realm]
            localhost = TEST.LOCAL
            """

    def path(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write("\n".join(line.strip() for line in text.splitlines()))

    def run(self, *command, **environment):
        done = subprocess.run(command, env={**self.environment, **environment}, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=LIMIT, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}: {done.stdout}")

    def administer(self, query):
        self.run("kadmin.local", "-r", "TEST.LOCAL", "-q", query)

    def take_ticket(self):
        """Waits for the KDC, too."""
        for attempt in range(50):
            try:
                return self.run("kinit", "-k", "-t", self.path("client.keytab"), "zmqclient",
                                KRB5CCNAME="FILE:" + self.path("client.ccache"))
            except RuntimeError:
                if attempt == 49 or self.kdc.poll() is not None:
                    raise
                time.sleep(0.1)

    def end(self):
        self.silent.close()
        self.kdc.terminate()
        self.kdc.wait()

    def of(self, who):
        """The environment of one end. libzmq 4.3.4 needs both kinds of keys for a name that it is given."""
        keys = {
            "server": {"KRB5_KTNAME": "server.keytab", "KRB5_CLIENT_KTNAME": "server.keytab"},
            "client": {"KRB5_KTNAME": "client.keytab", "KRB5CCNAME": "client.ccache"},
            "ticket": {"KRB5CCNAME": "client.ccache"},
            "keytab": {"KRB5_KTNAME": "server.keytab"},
            "silence": {"KRB5CCNAME": "client.ccache"},
            "nothing": {},
        }[who]
        named = {name: "FILE:" + self.path(file) for name, file in keys.items()}
        if who in ("server", "keytab"):
            named["KRB5CCNAME"] = "MEMORY:server"
        if who == "silence":
            # A ticket for a ticket, but nobody who answers.
            named["KRB5_CONFIG"] = self.path("silent.conf")
        return {**self.environment, **named}


class SilentServer:
    """Takes whatever is sent to a port, and says nothing."""

    def __init__(self):
        self.stream = socket.socket()
        self.stream.bind(("127.0.0.1", 0))
        self.stream.listen(100)
        self.port = self.stream.getsockname()[1]
        self.datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.datagrams.bind(("127.0.0.1", self.port))

    def close(self):
        self.stream.close()
        self.datagrams.close()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Scenario:
    """Two ends: words for peer.c, whose keys they have, and what is expected. `server_connects`: otherwise it binds.

    `expected` None: both do their job; "nothing": they do not get on. Otherwise the lines, without repeats, that the server
    and the client have to print of the handshake."""

    def __init__(self, name, server, client, expected=None, *, keys=("server", "client"), server_connects=False):
        self.name = name
        self.words = (server.split(), client.split())
        self.expected = expected
        self.keys = keys
        self.server_connects = server_connects


# Types on the server and on the client.
PAIRS = (("push", "pull"), ("pull", "push"), ("rep", "req"), ("req", "rep"), ("router", "dealer"), ("xpub", "sub"),
         ("sub", "xpub"))
SUCCEEDED = ["event succeeded"]
FAILED = ["event failed"]
UNEXPECTED = ["event protocol 10000001"]
ASKED = "asked [GSSAPI] zmqclient@TEST.LOCAL, 7 frames, 20 bytes"


def traffic():
    for plaintext in (0, 1):
        kind = "plaintext" if plaintext else "encrypted"
        for server_job, client_job in PAIRS:
            for connects in (False, True):
                yield Scenario(f"{kind} {server_job}-{client_job}{', the server connects' if connects else ''}",
                               f"role=server {SERVER_NAME} plaintext={plaintext} job={server_job}",
                               f"role=client {SERVICE} plaintext={plaintext} job={client_job}",
                               server_connects=connects)


def names():
    server = f"role=server {SERVER_NAME} job=pull"
    client = f"role=client {SERVICE} job=push"
    yield Scenario("names: a server without one", "role=server job=pull", client, keys=("keytab", "ticket"))
    yield Scenario("names: Kerberos principals",
                   "role=server principal=zmqserver/localhost@TEST.LOCAL nametype=2 job=pull",
                   "role=client principal=zmqclient@TEST.LOCAL nametype=2 "
                   "service=zmqserver/localhost@TEST.LOCAL servicetype=2 job=push")
    yield Scenario("names: a user", server, f"{client} principal=zmqclient nametype=1")
    yield Scenario("names: a client with a ticket only", server, f"{client} principal=zmqclient nametype=1",
                   keys=("server", "ticket"))
    yield Scenario("names: a server with a keytab only", server, client, keys=("keytab", "ticket"))


def handlers():
    server = f"role=server {SERVER_NAME}"
    client = f"role=client {SERVICE}"
    yield Scenario("ZAP: accepted", f"{server} job=pull zap=200 user=somebody", f"{client} job=push")
    yield Scenario("ZAP: accepted, in clear", f"{server} plaintext=1 job=pull zap=200 user=somebody",
                   f"{client} plaintext=1 job=push")
    # The server ends first: a client that went in the middle of a handshake would be a failure of its own.
    for status in (300, 400, 500):
        yield Scenario(f"ZAP: refused with {status}", f"{server} job=watch watch=600 zap={status}",
                       f"{client} job=watch watch=900", ([ASKED, f"event refused {status}"], FAILED))


def failures():
    server = f"role=server {SERVER_NAME} job=watch watch=1000 interval=300"
    client = f"role=client {SERVICE} job=watch watch=800 interval=300"
    yield Scenario("both are well", server, client, (SUCCEEDED, SUCCEEDED))
    yield Scenario("only the server is plain", f"{server} plaintext=1", client, (FAILED, UNEXPECTED))
    yield Scenario("only the client is plain", server, f"{client} plaintext=1", (FAILED, UNEXPECTED))
    yield Scenario("a service that is unknown", server,
                   "role=client service=nobody@localhost job=watch watch=800 interval=300", (FAILED, FAILED))
    yield Scenario("a client without a ticket", server, client, (FAILED, FAILED), keys=("server", "nothing"))
    yield Scenario("a client whose name has no ticket", server, f"{client} principal=other nametype=2", (FAILED, FAILED))
    yield Scenario("a client without a service", server,
                   "role=client principal=zmqclient nametype=1 job=watch watch=800 interval=300", (FAILED, FAILED))
    yield Scenario("a server without keys", server, client, (FAILED, FAILED), keys=("nothing", "client"))
    yield Scenario("a server whose name has no key",
                   "role=server principal=other nametype=2 job=watch watch=1000 interval=300", client, (FAILED, FAILED))
    yield Scenario("a client without security", server, "role=none job=watch watch=800", None)
    yield Scenario("two servers", server, server, "nothing", keys=("server", "server"))
    yield Scenario("two clients", client, client, "nothing", keys=("client", "client"))


def silence():
    """The I/O thread does not wait for a KDC."""
    yield Scenario("a KDC that is silent", f"role=server {SERVER_NAME} job=watch watch=1500",
                   "role=client service=nobody@localhost job=aside", keys=("server", "silence"))


def scenarios():
    return [*traffic(), *names(), *handlers(), *failures(), *silence()]


def expected_of(scenario, stock):
    """What is expected of the two ends, of which `stock` says whether they are libzmq 4.3.4; and why, if that is not what
    is expected of ours."""
    jobs = [word for words in scenario.words for word in words if word.startswith("job=")]
    if scenario.name.startswith("encrypted") and "job=sub" in jobs and stock[jobs.index("job=sub")]:
        return "fails", "subscriptions lose what they mean (security.md 5)"
    if scenario.name.startswith("ZAP: refused") and stock[0]:
        server, _ = scenario.expected
        return ([*server, *SUCCEEDED], SUCCEEDED), "a refusal is ignored (security.md 5)"
    if scenario.name == "names: a client with a ticket only" and stock[1]:
        return "fails", "a name needs a key and a ticket (security.md 5)"
    if scenario.name == "names: a server with a keytab only" and stock[0]:
        return "fails", "a name needs a key and a ticket (security.md 5)"
    if scenario.name == "a KDC that is silent" and stock[1]:
        return "fails", "the I/O thread waits for it"
    if scenario.name == "a client without security":
        # Whoever closes first lets the other one see less; ours does not try again.
        return "mismatch", None
    return scenario.expected, None


class Ends:
    """The two processes of a scenario on two libraries."""

    def __init__(self, scenario, libraries, program, realm):
        self.scenario = scenario
        self.libraries = libraries
        self.program = program
        self.realm = realm

    def start(self, end, words, output):
        library = self.libraries[end]
        environment = self.realm.of(self.scenario.keys[end])
        environment.pop("LD_LIBRARY_PATH", None)
        if library.directory:
            environment["LD_LIBRARY_PATH"] = library.directory
        return subprocess.Popen([self.program, *self.scenario.words[end], *words], env=environment, stdout=output,
                                stderr=subprocess.STDOUT)

    def run(self, extra):
        """What both ends printed, the server's first."""
        binder = 1 if self.scenario.server_connects else 0
        with tempfile.TemporaryFile() as first, tempfile.TemporaryFile() as second:
            bound = self.start(binder, ["end=bind", *extra], first)
            processes = [bound]
            try:
                endpoint = wait_for_endpoint(first, bound)
                connected = self.start(1 - binder, ["end=connect:" + endpoint, *extra], second)
                processes.append(connected)
                for process in processes:
                    process.wait(LIMIT)
            finally:
                for process in processes:
                    if process.poll() is None:
                        process.kill()
                        process.wait()
            outputs = [printed(first), printed(second)]
        return outputs if binder == 0 else outputs[::-1]


def printed(file):
    file.seek(0)
    lines = file.read().decode("utf-8", "replace").splitlines()
    return [line for line in lines if not line.startswith("endpoint ")]


def wait_for_endpoint(file, process):
    for _ in range(500):
        text = os.pread(file.fileno(), 300, 0).decode()
        if text.startswith("endpoint ") and "\n" in text:
            return text.split("\n")[0].split(" ")[1]
        if process.poll() is not None:
            break
        time.sleep(0.01)
    raise RuntimeError("no endpoint: " + os.pread(file.fileno(), 300, 0).decode())


def told(lines):
    """What is said of the handshake, once each. Who tries again, and when a stream ends, is a matter of time."""
    kept = [line for line in lines if line.startswith(("event", "asked", "failed"))]
    return sorted({line for line in kept if line not in ("event retried", "event disconnected")})


def judge(expected, outputs):
    """What is wrong; None = nothing."""
    done = [lines and lines[-1].startswith("done: ") for lines in outputs]
    if expected == "fails":
        return "it works" if all(done) else None
    if expected == "mismatch":
        mismatch = "event protocol 11000002"
        return None if any(mismatch in lines for lines in outputs) else "no mismatch"
    if not all(done):
        return "not done"
    if expected == "nothing":
        return "they get on" if any(SUCCEEDED[0] in lines for lines in outputs) else None
    if expected is None:
        return None
    found = tuple(told(lines) for lines in outputs)
    wanted = tuple(sorted(lines) for lines in expected)
    return None if found == wanted else f"expected {wanted}"


def run_one(scenario, libraries, program, realm):
    """(what is wrong or None, why it differs or None, what was printed)"""
    stock = tuple(library.directory is None for library in libraries)
    expected, reason = expected_of(scenario, stock)
    extra = ["patience=1500"] if expected == "fails" else []
    try:
        outputs = Ends(scenario, libraries, program, realm).run(extra)
    except (RuntimeError, subprocess.TimeoutExpired) as error:
        return str(error), reason, ([], [])
    return judge(expected, outputs), reason, outputs


def compile_peer(build):
    program = os.path.join(build, "peer")
    stock = Library("stock")
    subprocess.run(["cc", "-std=gnu11", "-D_GNU_SOURCE", "-O1", "-Wall", "-Wextra", "-Werror",
                    "-I" + os.path.join(HERE, "..", "..", "include"), "-o", program, os.path.join(HERE, "peer.c"),
                    "-l:libzmq.so.5", "-lpthread"], check=True)
    stock.check(program)
    return program


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ours", required=True)
    parser.add_argument("--only", default="")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    stock, ours = Library("stock"), Library("ours", options.ours)
    build = tempfile.mkdtemp(prefix="kerberos-")
    realm = None
    failed = 0
    differ = 0
    count = 0
    try:
        program = compile_peer(build)
        ours.check(program)
        realm = Realm(build)
        realm.take_ticket()
        chosen = [scenario for scenario in scenarios() if options.only in scenario.name]
        with concurrent.futures.ThreadPoolExecutor(TOGETHER) as pool:
            for pair in ((ours, ours), (ours, stock), (stock, ours), (stock, stock)):
                results = list(pool.map(lambda one, pair=pair: run_one(one, pair, program, realm), chosen))
                label = f"{pair[0].name} server, {pair[1].name} client"
                wrong = 0
                for scenario, (error, reason, outputs) in zip(chosen, results):
                    count += 1
                    differ += reason is not None and error is None
                    if error:
                        wrong += 1
                        print(f"FAILED: {label}: {scenario.name}: {error}")
                    if error or options.verbose:
                        for who, lines in zip(("server", "client"), outputs):
                            print(f"    {scenario.name}: {who}: {'; '.join(lines)}")
                print(f"{label}: {len(chosen) - wrong} of {len(chosen)} scenarios")
                failed += wrong
    finally:
        if realm:
            realm.end()
        shutil.rmtree(build, ignore_errors=True)
    print(f"{count} scenarios, {failed} failed, {differ} as libzmq 4.3.4 has them and ours does not")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
