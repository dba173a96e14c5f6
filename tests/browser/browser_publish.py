"""From a file that is dropped to what it earns, and the pages on which others find it, in a real browser."""

import base64
import pathlib
import re
import unittest

from playwright.sync_api import expect
from site_ import Site

FIXTURES = pathlib.Path(__file__).parents[2] / "crates/testkit/fixtures"
CARD = """---
license: mit
modelhub:
  access: open
  price: { per_call: "0.004 OPG" }
---
# Scaler

Scales four numbers.
"""
BODY = {"inputs": [{"name": "features", "datatype": "FP32", "shape": [1, 4], "data": [1, 2, 3, 4]}]}
DROP = """
(files) => {
  const transfer = new DataTransfer();
  for (const { name, base64 } of files) {
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    transfer.items.add(new File([bytes], name));
  }
  const zone = document.querySelector("[data-part=drop]");
  for (const kind of ["dragenter", "dragover", "drop"]) {
    zone.dispatchEvent(new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true }));
  }
}
"""


class Publish(Site):
    """A hub whose money is what was deposited: what bob pays is income."""

    settings = ()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.alice = cls.hub.account("alice")
        cls.bob = cls.hub.account("bob", "1")

    def signed_in(self, key, **looks):
        page = self.visitor(**looks)
        page.goto("/login")
        page.get_by_label("A key of the account").fill(key)
        page.get_by_role("button", name="Sign in with a key").click()
        page.wait_for_url("**/account")
        return page

    def drop(self, page, files):
        told = [{"name": name, "base64": base64.b64encode(data).decode()} for name, data in files.items()]
        page.evaluate(DROP, told)

    def test_a_file_is_dropped_published_called_and_earns(self):
        page = self.signed_in(self.alice, viewport={"width": 1280, "height": 900})
        page.get_by_role("link", name="Publish").click()
        page.wait_for_url("**/publish")
        self.drop(page, {"scaler.onnx": (FIXTURES / "scaler.onnx").read_bytes()})
        expect(page.get_by_role("list").filter(has_text="scaler.onnx")).to_be_visible()
        expect(page.get_by_role("textbox", name="Name")).to_have_value("scaler")
        page.get_by_label("A call costs").fill("0.002")
        shares = page.get_by_role("table", name="Of each call")
        expect(shares).to_contain_text("0.0002")
        expect(shares).to_contain_text("0.0018")
        page.get_by_label("Licence").select_option("apache-2.0")
        page.get_by_label("What it does").fill("Scales four numbers.")
        page.get_by_role("button", name="Check it").click()
        heading = page.get_by_role("heading", name="It would become alice/scaler 1.00")
        expect(heading).to_be_focused(timeout=60_000)
        verdicts = page.get_by_role("list", name="What was checked")
        for step in ["files", "dry run", "contract", "examples", "price", "release"]:
            expect(verdicts).to_contain_text(step)
        expect(verdicts).to_contain_text("ms")
        found = page.locator("[data-part=found]")
        expect(found).to_contain_text("features")
        expect(found).to_contain_text("FP32 [any, 4]")
        expect(found).to_contain_text("features = [[")
        expect(found).to_contain_text(re.compile(r"says \d+ of 100"))
        # Nothing is there before somebody says yes.
        self.assertEqual(page.request.get("/alice/scaler").status, 404)
        # What is missing is added where it is told, and has to be checked again.
        found.get_by_role("button", name="Add “Limitations”").click()
        expect(page.get_by_label("README.md", exact=True)).to_be_focused()
        page.keyboard.type("It fails where a number is missing, and it was never tried on negative ones.")
        expect(found).to_be_hidden()
        page.get_by_role("button", name="Check it").click()
        expect(heading).to_be_focused(timeout=60_000)
        expect(found).not_to_contain_text("Add “Limitations”")
        page.get_by_role("button", name="Publish 1.00").click()
        expect(page.get_by_role("heading", name="Published alice/scaler 1.00")).to_be_focused(timeout=60_000)
        page.get_by_role("link", name="Open alice/scaler").click()
        page.wait_for_url("**/alice/scaler")
        main = page.locator("main")
        for shown in ["Scales four numbers.", "0.002", "Limitations", "apache-2.0"]:
            expect(main).to_contain_text(shown)
        self.assertEqual(self.hub.call(self.bob, "alice/scaler", BODY).status, 200)
        page.goto("/account/earnings?by=class")
        expect(page.get_by_role("row").filter(has_text="creator")).to_contain_text("0.0018")

    def test_a_card_fills_the_form_and_what_is_wrong_is_said_where_it_is(self):
        page = self.signed_in(self.alice)
        page.goto("/publish")
        page.get_by_role("button", name="Check it").click()
        expect(page.get_by_role("alert")).to_contain_text("Choose the model’s files first")
        model = (FIXTURES / "scaler.onnx").read_bytes()
        page.get_by_label("Choose files").set_input_files(
            [
                {"name": "model.onnx", "mimeType": "application/octet-stream", "buffer": model},
                {"name": "README.md", "mimeType": "text/markdown", "buffer": CARD.encode()},
            ]
        )
        expect(page.get_by_label("A call costs")).to_have_value("0.004")
        expect(page.get_by_label("Licence")).to_have_value("mit")
        expect(page.get_by_role("radio", name="Open")).to_be_checked()
        page.get_by_role("textbox", name="Name").fill("run")
        page.expected = {400}
        page.get_by_role("button", name="Check it").click()
        expect(page.get_by_role("alert")).to_contain_text("reserved")
        expect(page.get_by_role("textbox", name="Name")).to_have_value("run")
        page.get_by_label("Split").fill("nobody-here=100%")
        page.get_by_role("textbox", name="Name").fill("split")
        page.get_by_role("button", name="Check it").click()
        expect(page.get_by_role("alert")).to_contain_text("nobody-here")
        page.get_by_label("Split").fill("bob=70%")
        page.get_by_role("button", name="Check it").click()
        expect(page.get_by_role("alert")).to_contain_text("70 %")
        expect(page.get_by_label("Split")).to_be_focused()
        self.assertEqual(page.request.get("/alice/split").status, 404)

    def test_by_keyboard_alone(self):
        page = self.signed_in(self.alice)
        page.goto("/publish")
        page.get_by_label("Choose files").set_input_files(
            {"name": "keys.onnx", "mimeType": "application/octet-stream", "buffer": (FIXTURES / "scaler.onnx").read_bytes()}
        )

        def to(name):
            for _ in range(80):
                focused = page.evaluate(
                    "(document.activeElement.tagName === 'BUTTON' ? document.activeElement.innerText : document.activeElement.name) || ''"
                ).strip()
                if focused == name:
                    return
                page.keyboard.press("Tab")
            self.fail(f"no Tab leads to {name}")

        to("price")
        page.keyboard.type("0.001")
        to("Check it")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="It would become alice/keys 1.00")).to_be_focused(timeout=60_000)
        to("Publish 1.00")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Published alice/keys 1.00")).to_be_focused(timeout=60_000)

    def test_a_cut_upload_goes_on(self):
        page = self.signed_in(self.alice)
        page.goto("/publish")
        page.expected = {404}
        cuts = []

        def cut(route):
            if route.request.method == "PUT" and len(cuts) < 2:
                cuts.append(route.request.url)
                return route.abort()
            return route.continue_()

        page.route("**/api/v1/uploads/**", cut)
        page.get_by_label("Choose files").set_input_files(
            {"name": "cut.onnx", "mimeType": "application/octet-stream", "buffer": (FIXTURES / "houses.onnx").read_bytes()}
        )
        page.get_by_label("A call costs").fill("0")
        page.get_by_role("button", name="Check it").click()
        expect(page.get_by_role("heading", name="It would become alice/cut 1.00")).to_be_focused(timeout=60_000)
        self.assertEqual(len(cuts), 2)
        self.failures = [failure for failure in self.failures if "ERR_FAILED" not in failure]

    def test_without_a_script_the_page_says_what_to_do(self):
        context = self.browser.new_context(base_url=self.root, java_script_enabled=False)
        self.addCleanup(context.close)
        page = context.new_page()
        page.goto("/login")
        page.get_by_label("A key of the account").fill(self.alice)
        page.get_by_role("button", name="Sign in with a key").click()
        page.goto("/publish")
        # A browser that was told so while it runs still does not show what is for those without.
        without = page.content().split("<noscript>")[1].split("</noscript>")[0]
        self.assertIn("This form needs a script", without)
        self.assertIn("modelhub publish FOLDER --price", without)


if __name__ == "__main__":
    unittest.main()
