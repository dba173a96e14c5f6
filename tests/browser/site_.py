"""A hub, and a real Chromium that looks at it.

Always: a page that logs an error, throws, or asks for something that it does not get fails its test; so does a request
that leaves this machine.
"""

import os
import pathlib
import sys
import unittest

from axe_playwright_python.sync_playwright import Axe
from eth_account import Account
from eth_account.messages import encode_defunct
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "clients"))

from hub import Hub  # noqa: E402

SCREENSHOTS = pathlib.Path(__file__).parents[2] / "target/screenshots"
WALLET = """
window.ethereum = {
  request: async ({ method, params }) => {
    if (method === "eth_requestAccounts") return [await window.walletAddress()];
    if (method === "eth_chainId") return "0x2105";
    if (method === "personal_sign") return window.walletSigns(params[0]);
    throw new Error(`the test's wallet has no ${method}`);
  },
};
"""
SHIFTS = """
window.shifted = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifted += entry.value;
}).observe({ type: "layout-shift", buffered: true });
"""


class Site(unittest.TestCase):
    """A hub with play money, and a browser."""

    settings = ("--dev",)

    @classmethod
    def setUpClass(cls):
        cls.hub = Hub(*cls.settings)
        cls.addClassCleanup(cls.hub.stop)
        cls.root = cls.hub.url.replace("127.0.0.1", "localhost")
        playwright = sync_playwright().start()
        cls.addClassCleanup(playwright.stop)
        cls.browser = playwright.chromium.launch(
            executable_path=os.environ["CHROMIUM"], args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        cls.addClassCleanup(cls.browser.close)

    def setUp(self):
        self.failures = []

    def tearDown(self):
        self.assertEqual(self.failures, [])

    def visitor(self, **looks):
        """Somebody new: without cookies, without passkeys. Gives their page."""
        context = self.browser.new_context(base_url=self.root, **looks)
        self.addCleanup(context.close)
        page = context.new_page()
        self.watch(page)
        page.add_init_script(SHIFTS)
        return page

    def watch(self, page):
        """Notes whatever goes wrong on a page. `page.expected` holds the statuses that are meant."""
        page.expected = set()

        def answered(response):
            if not response.url.startswith((self.root, self.hub.url, "blob:", "data:")):
                self.failures.append(f"asked elsewhere: {response.url}")
            if response.status >= 400 and response.status not in page.expected:
                self.failures.append(f"{response.status} {response.request.method} {response.url}")

        def said(message):
            refused = "Failed to load resource" in message.text and page.expected
            if message.type in ("error", "warning") and not refused:
                self.failures.append(f"{page.url}: {message.text}")

        def failed(request):
            # Whoever goes on to another page leaves what the one before was still asking for.
            if request.failure != "net::ERR_ABORTED":
                self.failures.append(f"failed: {request.url} {request.failure}")

        page.on("response", answered)
        page.on("console", said)
        page.on("pageerror", lambda error: self.failures.append(f"{page.url}: {error}"))
        page.on("requestfailed", failed)

    def passkeys(self, page):
        """Gives a page's browser a device that keeps passkeys and always finds its user there."""
        session = page.context.new_cdp_session(page)
        session.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        return session.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]

    def wallet(self, page, seed):
        """Gives a page a wallet."""
        account = Account.from_key(bytes([seed]) * 32)
        page.expose_function("walletAddress", lambda: account.address.lower())
        page.expose_function(
            "walletSigns",
            lambda text: "0x" + account.sign_message(encode_defunct(hexstr=text)).signature.hex().removeprefix("0x"),
        )
        page.add_init_script(WALLET)
        return account.address

    def joined(self, handle, **looks):
        """Somebody who has just made an account with a passkey. Gives their page."""
        page = self.visitor(**looks)
        self.passkeys(page)
        page.goto("/login/join")
        page.get_by_label("Handle").fill(handle)
        page.get_by_role("button", name="Make it with a passkey").click()
        page.wait_for_url("**/account")
        return page

    def check(self, page, name, still=True):
        """What axe-core finds on a page."""
        results = Axe().run(page)
        violations = results.response["violations"]
        found = [f"{v['id']}: {v['help']}: {[n['target'] for n in v['nodes']][:3]}" for v in violations]
        self.assertEqual(found, [], name)
        # A page that is wider than its screen is read sideways.
        self.assertLessEqual(
            page.evaluate("document.documentElement.scrollWidth"), page.viewport_size["width"], f"{name} is too wide"
        )
        if still:
            self.still(page, name)

    def still(self, page, name):
        """Nothing has moved while the page loaded. Asked before a picture is taken, for which the page is made taller."""
        self.assertEqual(page.evaluate("window.shifted"), 0, f"{name} moved while it loaded")
