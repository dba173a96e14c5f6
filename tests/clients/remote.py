"""Models that another server runs: MLServer with a runtime of ten lines, and one that believes nobody but the hub.

`cargo xtask test` names the program in MLSERVER.
"""

import decimal
import http.server
import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import threading
import unittest
import urllib.error
import urllib.request

import numpy as np
import onnxruntime
import tritonclient.http
from standardwebhooks import Webhook, WebhookVerificationError

from hub import FIXTURES, PATIENCE_S, WEB, Hub, until

RUNTIME = pathlib.Path(__file__).parents[1] / "mlserver"
WEIGHTS = FIXTURES / "scaler.onnx"
MODEL = "alice/iris"
FEE = decimal.Decimal("0.002")
SAMPLE = np.array([[5.1, 3.5, 1.4, 0.2], [6.0, 1.0, 4.5, 1.5], [1e-20, 8.5, -0.0, 0.1]], dtype=np.float32)
DATATYPES = {"tensor(float)": "FP32", "tensor(int64)": "INT64"}
CARD = """---
modelhub:
  price: {{ per_call: "{fee} OPG" }}
  split: {{ alice: 75%, carol: 25% }}
  deadline: 10s
  remote: {{ url: "{url}", model: {model} }}
---
# {model}, somewhere else
"""


def free_ports(count):
    """Ports that nobody listens at now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listening.getsockname()[1] for listening in sockets]
    for listening in sockets:
        listening.close()
    return ports


def shown(ports):
    """What MLServer tells of a model: it does not look itself."""
    sizes = lambda port: [size if isinstance(size, int) else -1 for size in port.shape]
    return [{"name": port.name, "datatype": DATATYPES[port.type], "shape": sizes(port)} for port in ports]


class MlServer:
    """A running MLServer with one model; it can be killed and started again at the same place."""

    def __init__(self, folder):
        self._folder = pathlib.Path(folder)
        self.session = onnxruntime.InferenceSession(WEIGHTS)
        http_port, grpc_port, metrics_port = free_ports(3)
        self.host = f"127.0.0.1:{http_port}"
        settings = {"host": "127.0.0.1", "http_port": http_port, "grpc_port": grpc_port, "metrics_port": metrics_port}
        (self._folder / "settings.json").write_text(json.dumps(settings | {"parallel_workers": 0}))
        model = {
            "name": "iris",
            "implementation": "runtime.OnnxRuntime",
            "parameters": {"uri": str(WEIGHTS)},
            "inputs": shown(self.session.get_inputs()),
            "outputs": shown(self.session.get_outputs()),
        }
        (self._folder / "model-settings.json").write_text(json.dumps(model))
        self.start()

    def start(self):
        self._log = (self._folder / "mlserver.log").open("wb")
        self._process = subprocess.Popen(
            [os.environ["MLSERVER"], "start", self._folder],
            env=os.environ | {"PYTHONPATH": str(RUNTIME), "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )
        until("MLServer is ready", self.is_ready)

    def is_ready(self):
        status = self._process.poll()
        assert status is None, f"MLServer ended with {status}:\n{(self._folder / 'mlserver.log').read_text()}"
        try:
            with WEB.open(f"http://{self.host}/v2/models/iris/ready", timeout=PATIENCE_S) as answer:
                return answer.status == 200
        except (urllib.error.URLError, ConnectionError):
            return False

    def kill(self):
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._log.close()


class Remote(unittest.TestCase):
    """A hub whose one model is on an MLServer."""

    @classmethod
    def setUpClass(cls):
        folder = cls.enterClassContext(tempfile.TemporaryDirectory(prefix="modelhub-mlserver-"))
        cls.server = MlServer(folder)
        cls.addClassCleanup(lambda: cls.server.kill())
        cls.hub = Hub("--allow-private-addresses")
        cls.addClassCleanup(cls.hub.stop)
        cls.alice, cls.carol = cls.hub.account("alice"), cls.hub.account("carol")
        cls.published = publish(cls, cls.hub, cls.alice, MODEL, f"http://{cls.server.host}", "iris")

    def setUp(self):
        self.bob = self.hub.account(f"bob-{self._testMethodName.replace('_', '-')[:30].rstrip('-')}", "1")

    def cash(self, key):
        return decimal.Decimal(self.hub.cli(key, "balance")["cash"])

    def ask(self, host, model, key=None):
        """One call with NVIDIA's client, and what came with it."""
        given = tritonclient.http.InferInput(self.server.session.get_inputs()[0].name, SAMPLE.shape, "FP32")
        given.set_data_from_numpy(SAMPLE, binary_data=key is not None)
        # MLServer answers in JSON alone.
        wanted = [tritonclient.http.InferRequestedOutput(output.name, binary_data=key is not None)
                  for output in self.server.session.get_outputs()]
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        with tritonclient.http.InferenceServerClient(host) as client:
            return client.infer(model, [given], outputs=wanted, headers=headers)

    def test_bits_are_those_of_the_other_server_and_of_the_model(self):
        before = self.cash(self.alice), self.cash(self.carol)
        through = self.ask(self.hub.url.removeprefix("http://"), MODEL, self.bob)
        direct = self.ask(self.server.host, "iris")
        outputs = self.server.session.run(None, {self.server.session.get_inputs()[0].name: SAMPLE})
        for port, expected in zip(self.server.session.get_outputs(), outputs):
            for answer in through, direct:
                got = answer.as_numpy(port.name)
                self.assertEqual((got.dtype, got.shape), (expected.dtype, expected.shape))
                self.assertEqual(got.tobytes(), expected.tobytes(), port.name)
        creators = FEE * decimal.Decimal("0.9")
        self.assertEqual(self.cash(self.bob), 1 - FEE)
        earned = self.cash(self.alice) - before[0], self.cash(self.carol) - before[1]
        self.assertEqual(earned, (creators * 3 / 4, creators / 4))
        receipt = self.hub.cli(self.bob, "calls")["items"][0]["id"]
        self.assertTrue(self.hub.cli(self.bob, "receipt", receipt, "--verify"))

    def test_everybody_is_told_that_the_weights_are_elsewhere(self):
        with WEB.open(f"{self.hub.url}/v2/models/{MODEL}") as answer:
            told = json.load(answer)
        self.assertEqual((told["engine"], told["runs_on"]), ("remote", self.server.host))
        with WEB.open(f"{self.hub.url}/{MODEL}") as page:
            text = page.read().decode()
        self.assertIn(f"Runs on the owner’s server at {self.server.host}", text)
        self.assertNotIn("the weights stay here", text)

    def test_a_server_that_is_gone_costs_nothing_until_it_is_back(self):
        names = self.server.session.get_inputs()[0].name
        body = {"inputs": [{"name": names, "datatype": "FP32", "shape": [1, 4], "data": SAMPLE[0].tolist()}]}
        call = lambda: self.hub.call(self.bob, MODEL, body)
        self.assertEqual(call().status, 200)
        paid = self.cash(self.bob)
        self.server.kill()
        for _ in range(8):
            refused = call()
            self.assertEqual((refused.status, refused.json["code"]), (503, "remote_unavailable"))
            self.assertIn(self.server.host, refused.json["error"])
            self.assertIn("nothing was charged", refused.json["error"])
        self.assertIn("left alone", refused.json["error"], "after so many failures nobody waits for it")
        with self.assertRaises(urllib.error.HTTPError) as ready:
            WEB.open(f"{self.hub.url}/v2/models/{MODEL}/ready")
        with ready.exception as refused:
            self.assertEqual((refused.code, refused.headers["Retry-After"].isdigit()), (503, True))
        self.assertEqual(self.cash(self.bob), paid)
        self.server.start()
        until("the hub finds it again", lambda: call().status == 200)
        self.assertEqual(self.cash(self.bob), paid - FEE)


