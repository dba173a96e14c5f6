// What the publish page makes of a form, without a browser: node --test tests/browser/

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const source = readFileSync(new URL("../../crates/web/assets/publishing.js", import.meta.url), "utf8");
const publishing = await import(`data:text/javascript;base64,${Buffer.from(source).toString("base64")}`);
const { bytes, cost, decimal, field, inUsd, nameOf, nano, placed, section, shares, splitOf, withField, withSection, withSummary } = publishing;

test("a decimal text is exact or nothing", () => {
  for (const [text, number] of [["0.002", 2_000_000n], ["0", 0n], [" 12 ", 12_000_000_000n], ["0.000000001", 1n], ["1,5", 1_500_000_000n]]) {
    assert.equal(nano(text), number);
  }
  for (const text of ["", ".5", "1.", "1.0000000001", "-1", "1e3", "0.1 OPG", "12345678901"]) assert.equal(nano(text), null, text);
  for (const text of ["0", "0.002", "12", "0.000000001", "2104.188320001"]) assert.equal(decimal(nano(text)), text);
});

test("a price in USD becomes OPG rounded up once", () => {
  const rate = nano("0.3");
  assert.equal(cost(nano("0.0002"), "USD", rate), 666_667n);
  assert.equal(cost(nano("0.3"), "USD", rate), nano("1"));
  assert.equal(cost(nano("0.3"), "USD", null), null);
  assert.equal(cost(nano("0.3"), "OPG", null), nano("0.3"));
  assert.equal(decimal(inUsd(nano("0.002"), nano("0.1"))), "0.0002");
});

test("shares make the whole, odd units to the first", () => {
  const cut = shares(nano("0.002"), 1000, splitOf("bob=70%, carol=30%", "alice"));
  assert.deepEqual([cut.fee, ...cut.parts.flat()], [200_000n, "bob", 1_260_000n, "carol", 540_000n]);
  const odd = shares(10n, 1000, splitOf("a1=33.34%,b1=33.33%,c1=33.33%", "alice"));
  assert.deepEqual(odd.parts, [["a1", 4n], ["b1", 3n], ["c1", 2n]]);
  assert.equal(odd.fee + odd.parts.reduce((sum, [, part]) => sum + part, 0n), 10n);
  assert.deepEqual(shares(5n, 0, splitOf("", "alice")), { fee: 0n, parts: [["alice", 5n]] });
});

test("what is wrong with a split is named", () => {
  for (const [text, reason] of [["bob", /bob/], ["bob=70%", /make 70 %/], ["bob=70%,carol=40%", /make 110 %/], ["Bob=100%", /Bob/], ["bob=100.001%", /bob/]]) {
    assert.throws(() => splitOf(text, "alice"), reason, text);
  }
});

test("a field of the front matter is set and the rest stays as it was written", () => {
  assert.equal(withField("", "license", "mit"), "---\nlicense: mit\n---\n");
  assert.equal(withField("# Iris\n", "license", "mit"), "---\nlicense: mit\n---\n# Iris\n");
  const card = "---\n# mine\nlicense: mit # why\nmodelhub:\n  price: { per_call: \"0.002 OPG\" }\n---\nText with license: none\n";
  const changed = withField(card, "license", "apache-2.0");
  assert.equal(changed, card.replace("license: mit # why", "license: apache-2.0"));
  assert.equal(withField(card, "license", ""), card.replace("license: mit # why\n", ""));
  assert.equal(withField(card, "pipeline_tag", "$1"), card.replace('OPG" }\n', 'OPG" }\npipeline_tag: $1\n'));
  assert.deepEqual([field(card, "license"), field(card, "task"), field("license: mit", "license")], ["mit", null, null]);
  assert.deepEqual(section(card), { price: { amount: "0.002", currency: "OPG" }, access: null });
  assert.deepEqual(section("---\nmodelhub: { access: open }\n---\n"), { price: null, access: "open" });
});

test("a summary is written where nobody wrote another text", () => {
  assert.equal(withSummary("", "", "Tells irises apart."), "Tells irises apart.\n");
  const card = "---\nlicense: mit\n---\n";
  assert.equal(withSummary(card, "", "One."), `${card}One.\n`);
  assert.equal(withSummary(`${card}One.\n`, "One.", "Two."), `${card}Two.\n`);
  assert.equal(withSummary(`${card}Words of mine.\n`, "One.", "Two."), null);
});

test("a section is added behind the text", () => {
  const { text, at } = withSection("# Iris\n", "Limitations");
  assert.equal(text, "# Iris\n\n## Limitations\n\n");
  assert.equal(at, text.length);
});

test("files keep their places below the folder they came in", () => {
  const of = (...paths) => placed(paths.map((path) => ({ path, file: path })));
  const found = of("iris/model.onnx", "iris/examples/one.json", "iris/.git/config", "iris/.DS_Store");
  assert.deepEqual([found.folder, found.files.map(({ path }) => path), found.skipped], ["iris", ["model.onnx", "examples/one.json"], 2]);
  assert.deepEqual(of("a.onnx", "README.md").files.map(({ path }) => path), ["a.onnx", "README.md"]);
  assert.equal(of("a.onnx", "x/b.json").folder, null);
  assert.deepEqual(["iris.onnx", "My model (2).ONNX", "models/iris", "...x"].map(nameOf), ["iris", "My-model-2", "iris", "x"]);
});

test("sizes are short", () => {
  assert.deepEqual([0, 999, 1_000, 9_949, 12_345, 536_870_912].map(bytes), ["0 B", "999 B", "1.0 kB", "9.9 kB", "12 kB", "537 MB"]);
});
