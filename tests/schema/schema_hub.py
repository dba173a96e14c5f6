"""The hub's interface, held against its own document by Schemathesis: no 5xx, nothing outside the document.

`cargo xtask test` runs it for two minutes, `cargo xtask soak schema` for ten: SCHEMA_SECONDS. What a run does is decided by
the seed in schemathesis.toml; how far it comes, by the machine. A finding is mended in the document or in the code.
"""

import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
import urllib.request

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "clients"))

from hub import FIXTURES, WEB, Hub  # noqa: E402

TENSORS = [{"name": "features", "datatype": "FP32", "shape": [1, 4], "data": [5.1, 3.5, 1.4, 0.2]}]
GATED = """---
license: mit
modelhub: { price: { per_call: "0.002 OPG" }, access: gated }
---
Weights for those who ask.
"""
ROWS = """---
license: mit
modelhub:
  price: { per_call: "0.002 OPG" }
  labels: { probabilities: ["no", "yes"] }
  task:
    type: tabular-classification
    columns: { age: number, fare: number, port: [cork, dover, le havre] }
---
Who gets off where.
"""


class Schema(unittest.TestCase):
    def ask(self, key, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.hub.url + path, data, {"Authorization": f"Bearer {key}"}, method=method)
        with WEB.open(request) as answer:
            return json.load(answer)

    def folder(self, key, model, fixture, card):
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "model.onnx").write_bytes((FIXTURES / fixture).read_bytes())
            (pathlib.Path(folder) / "README.md").write_text(card)
            self.hub.cli(key, "publish", folder, model)

    def there(self):
        """One of everything that a path can name, and keys for it."""
        hub = self.hub
        operator = (hub.data / "operator.key").read_text().strip()
        alice = hub.account("alice", "1000")
        hub.account("spare", "10")
        for name in ("iris", "spare"):
            hub.publish(alice, f"alice/{name}", "scaler.onnx", "0.002 OPG")
        self.folder(alice, "alice/gated", "scaler.onnx", GATED)
        self.folder(alice, "alice/rows", "passengers.onnx", ROWS)
        # Whoever has no key is bounded by itself.
        self.ask(operator, "PUT", "/api/v1/admin/request-rates", {})
        bob = hub.account("bob", "10")
        assert hub.call(bob, "alice/iris", {"inputs": TENSORS}).status == 200
        call = hub.cli(bob, "calls")["items"][0]["id"]
        scopes = ["read", "publish", "call", "money"]
        caller = self.ask(alice, "POST", "/api/v1/keys", {"name": "caller", "scopes": scopes})
        spare = self.ask(alice, "POST", "/api/v1/keys", {"name": "spare", "scopes": ["read"]})
        self.ask(caller["key"], "POST", "/api/v1/organisations", {"handle": "acme"})
        self.ask(caller["key"], "PUT", "/api/v1/organisations/acme/members/spare", {"role": "reader"})
        self.ask(caller["key"], "PUT", "/api/v1/organisations/acme/members/bob", {"role": "reader"})
        theirs = self.ask(caller["key"], "POST", "/api/v1/organisations/acme/keys", {"name": "acme", "scopes": ["call"]})
        self.ask(bob, "POST", "/api/v1/models/alice/gated/access", {"message": "For a course."})
        hook = self.ask(caller["key"], "POST", "/api/v1/webhooks", {"url": "https://hooks.invalid/messages"})
        delivery = self.ask(caller["key"], "POST", f"/api/v1/webhooks/{hook['id']}/test", {})
        hold = self.ask(
            operator, "POST", "/api/v1/admin/holds", {"handle": "alice", "amount": "1", "days": 7, "reference": "x"}
        )
        invitation = self.ask(operator, "POST", "/api/v1/admin/invitations", {"note": "for Ada"})
        report = self.ask(bob, "POST", "/api/v1/models/alice/iris/reports", {"reason": "other", "text": "Look at it."})
        return {
            "operator": operator,
            "caller": caller["key"],
            "asker": bob,
            "deposit_secret": (hub.data / "deposit.secret").read_text().strip(),
            "tensors": TENSORS,
            "row": {"age": 30, "fare": 7.25, "port": "cork"},
            "amount": "0.001",
            "model": "alice/iris",
            "gated_model": "gated",
            "rows_model": "rows",
            "organisation_key": theirs["id"],
            "spare_key": spare["id"],
            "spare_model": "spare",
            "spare_account": "spare",
            "owner": "alice",
            "name": "iris",
            "release": "1.00",
            "from": "1.00",
            "to": "1.00",
            "handle": "bob",
            "organisation": "acme",
            "month": "2026-11",
            "call": call,
            "key": spare["id"],
            "hold": hold["hold"],
            "webhook": hook["id"],
            "delivery": delivery["id"],
            "invitation": invitation["id"],
            "report": report["id"],
            "sha256": hashlib.sha256((FIXTURES / "scaler.onnx").read_bytes()).hexdigest(),
        }

    def test_the_hub_does_what_its_document_says(self):
        self.hub = Hub()
        self.addCleanup(self.hub.stop)
        command = [
            *(pathlib.Path(sys.executable).with_name("schemathesis"), "--config-file", HERE / "schemathesis.toml"),
            *("run", "--no-color", "--max-time", os.environ.get("SCHEMA_SECONDS", "120")),
            self.hub.url + "/api/v1/openapi.json",
        ]
        environment = os.environ | {"SCHEMA_THERE": json.dumps(self.there()), "SCHEMATHESIS_HOOKS": "hooks"}
        environment |= {"PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1"}
        # Where it runs is where it would leave things.
        done = subprocess.run(command, env=environment, cwd=self.hub.data.parent, stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, 0, "schemathesis found something: see above")


if __name__ == "__main__":
    unittest.main()
