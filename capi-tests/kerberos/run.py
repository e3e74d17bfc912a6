#!/usr/bin/python3
"""GSSAPI: our library and the stock one with each other, by Kerberos, in a realm of its own.

    run.py --ours DIR                 DIR has a library that was built with the feature `gssapi`
    run.py --ours DIR --only names    scenarios whose names have this in them
    run.py --ours DIR --verbose       what both ends said, of all

Makes the realm TEST.LOCAL in a temporary directory, with a KDC on a free port of the loopback. Each scenario is two
processes (peer.c) on each pair of libraries, with the stock one on both ends as the control. What libzmq 4.3.4 is known
to do otherwise stands in `STOCK`.
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
SERVICE = "service=zmqserver@localhost"
SERVER_NAME = "principal=zmqserver@localhost"


class Realm:
    """TEST.LOCAL. `zmqserver/localhost` has a keytab, `zmqclient` a ticket, `other` neither."""

    def __init__(self, directory):
        self.directory = directory
        self.port = free_port()
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
        self.write("krb5.conf", f"""
            [libdefaults]
            default_realm = TEST.LOCAL
            dns_lookup_realm = false
            dns_lookup_kdc = false
            dns_canonicalize_hostname = false
            rdns = false
            [realms]
            TEST.LOCAL = {{
                kdc = 127.0.0.1:{self.port}
            }}
            [domain_realm]
            localhost = TEST.LOCAL
            """)
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
        self.kdc.terminate()
        self.kdc.wait()

    def of(self, who):
        """The environment of one end. libzmq 4.3.4 needs both kinds of keys for a name that it is given."""
        keys = {
            "server": {"KRB5_KTNAME": "server.keytab", "KRB5_CLIENT_KTNAME": "server.keytab"},
            "client": {"KRB5_KTNAME": "client.keytab", "KRB5CCNAME": "client.ccache"},
            "ticket": {"KRB5CCNAME": "client.ccache"},
            "keytab": {"KRB5_KTNAME": "server.keytab"},
            "nothing": {},
        }[who]
        named = {name: "FILE:" + self.path(file) for name, file in keys.items()}
        if who in ("server", "keytab"):
            named["KRB5CCNAME"] = "MEMORY:server"
        return {**self.environment, **named}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Scenario:
    """Two ends, what they have to say, and whose keys they have. `server` and `client` are words for peer.c; `expected`
    is what the server's and the client's lines have to be, without order of repeats. `server_connects`: by default it
    binds."""

    def __init__(self, name, server, client, expected=(("succeeded",), ("succeeded",)), *, keys=("server", "client"),
                 server_connects=False):
        self.name = name
        self.server = server.split()
        self.client = client.split()
        self.expected = expected
        self.keys = keys
        self.server_connects = server_connects


PAIRS = (("push", "pull"), ("pull", "push"), ("rep", "req"), ("router", "dealer"), ("xpub", "sub"), ("sub", "xpub"))


def scenarios():
    found = []

    def add(*arguments, **keywords):
        found.append(Scenario(*arguments, **keywords))

    for plaintext in (0, 1):
        kind = "plaintext" if plaintext else "encrypted"
        option = f"plaintext={plaintext}"
        for ours, theirs in PAIRS:
            for connects in (False, True):
                add(f"{kind} {ours}-{theirs}{' connecting' if connects else ''}",
                    f"role=server {SERVER_NAME} {option} job={ours}",
                    f"role=client {SERVICE} {option} job={theirs}", server_connects=connects)
    return found
