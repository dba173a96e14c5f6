"""Webhooks and deposits with `standardwebhooks`, the library of those who made the Standard Webhooks specification.

What the hub tells is believed by the library, and what the library signs is believed by the hub; nothing else is.
"""

import datetime
import http.server
import json
import queue
import threading
import unittest

from standardwebhooks import Webhook, WebhookVerificationError

from hub import PATIENCE_S, Hub, until

INPUT = {"inputs": [{"name": "features", "datatype": "FP32", "shape": [1, 4], "data": [5.1, 3.5, 1.4, 0.2]}]}
MODEL = "alice/iris"


class Receiver(http.server.ThreadingHTTPServer):
    """Somebody's server that is told: it keeps what comes, and answers with the given statuses first, then 204."""

    def __init__(self, *statuses):
        super().__init__(("127.0.0.1", 0), Hook)
        self.url = f"http://127.0.0.1:{self.server_port}/hook"
        self.statuses = list(statuses)
        self.messages = queue.Queue()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,))
        self._thread.start()

    def stop(self):
        self.shutdown()
        self._thread.join()
        self.server_close()

    def message(self):
        """The next message: its headers and the bytes of its body."""
        return self.messages.get(timeout=PATIENCE_S)


class Hook(http.server.BaseHTTPRequestHandler):
    """The one route of a receiver."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.send_response(self.server.statuses.pop(0) if self.server.statuses else 204)
        self.send_header("content-length", "0")
        self.end_headers()
        self.server.messages.put(({name.lower(): value for name, value in self.headers.items()}, body))

    def log_message(self, *_):
        """Says nothing: tests say what was wrong."""


class Messages(unittest.TestCase):
    """What the hub tells an account's webhook."""

    @classmethod
    def setUpClass(cls):
        cls.hub = Hub("--allow-private-addresses")
        cls.addClassCleanup(cls.hub.stop)
        cls.hub.publish(cls.hub.account("alice"), MODEL, "scaler.onnx", "0.002 OPG")

    def receiver(self, *statuses):
        receiver = Receiver(*statuses)
        self.addCleanup(receiver.stop)
        return receiver

    def set_webhook(self, key, receiver, *words):
        """Sets the webhook and gives the secret, if a new one is shown."""
        return self.hub.cli(key, "webhook", "set", receiver.url, *words).get("secret")

    def call(self, key):
        return self.hub.call(key, MODEL, INPUT).status

    def told(self, key):
        """How often each alert was sent, and whether it was taken, newest first."""
        alerts = self.hub.cli(key, "alerts")["items"]
        return [(alert["type"], alert["attempts"], "delivered" in alert) for alert in alerts]

    def until_told(self, key, *expected):
        until(f"told {expected}", lambda: self.told(key) == list(expected))

    def test_a_low_balance_is_told_and_verified(self):
        key, receiver = self.hub.account("bob", deposit="1"), self.receiver()
        secret = self.set_webhook(key, receiver, "--low-balance", "0.999")
        self.assertEqual(self.call(key), 200)
        headers, body = receiver.message()
        said = Webhook(secret).verify(body, headers)
        self.assertEqual(said["type"], "balance.low")
        self.assertEqual(said["data"], {"cash": "0.998", "promo": "0", "threshold": "0.999"})
        self.assertEqual(headers["content-type"], "application/json")
        self.until_told(key, ("balance.low", 1, True))

    def test_a_limit_that_is_in_the_way_is_told_and_verified(self):
        key, receiver = self.hub.account("carol", deposit="1"), self.receiver()
        secret = self.set_webhook(key, receiver)
        self.hub.cli(key, "limits", "--max-day", "0.003")
        self.assertEqual([self.call(key), self.call(key)], [200, 402])
        headers, body = receiver.message()
        said = Webhook(secret).verify(body, headers)
        self.assertEqual(said["type"], "limit.reached")
        day = said["timestamp"][:10]
        expected = {"whose": "account", "key": None, "over": "day", "period": day, "limit": "0.003", "spent": "0.002"}
        self.assertEqual(said["data"], expected)

    def test_a_changed_message_is_not_verified(self):
        key, receiver = self.hub.account("dave"), self.receiver()
        secret = self.set_webhook(key, receiver)
        self.hub.cli(key, "webhook", "test")
        headers, body = receiver.message()
        webhook = Webhook(secret)
        self.assertEqual(webhook.verify(body, headers)["data"], {"account": "dave"})
        later = str(int(headers["webhook-timestamp"]) + 1)
        for what, changed_body, changed in [
            ("body", body.replace(b"dave", b"eve"), {}),
            ("space", body + b" ", {}),
            ("id", body, {"webhook-id": "alert_0"}),
            ("time", body, {"webhook-timestamp": later}),
        ]:
            with self.subTest(what), self.assertRaisesRegex(WebhookVerificationError, "No matching signature"):
                webhook.verify(changed_body, headers | changed)

    def test_a_new_secret_ends_the_old_one(self):
        key, receiver = self.hub.account("erin"), self.receiver()
        old = self.set_webhook(key, receiver)
        self.assertIsNone(self.set_webhook(key, receiver), "the secret stays, and is shown once")
        new = self.set_webhook(key, receiver, "--new-secret")
        self.hub.cli(key, "webhook", "test")
        headers, body = receiver.message()
        self.assertEqual(Webhook(new).verify(body, headers)["type"], "webhook.test")
        with self.assertRaisesRegex(WebhookVerificationError, "No matching signature"):
            Webhook(old).verify(body, headers)

    def test_a_message_that_was_not_taken_comes_again_with_its_id(self):
        key, receiver = self.hub.account("frank"), self.receiver(500)
        secret = self.set_webhook(key, receiver)
        self.hub.cli(key, "webhook", "test")
        first, body = receiver.message()
        self.until_told(key, ("webhook.test", 1, False))
        again, same = receiver.message()
        self.assertEqual((again["webhook-id"], same), (first["webhook-id"], body))
        self.assertGreater(int(again["webhook-timestamp"]), int(first["webhook-timestamp"]), "signed anew")
        for headers in (first, again):
            Webhook(secret).verify(body, headers)
        self.until_told(key, ("webhook.test", 2, True))


