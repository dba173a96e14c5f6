"""Every page, light and dark, narrow and wide: whole, accessible, still while it loads; its picture is kept."""

import itertools
import json
import pathlib
import tempfile
import unittest
import urllib.request

from site_ import SCREENSHOTS, Site

from hub import FIXTURES, WEB, until  # after site_, which knows where it lies

CARD = """---
license: mit
pipeline_tag: tabular-classification
---
# Tells {name} apart

Tells three kinds of {name} apart by four lengths, measured in centimetres.
"""

LOOKS = [
    (f"{scheme}-{width}", {"color_scheme": scheme, "viewport": {"width": width, "height": 900}})
    for scheme, width in itertools.product(("light", "dark"), (360, 1440))
]


class Looked(Site):
    """Looks at pages in every look."""

    def each(self, paths, key=None):
        for look, looks in LOOKS:
            page = self.visitor(**looks)
            if key:
                page.goto("/login")
                page.get_by_label("A key of the account").fill(key)
                page.get_by_role("button", name="Sign in with a key").click()
                page.wait_for_url("**/account")
            for name, path in paths.items():
                with self.subTest(page=name, look=look):
                    page.goto(path, wait_until="networkidle")
                    self.still(page, f"{name} {look}")
                    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
                    page.screenshot(path=SCREENSHOTS / f"{name}-{look}.png", full_page=True)
                    self.check(page, f"{name} {look}", still=False)


class Lists(Looked):
    """Pages of what others paid for: a hub whose money is what was deposited."""

    settings = ()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.alice = cls.hub.account("alice", "1")
        cls.hub.admin("rate", "0.25")
        body = {"inputs": [{"name": "features", "datatype": "FP32", "shape": [1, 4], "data": [1, 2, 3, 4]}]}
        models = [("iris", "0.002 OPG"), ("petals", "0.0005 USD"), ("stamens", "0.01 OPG"), ("sepals", "0 OPG")]
        for name, price in models:
            with tempfile.TemporaryDirectory() as folder:
                folder = pathlib.Path(folder)
                (folder / "model.onnx").write_bytes((FIXTURES / "scaler.onnx").read_bytes())
                (folder / "README.md").write_text(CARD.format(name=name))
                cls.hub.cli(cls.alice, "publish", folder, f"alice/{name}", "--price", price)
        payers = [cls.hub.account(name, "1") for name in ("bob", "carol", "dave")]
        for payer, words in itertools.product(payers, ("handwriting%20of%20doctors", "plum%20sorter")):
            search = urllib.request.Request(f"{cls.hub.url}/api/v1/search?q={words}")
            search.add_header("authorization", f"Bearer {payer}")
            WEB.open(search).close()
        for payer, (name, _), calls in itertools.product(payers[:1], models, range(7)):
            assert cls.hub.call(payer, f"alice/{name}", body).status == 200
        for payer, calls in itertools.product(payers[1:], range(8)):
            assert cls.hub.call(payer, "alice/iris", body).status == 200
        assert cls.hub.call(cls.alice, "alice/iris", body).status == 200
        until("the calls stand in the rankings", lambda: cls.rankings()[:1] == ["alice/iris"])

    @classmethod
    def rankings(cls):
        with WEB.open(f"{cls.hub.url}/api/v1/rankings?by=rising") as answer:
            return [item["model"] for item in json.load(answer)["items"]]

    def test_pages_for_everybody(self):
        self.each(
            {
                "home-full": "/",
                "rankings": "/rankings",
                "rankings-raw": "/rankings?by=raw",
                "rankings-nothing": "/rankings?task=nothing-of-the-kind",
                "wanted": "/wanted",
                "owner": "/alice",
                "search-full": "/search",
            }
        )

    def test_an_uploaders_pages(self):
        self.each({"publish": "/publish", "owner-own": "/alice"}, self.alice)

    def test_what_a_check_found(self):
        for look, looks in LOOKS:
            page = self.visitor(**looks)
            page.goto("/login")
            page.get_by_label("A key of the account").fill(self.alice)
            page.get_by_role("button", name="Sign in with a key").click()
            page.wait_for_url("**/account")
            page.goto("/publish")
            page.get_by_label("Choose files").set_input_files(FIXTURES / "scaler.onnx")
            page.get_by_label("A call costs").fill("0.002")
            page.get_by_label("Split").fill("bob=70%, carol=30%")
            page.get_by_role("button", name="Check it").click()
            page.get_by_role("button", name="Publish 1.00").wait_for(timeout=60_000)
            page.screenshot(path=SCREENSHOTS / f"publish-checked-{look}.png", full_page=True)
            self.check(page, f"publish-checked {look}", still=False)


class Pages(Looked):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.alice = cls.hub.account("alice")
        cls.hub.publish(cls.alice, "alice/iris", "scaler.onnx", "0.002 OPG")
        cls.bob = cls.hub.account("bob")
        body = {"inputs": [{"name": "features", "datatype": "FP32", "shape": [1, 4], "data": [1, 2, 3, 4]}]}
        for _ in range(3):
            assert cls.hub.call(cls.bob, "alice/iris", body).status == 200
        cls.call = cls.hub.cli(cls.bob, "calls")["items"][0]["id"]
        cls.hub.cli(cls.bob, "report", "alice/iris", "copyright", "The weights are ours:\nhttps://example.org/" + "weights" * 20)
        cls.hub.admin("verify", "alice", "alice.example, by a DNS record")

    def test_pages_for_everybody(self):
        self.each(
            {
                "home": "/",
                "search": "/search?q=iris",
                "search-nothing": "/search?q=nothingofthekind",
                "wanted-nothing": "/wanted",
                "model": "/alice/iris",
                "report": "/alice/iris/report",
                "login": "/login",
                "join": "/login/join",
                "status": "/status",
                "api": "/docs/api",
                "api-inference": "/docs/api/inference",
                "api-money": "/docs/api/money",
            }
        )

    def test_the_list_of_operations_narrows_while_one_types(self):
        page = self.visitor()
        page.goto("/docs/api")
        page.get_by_label("Operations with these words in them").fill("revoke key")
        page.get_by_text("2 operations have").wait_for()
        self.assertEqual(page.locator(".operations li:visible").count(), 2)
        page.get_by_role("link", name="/api/v1/keys/{key}", exact=False).first.click()
        page.wait_for_url("**/docs/api/account#revoke_key")

    def test_a_callers_pages(self):
        self.each(
            {
                "account": "/account",
                "keys": "/account/keys",
                "calls": "/account/calls",
                "money": "/account/money",
                "signin": "/account/signin",
                "receipt": f"/receipts/{self.call}",
                "device": "/login/device",
                "model-signed-in": "/alice/iris",
                "report-signed-in": "/alice/iris/report",
                "reports": "/account/reports",
            },
            self.bob,
        )

    def test_an_uploaders_pages(self):
        self.each({"account-uploader": "/account", "earnings": "/account/earnings", "earnings-day": "/account/earnings?by=day"}, self.alice)

    def test_the_operators_page(self):
        key = (self.hub.data / "operator.key").read_text().strip()
        self.each(
            {"operator": "/operator", "moderation": "/operator/moderation", "case": "/operator/models/alice/iris"}, key
        )

    def test_what_is_not_there(self):
        for look, looks in LOOKS:
            page = self.visitor(**looks)
            page.expected = {404}
            page.goto("/nobody/nothing")
            page.screenshot(path=SCREENSHOTS / f"missing-{look}.png", full_page=True)
            self.check(page, f"missing {look}")


if __name__ == "__main__":
    unittest.main()
