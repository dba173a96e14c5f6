"""Every page, light and dark, narrow and wide: whole, accessible, still while it loads; its picture is kept."""

import itertools
import unittest

from site_ import SCREENSHOTS, Site

LOOKS = [
    (f"{scheme}-{width}", {"color_scheme": scheme, "viewport": {"width": width, "height": 900}})
    for scheme, width in itertools.product(("light", "dark"), (360, 1440))
]


class Pages(Site):
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
                    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
                    page.screenshot(path=SCREENSHOTS / f"{name}-{look}.png", full_page=True)
                    self.check(page, f"{name} {look}")

    def test_pages_for_everybody(self):
        self.each(
            {
                "home": "/",
                "search": "/search?q=iris",
                "search-nothing": "/search?q=nothingofthekind",
                "model": "/alice/iris",
                "login": "/login",
                "join": "/login/join",
                "status": "/status",
            }
        )

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
            },
            self.bob,
        )

    def test_an_uploaders_pages(self):
        self.each({"account-uploader": "/account", "earnings": "/account/earnings", "earnings-day": "/account/earnings?by=day"}, self.alice)

    def test_the_operators_page(self):
        key = (self.hub.data / "operator.key").read_text().strip()
        self.each({"operator": "/operator"}, key)

    def test_what_is_not_there(self):
        for look, looks in LOOKS:
            page = self.visitor(**looks)
            page.expected = {404}
            page.goto("/nobody/nothing")
            page.screenshot(path=SCREENSHOTS / f"missing-{look}.png", full_page=True)
            self.check(page, f"missing {look}")


if __name__ == "__main__":
    unittest.main()
