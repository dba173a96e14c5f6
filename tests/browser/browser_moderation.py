"""A report from its form to its answer, in a real browser: the operator takes a model down, a stranger sees why."""

import unittest

import browser_pages
from site_ import SCREENSHOTS

BODY = {"inputs": [{"name": "features", "datatype": "FP32", "shape": [1, 4], "data": [1, 2, 3, 4]}]}
TEXT = "its authors asked for it"


class Moderation(browser_pages.Looked):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.alice = cls.hub.account("alice")
        cls.bob = cls.hub.account("bob")
        cls.operator = (cls.hub.data / "operator.key").read_text().strip()

    def signed_in(self, key, **looks):
        """Somebody who came in with a key. Gives their page."""
        page = self.visitor(**looks)
        page.goto("/login")
        page.get_by_label("A key of the account").fill(key)
        page.get_by_role("button", name="Sign in with a key").click()
        page.wait_for_url("**/account")
        return page

    def test_a_report_leads_to_a_tombstone_and_back(self):
        self.hub.publish(self.alice, "alice/iris", "scaler.onnx", "0.002 OPG")
        self.assertEqual(self.hub.call(self.bob, "alice/iris", BODY).status, 200)
        earned = self.hub.cli(self.alice, "earnings")
        # bob reports it on its page.
        page = self.signed_in(self.bob)
        page.goto("/alice/iris")
        page.get_by_text("Report this model to the operator").click()
        page.get_by_label("Reason").select_option("copyright")
        page.get_by_label("What the operator has to know").fill("The weights are ours.")
        page.get_by_role("button", name="Send the report").click()
        page.wait_for_url("**/account/reports")
        self.assertIn("waits for the operator", page.locator("main").inner_text())
        # The operator opens the report, and takes the model down.
        operators = self.signed_in(self.operator)
        operators.goto("/operator")
        operators.get_by_role("link", name="Moderation").click()
        report = operators.get_by_role("article").filter(has_text="The weights are ours.")
        self.assertIn("by bob", report.inner_text())
        report.get_by_role("link", name="alice/iris").click()
        operators.wait_for_url("**/operator/models/alice/iris")
        decide = operators.get_by_role("region", name="Decide")
        decide.get_by_label("Reason").select_option("copyright")
        decide.get_by_label("What everybody is told").fill(TEXT)
        decide.get_by_label("Note, for the operator alone").fill("mail of Monday")
        decide.get_by_role("button", name="Take down").click()
        operators.get_by_role("button", name="Restore").wait_for()
        self.assertIn("taken down", operators.locator("main").inner_text())
        # A stranger sees why, in every look; nobody calls it, and what was earned stays.
        for look, looks in browser_pages.LOOKS:
            stranger = self.visitor(**looks)
            stranger.expected = {451}
            self.assertEqual(stranger.goto("/alice/iris").status, 451)
            main = stranger.locator("main").inner_text()
            self.assertIn(TEXT, main)
            self.assertIn("stays with those who earned it", main)
            self.assertNotIn("mail of Monday", main)
            SCREENSHOTS.mkdir(parents=True, exist_ok=True)
            stranger.screenshot(path=SCREENSHOTS / f"tombstone-{look}.png", full_page=True)
            self.check(stranger, f"tombstone {look}")
        self.each({"moderation-done": "/operator/moderation", "case-done": "/operator/models/alice/iris"}, self.operator)
        refused = self.hub.call(self.bob, "alice/iris", BODY)
        self.assertEqual((refused.status, refused.json["code"]), (451, "taken_down"))
        self.assertEqual(self.hub.cli(self.alice, "earnings"), earned)
        page.goto("/account/reports")
        self.assertIn("the model was taken down", page.locator("main").inner_text())
        # Restored, it is what it was.
        operators.get_by_role("button", name="Restore").click()
        operators.get_by_text("It is listed, found and called.").wait_for()
        self.assertEqual(self.hub.call(self.bob, "alice/iris", BODY).status, 200)
        self.each({"model-restored": "/alice/iris"})

    def test_a_badge_says_what_it_means_to_a_keyboard(self):
        self.hub.publish(self.alice, "alice/petals", "scaler.onnx", "0.002 OPG")
        self.hub.admin("hide", "alice/petals", "spam", "the same again")
        self.hub.admin("verify", "alice", "alice.example")
        self.each({"model-hidden": "/alice/petals"})
        page = self.visitor()
        page.goto("/alice/petals")
        self.assertIn("Hidden by the operator", page.get_by_role("complementary", name="Notice of the operator").inner_text())
        said = page.get_by_text("The operator checked who this is: alice.example")
        self.assertFalse(said.is_visible())
        for _ in range(30):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.innerText").strip() == "Verified publisher":
                break
        page.keyboard.press("Enter")
        said.wait_for()

    def test_the_form_works_without_scripts(self):
        self.hub.publish(self.alice, "alice/sepals", "scaler.onnx", "0.002 OPG")
        page = self.signed_in(self.bob, java_script_enabled=False)
        page.expected = {400}
        page.goto("/alice/sepals")
        page.get_by_text("Report this model to the operator").click()
        page.get_by_label("Reason").select_option("other")
        page.get_by_role("button", name="Send the report").click()
        self.assertIn("told in words", page.get_by_role("alert").inner_text())
        page.get_by_label("What the operator has to know").fill("It is a copy.")
        page.get_by_role("button", name="Send the report").click()
        page.wait_for_url("**/account/reports")
        self.assertIn("It is a copy.", page.locator("main").inner_text())


if __name__ == "__main__":
    unittest.main()
