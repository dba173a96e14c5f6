"""The hub as the `opengradient` SDK sees it: its own code, sent here instead of where it always asks.

The address is fixed in the SDK, and whoever uses it signs in elsewhere first. Both are replaced from outside: an adapter
of every session of `requests` changes scheme and host and nothing else, and the token is a key of the hub.

`cargo xtask test` runs this in the environment of tests/opengradient, and says so in OPENGRADIENT.
"""

import base64
import hashlib
import os
import pathlib
import tempfile
import time
import unittest
import unittest.mock
import urllib.parse

from hub import FIXTURES, Hub, until

if "OPENGRADIENT" not in os.environ:
    raise unittest.SkipTest("for the environment of tests/opengradient")

import opengradient
import requests

THERE = "https://api.opengradient.ai/"
INPUT = {"inputs": [{"name": "features", "datatype": "FP32", "shape": [1, 4], "data": [5.1, 3.5, 1.4, 0.2]}]}
SCALER = FIXTURES / "scaler.onnx"


class Here(requests.adapters.HTTPAdapter):
    """Sends what is meant for the SDK's own host to a hub. Method, path, headers and body stay as they are."""

    def __init__(self, url):
        super().__init__()
        self._url = url

    def send(self, request, **options):
        assert request.url.startswith(THERE), request.url
        there = urllib.parse.urlsplit(request.url)
        request.url = self._url + urllib.parse.urlunsplit(("", "", *there[2:]))
        # No proxy: what is asked is on this machine.
        return super().send(request, **options | {"proxies": {}})


def cid(content):
    """The CIDv1 of bytes as one raw block, by Python's own base32."""
    head = bytes([0x01, 0x55, 0x12, 0x20])
    digits = base64.b32encode(head + hashlib.sha256(content).digest())
    return "b" + digits.decode().lower().rstrip("=")


class Sdk(unittest.TestCase):
    """Making, filling, listing and calling models."""

    @classmethod
    def setUpClass(cls):
        cls.hub = Hub()
        cls.addClassCleanup(cls.hub.stop)
        begin = requests.Session.__init__

        def begin_here(session, *arguments, **options):
            begin(session, *arguments, **options)
            session.mount("https://", Here(cls.hub.url))

        patch = unittest.mock.patch.object(requests.Session, "__init__", begin_here)
        patch.start()
        cls.addClassCleanup(patch.stop)
        cls.alice = cls.hub.account("alice")

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def signed_in(self, key):
        """The SDK's own object, signed in with a key of the hub."""
        models = opengradient.ModelHub()
        models._hub_user = {"idToken": key}
        models._token_expiry = time.time() + 3600
        return models

    def file(self, name, content):
        path = self.folder / name
        path.write_bytes(content)
        return str(path)

    def call(self, key, model):
        headers = {"Authorization": f"Bearer {key}"}
        request = requests.Request("POST", f"{THERE}v2/models/alice/{model}/infer", headers, json=INPUT)
        with requests.Session() as session:
            return session.send(session.prepare_request(request))

    def test_a_model_is_made_filled_listed_and_called_at_once(self):
        models = self.signed_in(self.alice)
        made = models.create_model("iris", "Tells irises apart.")
        self.assertEqual((made.name, made.initialVersion), ("iris", "1.00"))
        self.assertEqual(models.list_files("iris", "1.00"), [])
        content = SCALER.read_bytes()
        taken = models.upload(str(SCALER), made.name, made.initialVersion)
        self.assertEqual((taken.modelCid, taken.size), (cid(content), len(content)))
        listed = {"name": "scaler.onnx", "size": len(content), "ipfsCid": cid(content)}
        self.assertEqual(models.list_files("iris", "1.00"), [listed])
        called = self.call(self.alice, "iris")
        self.assertEqual(called.status_code, 200, called.text)
        self.assertEqual((called.headers["x-model-release"], called.headers["x-cost"]), ("1.00", "0"))
        self.assertEqual([output["name"] for output in called.json()["outputs"]], ["label", "probabilities"])
        self.assertIn(listed, models.list_files("iris", "1.00"))
        self.assertEqual(models.create_version("iris", "Better."), {"versionString": "1.01"})
        self.assertEqual(models.create_version("iris", is_major=True), {"versionString": "2.00"})
        with self.assertRaisesRegex(RuntimeError, r"alice/iris 1.00 is a release .* \(status_code=409\)"):
            models.upload(str(SCALER), "iris", "1.00")

    def test_files_are_of_any_size_and_replace_those_of_their_name(self):
        models = self.signed_in(self.alice)
        models.create_model("files", "")
        for content in [b"", b"one", bytes(range(256)) * 100_000]:
            taken = models.upload(self.file("a b.bin", content), "files", "1.00")
            self.assertEqual((taken.modelCid, taken.size), (cid(content), len(content)))
        self.assertEqual(
            models.list_files("files", "1.00"), [{"name": "a b.bin", "size": len(content), "ipfsCid": cid(content)}]
        )

    def test_refusals_are_told_as_far_as_the_sdk_tells_them(self):
        models, stranger = self.signed_in(self.alice), self.signed_in("mh_wrong")
        models.create_model("known", "")
        with self.assertRaisesRegex(RuntimeError, 'HTTP 409: .*"detail":"there is a model alice/known already"'):
            models.create_model("known", "")
        with self.assertRaisesRegex(RuntimeError, "HTTP 400: .*expected only A-Z"):
            models.create_model("not known", "")
        with self.assertRaisesRegex(RuntimeError, "HTTP 401: .*the key is not known here"):
            stranger.create_model("iris", "")
        with self.assertRaisesRegex(Exception, "Version creation failed: 404"):
            models.create_version("unknown")
        with self.assertRaisesRegex(RuntimeError, r'there is no model "not known".*\(status_code=404\)'):
            models.upload(str(SCALER), "not known", "1.00")
        with self.assertRaisesRegex(RuntimeError, r"has no release 1.01 \(status_code=404\)"):
            models.upload(str(SCALER), "known", "1.01")
        with self.assertRaisesRegex(RuntimeError, r"\(status_code=401\)"):
            stranger.upload(str(SCALER), "known", "1.00")
        with self.assertRaisesRegex(RuntimeError, "File listing failed: 404"):
            models.list_files("known", "7.00")

    def test_a_version_is_a_release_by_itself(self):
        models, bob = self.signed_in(self.alice), self.hub.account("bob")
        models.create_model("later", "")
        models.upload(str(SCALER), "later", "1.00")
        self.assertEqual(self.call(bob, "later").status_code, 404, "its owner may still be uploading")
        until("later 1.00", lambda: self.call(bob, "later").status_code == 200)
