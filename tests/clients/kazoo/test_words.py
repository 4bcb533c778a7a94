"""Four-letter words, as kazoo's clients ask for them: its own tests do not."""

import re

from kazoo.testing import KazooTestCase


class FourLetterWords(KazooTestCase):
    def lines(self, word):
        return self.client.command(word).splitlines()

    def test_answers_of_a_word(self):
        assert self.client.command(b"ruok") == "imok"
        assert self.client.command(b"isro") == "rw"

    def test_version_is_read_from_envi(self):
        assert self.client.server_version() >= (3, 8)

    def test_srvr(self):
        srvr = self.lines(b"srvr")
        assert srvr[0].startswith("Zookeeper version: ")
        names = [line.split(":")[0] for line in srvr]
        wanted = "Latency min/avg/max,Received,Sent,Connections,Outstanding,Zxid,Mode,Node count"
        assert names[1:] == wanted.split(",")
        assert "Mode: standalone" in srvr

    def test_own_connection_is_in_stat_and_cons(self):
        host, port = self.client._connection._socket.getsockname()
        own = " /%s:%d[1](" % (host, port)
        assert any(line.startswith(own) for line in self.lines(b"stat"))
        (line,) = [line for line in self.lines(b"cons") if line.startswith(own)]
        assert "sid=0x%x," % self.client.client_id[0] in line
        assert "to=%d," % (self.DEFAULT_CLIENT_TIMEOUT * 1000) in line

    def test_mntr_counts(self):
        # kazoo reads 8 KiB at most, and a real server says more.
        def counts():
            return dict(line.split("\t") for line in self.lines(b"mntr") if "\t" in line)

        before = counts()
        assert before["zk_server_state"] == "standalone"
        self.client.create("/counted", b"12345", ephemeral=True)
        self.client.get("/counted", watch=lambda event: None)
        after = counts()
        for name, more in [("znode_count", 1), ("ephemerals_count", 1), ("watch_count", 1)]:
            name = "zk_" + name
            assert int(after[name]) - int(before[name]) == more, name
        assert int(after["zk_packets_received"]) > int(before["zk_packets_received"])

    def test_wchs_counts_watches(self):
        self.client.exists("/none", watch=lambda event: None)
        text = self.client.command(b"wchs")
        found = re.fullmatch(r"(\d+) connections watching (\d+) paths\nTotal watches:(\d+)", text.strip())
        assert found and int(found[3]) >= 1, text

    def test_word_of_no_meaning_is_not_answered(self):
        assert self.client.command(b"abcd") == ""
