"""A hub of a test's own: the real binary in a temporary folder, on a free port of this machine.

Always: a hub ends with this program, however this program ends; no setting or login of whoever runs the tests reaches
it; at its end its books are audited.

`cargo xtask test` names the binary in MODELHUB and ONNX Runtime's library in MODELHUB_ONNXRUNTIME.
"""

import dataclasses
import json
import os
import pathlib
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

FIXTURES = pathlib.Path(__file__).parents[2] / "crates/testkit/fixtures"
PATIENCE_S = 20
# No proxy: what is asked is on this machine.
WEB = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclasses.dataclass(frozen=True)
class Answer:
    """What came back over HTTP: the status and the JSON document."""

    status: int
    json: dict


class Hub:
    """A running hub."""

    def __init__(self, *settings):
        self._binary = os.environ["MODELHUB"]
        self._home = tempfile.TemporaryDirectory(prefix="modelhub-clients-")
        home = pathlib.Path(self._home.name)
        self.data = home / "hub"
        self._log = home / "hub.log"
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("MODELHUB")}
        self._environment["XDG_CONFIG_HOME"] = str(home / "config")
        if library := os.environ.get("MODELHUB_ONNXRUNTIME"):
            self._environment["MODELHUB_ONNXRUNTIME"] = library
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [self._binary, "serve", "--json", "--until-stdin-ends", "--listen", "127.0.0.1:0"]
                + ["--data", self.data, *settings],
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        line = self._process.stdout.readline()
        if not line:
            self._end()
            raise AssertionError(f"the hub did not start:\n{self._log.read_text()}")
        self.url = json.loads(line)["url"]

    def stop(self):
        """Ends the hub and audits its books."""
        with self._home:
            status = self._end()
            assert status == 0, f"the hub ended with {status}:\n{self._log.read_text()}"
            self._run("audit", "--data", self.data)

    def cli(self, key, *words):
        """What `modelhub WORDS --json` prints for whoever has the key."""
        return self._run(*words, MODELHUB_URL=self.url, MODELHUB_KEY=key)

    def admin(self, *words):
        """What `modelhub admin WORDS --json` prints for the operator."""
        return self._run("admin", *words, "--data", self.data)

    def account(self, handle, deposit=None):
        """Makes an account, with cash in OPG if some is given. Gives its key."""
        key = self.admin("account", "create", handle)["key"]
        if deposit is not None:
            self.admin("deposit", handle, deposit)
        return key

    def publish(self, key, model, fixture, price):
        """Publishes a model of the fixtures at a price a call."""
        self.cli(key, "publish", FIXTURES / fixture, model, "--price", price)

    def call(self, key, model, body):
        """One call of a model."""
        headers = {"Authorization": f"Bearer {key}"}
        return self.post(f"/v2/models/{model}/infer", json.dumps(body), headers)

    def post(self, path, body, headers):
        """One request with a text as its body."""
        request = urllib.request.Request(self.url + path, body.encode(), headers, method="POST")
        try:
            with WEB.open(request, timeout=PATIENCE_S) as answer:
                return Answer(answer.status, json.load(answer))
        except urllib.error.HTTPError as refused:
            with refused:
                return Answer(refused.code, json.load(refused))

    def _run(self, *words, **variables):
        done = subprocess.run(
            [self._binary, *words, "--json"],
            env=self._environment | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return json.loads(done.stdout)

    def _end(self):
        """Closes the hub's standard input, which stops it, and gives its exit status."""
        with self._process as process:
            process.stdin.close()
            try:
                return process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                raise


def until(what, so):
    """Waits until something is so, at most PATIENCE_S."""
    end = time.monotonic() + PATIENCE_S
    while not so():
        assert time.monotonic() < end, f"not within {PATIENCE_S} s: {what}"
        time.sleep(0.02)
