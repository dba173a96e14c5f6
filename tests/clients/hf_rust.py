"""A hub as the Rust crate `hf-hub` sees it: tests/clients/hf-hub, built by `cargo xtask test`, which says where in HF_RUST."""

import json
import os
import pathlib
import random
import subprocess
import tempfile
import unittest

import hub

if "HF_RUST" not in os.environ:
    raise unittest.SkipTest("for the crate hf-hub, which cargo xtask test builds")

# Reading it runs os.system: the hub says so, and runs nothing.
PICKLE = b"cos\nsystem\n(S'id'\ntR."


class Rust(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.hub = hub.Hub()
        cls.addClassCleanup(cls.hub.stop)
        cls.key = cls.hub.account("alice")
        cls.home = tempfile.TemporaryDirectory(prefix="modelhub-hf-rust-")
        cls.addClassCleanup(cls.home.cleanup)

    def use(self, name, content):
        """What the client says of a model that it makes with a file of this content."""
        file = pathlib.Path(self.home.name) / f"{name}.bin"
        file.write_bytes(content)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING_FACE"))}
        environment = kept | {
            "HF_ENDPOINT": self.hub.url,
            "HF_TOKEN": self.key,
            "HF_HOME": self.home.name,
            "NO_PROXY": "127.0.0.1",
        }
        done = subprocess.run(
            [os.environ["HF_RUST"], "alice", name, file],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return json.loads(done.stdout)

    def test_it_makes_fills_and_reads_a_model_with_the_same_bytes(self):
        told = self.use("small", random.Random(7).randbytes(100_000))
        self.assertEqual((told["user"], told["id"]), ("alice", "alice/small"))
        for what in ["whole", "part", "kept", "snapshot", "no_file", "no_model"]:
            self.assertIs(told[what], True, what)
        self.assertEqual(told["sha"], told["last"])
        self.assertEqual(told["commits"], 3)
        self.assertEqual((told["branches"], told["exists"]), (["main"], [True, False]))
        self.assertEqual(told["metadata"], {"size": 8, "commit": told["sha"]})
        self.assertIn("alice/small", told["listed"])
        sizes = {file["path"]: file["size"] for file in told["tree"]}
        self.assertEqual(sizes, {"README.md": 28, "config.json": 8, "data/model.bin": 100_000})

    def test_a_large_file_goes_within_the_commit(self):
        # Above what goes to LFS where a client speaks it; this one knows Xet alone.
        told = self.use("large", random.Random(8).randbytes(12 * 1024 * 1024))
        self.assertEqual([told[what] for what in ["whole", "part", "kept"]], [True] * 3)

    def test_it_reads_what_was_found_in_files(self):
        self.use("pickle", PICKLE + bytes(2_000))
        hub.until("the files were looked at", lambda: self.use("pickle", PICKLE + bytes(2_000))["security"]["scansDone"])
        told = self.use("pickle", PICKLE + bytes(2_000))
        self.assertEqual(told["security"]["filesWithIssues"], [{"path": "data/model.bin", "level": "unsafe"}])
        levels = {file["path"]: file["security"] for file in told["tree"]}
        self.assertEqual(levels, {"README.md": "safe", "config.json": "safe", "data/model.bin": "unsafe"})


if __name__ == "__main__":
    unittest.main()