class Deposits(unittest.TestCase):
    """What the operator's own tools tell the hub."""

    @classmethod
    def setUpClass(cls):
        cls.hub = Hub()
        cls.addClassCleanup(cls.hub.stop)
        cls.webhook = Webhook((cls.hub.data / "deposit.secret").read_text().strip())

    def deposit(self, id, handle, *, webhook=None, age_s=0, changed=lambda body: body):
        """Announces 5 OPG for an account in a message that was signed `age_s` ago and `changed` afterwards."""
        body = json.dumps({"deposits": [{"account": handle, "amount": "5", "reference": "pi_1"}]})
        at = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=age_s)
        headers = {
            "webhook-id": id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": (webhook or self.webhook).sign(id, at, body),
        }
        return self.hub.post("/api/v1/deposits", changed(body), headers)

    def cash(self, key):
        return self.hub.cli(key, "balance")["cash"]

    def entries(self, key):
        """What moved the account's money, newest first."""
        items = self.hub.cli(key, "entries")["items"]
        return [(item["kind"], item["purse"], item["amount"], item["reference"]) for item in items]

    def test_a_message_credits_once_however_often_it_is_sent(self):
        key = self.hub.account("bob")
        first = self.deposit("evt_1", "bob", age_s=60)
        self.assertEqual(first.status, 200, first.json)
        self.assertEqual(self.deposit("evt_1", "bob"), first, "the same id, signed anew")
        self.assertEqual(self.cash(key), "5")
        self.assertEqual(self.entries(key), [("deposit", "cash", "5", "pi_1")])
        self.assertEqual(self.deposit("evt_2", "bob").status, 200)
        self.assertEqual((self.cash(key), len(self.entries(key))), ("10", 2), "another id is another deposit")

    def test_a_message_that_is_not_rightly_signed_credits_nothing(self):
        key = self.hub.account("carol")
        stranger = Webhook("whsec_" + "QUJD" * 8)
        for what, wrong in [
            ("secret", {"webhook": stranger}),
            ("body", {"changed": lambda body: body.replace('"5"', '"6"')}),
            ("past", {"age_s": 301}),
            ("future", {"age_s": -310}),
        ]:
            with self.subTest(what):
                refused = self.deposit("evt_3", "carol", **wrong)
                self.assertEqual((refused.status, refused.json["error"]["code"]), (401, "bad_signature"))
        self.assertEqual((self.cash(key), self.entries(key)), ("0", []))
        self.assertEqual(self.deposit("evt_3", "carol").status, 200, "the id is not used up")
        self.assertEqual(self.cash(key), "5")
