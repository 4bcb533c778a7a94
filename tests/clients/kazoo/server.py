"""The server of kazoo's own tests, in the place of the cluster of Java processes that they start."""

import atexit
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import types

PROGRAM = pathlib.Path(__file__).parents[2] / "servers" / "run-zookeeper"


def free_address():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return "127.0.0.1:%d" % listener.getsockname()[1]


class Server:
    """A server at one address: $ZOOKEEPER_SERVER, as tests/servers/run-zookeeper takes it."""

    def __init__(self):
        self.address = free_address()
        self.directory = tempfile.TemporaryDirectory()
        self.log = tempfile.TemporaryFile("w+")
        self.process = None
        atexit.register(self.stop)

    @property
    def running(self):
        return self.process is not None

    def run(self):
        command = [PROGRAM, os.environ["ZOOKEEPER_SERVER"], self.address, self.directory.name]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)
        end = time.monotonic() + 60
        while not self.serves():
            assert self.process.poll() is None and time.monotonic() < end, self.said()
            time.sleep(0.02)

    def serves(self):
        host, port = self.address.split(":")
        try:
            with socket.create_connection((host, int(port)), timeout=5) as stream:
                stream.sendall(b"srvr")
                return stream.recv(17) == b"Zookeeper version"
        except OSError:
            return False

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def said(self):
        self.log.seek(0)
        return self.log.read()


class Cluster(list):
    """One server for all tests: each of them has a chroot of its own."""

    def __init__(self, **_settings):
        super().__init__([Server()])

    def start(self):
        for server in self:
            if not server.running:
                server.run()

    def terminate(self):
        """A class of tests is done; the server is stopped when all are."""

    def get_logs(self):
        return [server.said() for server in self]


common = types.ModuleType("kazoo.testing.common")
common.ZookeeperCluster = Cluster
sys.modules[common.__name__] = common
os.environ.update(ZOOKEEPER_VERSION="3.9.4", ZOOKEEPER_CLUSTER_SIZE="1", CI="1")