def publish(case, hub, key, model, url, name):
    """Publishes a card that names a server, and nothing else."""
    with tempfile.TemporaryDirectory(prefix="modelhub-card-") as folder:
        pathlib.Path(folder, "README.md").write_text(CARD.format(fee=FEE, url=url, model=name))
        return hub.cli(key, "publish", folder, model)


class Guarded(http.server.ThreadingHTTPServer):
    """Somebody's server with one model, `x` FP32 [n] and the same as `y`: it answers what the secret has signed."""

    def __init__(self, secret):
        super().__init__(("127.0.0.1", 0), Guard)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.secret = secret
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,))
        self._thread.start()

    def stop(self):
        self.shutdown()
        self._thread.join()
        self.server_close()


class Guard(http.server.BaseHTTPRequestHandler):
    """Its routes."""

    def do_GET(self):
        port = lambda name: {"name": name, "datatype": "FP32", "shape": [-1]}
        self.answer(b"", {"name": "echo", "extensions": [], "inputs": [port("x")], "outputs": [port("y")]})

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.answer(body, {"outputs": [given | {"name": "y"} for given in json.loads(body)["inputs"]]})

    def answer(self, body, document):
        status = 200
        try:
            Webhook(self.server.secret).verify(body, dict(self.headers), json_parse=False)
        except WebhookVerificationError:
            status, document = 401, {"error": "not signed by the hub"}
        text = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        """Says nothing: tests say what was wrong."""


class Signed(unittest.TestCase):
    """The owner's server believes the hub and nobody else."""

    def test_the_hub_signs_what_it_asks_with_the_secret_of_the_owners_webhook(self):
        hub = Hub("--allow-private-addresses")
        self.addCleanup(hub.stop)
        alice, bob = hub.account("alice"), hub.account("bob", "1")
        hub.account("carol")
        secret = hub.cli(alice, "webhook", "set", "http://127.0.0.1:9/hook")["secret"]
        server = Guarded(secret)
        self.addCleanup(server.stop)
        with self.assertRaises(urllib.error.HTTPError) as refused:
            WEB.open(f"{server.url}/v2/models/echo")
        refused.exception.close()
        self.assertEqual(refused.exception.code, 401)
        publish(self, hub, alice, "alice/echo", server.url, "echo")
        body = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [2], "data": [0.5, -1]}]}
        answer = hub.call(bob, "alice/echo", body)
        self.assertEqual((answer.status, answer.json["outputs"][0]["data"]), (200, [0.5, -1.0]))
        # Another secret, and the server no longer believes: the call fails and costs nothing.
        hub.cli(alice, "webhook", "set", "http://127.0.0.1:9/hook", "--new-secret")
        answer = hub.call(bob, "alice/echo", body)
        self.assertEqual((answer.status, answer.json["code"]), (502, "engine_failed"))
        self.assertIn("answered 401: not signed by the hub", answer.json["error"])
        self.assertEqual(decimal.Decimal(hub.cli(bob, "balance")["cash"]), 1 - FEE)
