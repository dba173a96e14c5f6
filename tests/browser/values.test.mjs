// What the playground makes of values, without a browser: node --test tests/browser/

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const source = readFileSync(new URL("../../crates/web/assets/values.js", import.meta.url), "utf8");
const values = await import(`data:text/javascript;base64,${Buffer.from(source).toString("base64")}`);
const { code, fromLink, generated, inferBody, npy, packed, plainName, pretty, tensorOfArray, tensorOfJson, toHalf, toLink } = values;

const port = (datatype, shape, name = "x") => ({ name, datatype, shape });

/** A .npy file as numpy writes it. */
const file = (descr, shape, data, { fortran = "False", version = 1 } = {}) => {
  const axes = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const wide = version > 1;
  let head = `{'descr': '${descr}', 'fortran_order': ${fortran}, 'shape': (${axes}), }`;
  head = head.padEnd(Math.ceil((head.length + 13) / 64) * 64 - (wide ? 12 : 10) - 1) + "\n";
  const size = wide ? [head.length & 255, head.length >> 8, 0, 0] : [head.length & 255, head.length >> 8];
  return Uint8Array.from([0x93, ...Buffer.from("NUMPY"), version, 0, ...size, ...Buffer.from(head), ...data]).buffer;
};

const bytesOf = (array) => new Uint8Array(array.buffer);

test("a .npy file gives type, shape and bytes", () => {
  const floats = bytesOf(Float32Array.of(1.5, -2));
  for (const version of [1, 2, 3]) {
    assert.deepEqual(npy(file("<f4", [1, 2], floats, { version })), { datatype: "FP32", shape: [1, 2], bytes: floats });
  }
  assert.deepEqual(npy(file("|u1", [3], [1, 2, 3])), { datatype: "UINT8", shape: [3], bytes: Uint8Array.of(1, 2, 3) });
  assert.deepEqual(npy(file("|b1", [], [1])), { datatype: "BOOL", shape: [], bytes: Uint8Array.of(1) });
  assert.equal(npy(file("<i8", [1], bytesOf(BigInt64Array.of(7n)))).datatype, "INT64");
});

test("what is no .npy file of numbers is refused with what to do", () => {
  const floats = bytesOf(Float32Array.of(1.5, -2));
  for (const [buffer, reason] of [
    [new ArrayBuffer(0), /numpy\.save/],
    [Uint8Array.from(Buffer.from("PK not numpy at all")).buffer, /numpy\.save/],
    [file(">f4", [2], floats), /big-endian/],
    [file("<f4", [1, 2], floats, { fortran: "True" }), /ascontiguousarray/],
    [file("|O", [2], floats), /neither numbers/],
    [file("<U5", [2], floats), /neither numbers/],
    [file("<c8", [1], floats), /neither numbers/],
    [file("<f4", [3], floats), /its shape needs 12/],
    [file("<f4", [99999999999, 99999999999], floats), /its shape needs/],
    [file("<f4", [2], floats).slice(0, 40), /damaged head/],
    [new ArrayBuffer(values.BODY_LIMIT + 1), /a call takes/],
  ]) {
    assert.throws(() => npy(buffer), (error) => error instanceof values.Unfit && reason.test(error.message), String(reason));
  }
});

test("an array is turned into the model's type where every value has a place there", () => {
  const array = npy(file("<f8", [1, 2], bytesOf(Float64Array.of(0.5, 3))));
  assert.deepEqual(tensorOfArray(port("FP32", [null, 2]), array).bytes, bytesOf(Float32Array.of(0.5, 3)));
  assert.throws(() => tensorOfArray(port("INT32", [null, 2]), array), /x: 0.5 does not fit INT32/);
  assert.throws(() => tensorOfArray(port("FP32", [null, 3]), array), /x has the shape 1 × 2; the model takes any × 3/);
  const large = npy(file("<i8", [1], bytesOf(BigInt64Array.of(300n))));
  assert.throws(() => tensorOfArray(port("UINT8", [1]), large), /300 does not fit UINT8/);
  assert.deepEqual(tensorOfArray(port("UINT64", [1]), large).bytes, bytesOf(BigUint64Array.of(300n)));
});

test("halves are rounded as IEEE 754 has it", () => {
  for (const [number, half] of [
    [0, 0], [1, 0x3c00], [-2, 0xc000], [0.1, 0x2e66], [65504, 0x7bff], [65520, 0x7c00], [1e9, 0x7c00], [-Infinity, 0xfc00],
    [2 ** -24, 1], [2 ** -25, 0], [2 ** -14, 0x400], [1 + 2 ** -11, 0x3c00], [1 + 3 * 2 ** -11, 0x3c02], [2047.9, 0x6800],
  ]) {
    assert.equal(toHalf(number, "FP16"), half, String(number));
  }
  assert.equal(toHalf(NaN, "FP16"), 0x7e00);
  assert.deepEqual([1, -2.5, 1.00390625].map((number) => toHalf(number, "BF16")), [0x3f80, 0xc020, 0x3f80]);
});

test("typed JSON gets its shape from its lists, or from the model", () => {
  const of = (datatype, shape, text) => tensorOfJson(port(datatype, shape), text);
  assert.deepEqual(of("FP32", [null, 2], "[[1, 2], [3, 4]]").shape, [2, 2]);
  assert.deepEqual(of("FP32", [null, 2], "[1, 2, 3, 4]").shape, [2, 2]);
  assert.deepEqual(of("FP32", [1, 2], "[1, 2]").shape, [1, 2]);
  assert.deepEqual(of("FP32", [], "1.5"), { ...port("FP32", []), shape: [], text: "[1.5]" });
  assert.deepEqual(of("BYTES", [null, 1], '"a"').shape, [1, 1]);
  // More digits than a number here has: the text goes as it is.
  assert.equal(of("INT64", [1], "[9007199254740993]").text, "[9007199254740993]");
  for (const [datatype, shape, text, reason] of [
    ["FP32", [null, 2], "[1, 2, 3]", /has the shape 3; the model takes any × 2/],
    ["FP32", [null, 2], "[[1, 2], [3]]", /differ in length/],
    ["FP32", [null, null], "[1, 2]", /has the shape 2; the model takes any × any/],
    ["FP32", [2], "[1,", /x is not JSON/],
    ["FP32", [2], '["a", 1]', /takes numbers; "a" is none/],
    ["FP32", [2], "[1, null]", /takes numbers; null is none/],
    ["BOOL", [1], "[1]", /takes true or false/],
    ["BYTES", [1], "[1]", /takes texts/],
  ]) {
    assert.throws(() => of(datatype, shape, text), reason, text);
  }
});

test("a body is JSON, with bytes behind it where there are some", () => {
  const typed = tensorOfJson(port("FP32", [null, 1], "\"a\""), "[[1.50]]");
  assert.deepEqual(inferBody([typed]), {
    json: '{"inputs": [{"name": "\\"a\\"", "shape": [1, 1], "datatype": "FP32", "data": [[1.50]]}]}',
  });
  const { bytes, head } = inferBody([typed, generated(port("FP16", [2], "h"))]);
  assert.deepEqual([...bytes.slice(head)], [0x00, 0x30, 0x00, 0x34]);
  const said = JSON.parse(new TextDecoder().decode(bytes.slice(0, head)));
  assert.deepEqual(said.inputs[1], { name: "h", shape: [2], datatype: "FP16", parameters: { binary_data_size: 4 } });
});

test("made-up values are those the hub tries releases with", () => {
  assert.deepEqual(generated(port("FP32", [null, 8])).bytes, bytesOf(Float32Array.of(0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 0.125)));
  assert.deepEqual(generated(port("INT64", [3])).bytes, bytesOf(BigInt64Array.of(0n, 1n, 0n)));
  assert.deepEqual(generated(port("INT64", [2], "attention_mask")).bytes, bytesOf(BigInt64Array.of(1n, 1n)));
  assert.equal(generated(port("BYTES", [2])).text, '["sample","sample"]');
  assert.throws(() => generated(port("FP32", [100000, 100000])), /more than a call may send/);
  assert.throws(() => packed([2], "BOOL", "b"), /neither true nor false/);
});

test("an input comes out of a link as it went in, and nothing else does", () => {
  const states = [
    { kind: "text", text: "Grüße 🙂 \"quoted\"" },
    { kind: "row", rows: [{ age: "30", port: "le havre" }] },
    { kind: "history", text: "1\n2\n3" },
    { kind: "tensors", tensors: { x: "[[1, 2]]" } },
  ];
  for (const state of states) assert.deepEqual(fromLink(toLink(state)), state);
  assert.match(toLink(states[0]), /^[\w-]+$/);
  assert.equal(toLink({ kind: "text", text: "a".repeat(1600) }), null);
  assert.equal(toLink({ kind: "text", text: "é".repeat(1000) }), null);
  assert.ok(toLink({ kind: "text", text: "a".repeat(1400) }).length <= 2000);
  const raw = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  for (const bad of ["", "!", "eyJ", raw(null), raw([]), raw({ kind: "text", text: 7 }), raw({ kind: "row", rows: [] }),
    raw({ kind: "row", rows: [{ a: {} }] }), raw({ kind: "tensors", tensors: [1] }), raw({ kind: "other" }), "a".repeat(2001)]) {
    assert.equal(fromLink(bad), null, bad);
  }
});

const HOSTILE = "'; touch /tmp/never #\"\\\n$(id)`é🙂\u202e\u007f True null";

test("code holds a hostile text whole, and nothing of it is run", () => {
  const json = JSON.stringify({ input: HOSTILE, flag: true, none: null });
  const made = code({ url: "https://hub.example/api/v1/run/a/b", json });
  // The shell: what would be sent, printed.
  const curl = made.curl.replace("curl https", "printf '%s\\0' https");
  const shell = spawnSync("bash", ["-c", curl], { env: { ...process.env, MODELHUB_KEY: "mh_1" } });
  const words = shell.stdout.toString().split("\0");
  assert.deepEqual(JSON.parse(words[words.indexOf("--data") + 1]), JSON.parse(json));
  assert.ok(words.includes("Authorization: Bearer mh_1"));
  const python = made.Python.split("\nrequest = ")[0] + "\nprint(body.decode())";
  assert.deepEqual(JSON.parse(spawnSync("python3", ["-c", python]).stdout.toString()), JSON.parse(json));
  const body = made.JavaScript.split("\nconst answer")[0];
  assert.deepEqual(JSON.parse(new Function(`${body}; return body;`)()), JSON.parse(json));
  assert.ok(made.Rust.includes('let body = r#"{') && !/[\u202e\u007f]/.test(made.Rust));
});

test("whole numbers of many digits reach each language unrounded", () => {
  const json = '{"inputs": [{"name": "x", "shape": [1], "datatype": "INT64", "data": [9007199254740993]}]}';
  const made = code({ url: "https://hub.example/v2/models/a/b/infer", json });
  const body = made.JavaScript.split("\nconst answer")[0];
  assert.ok(new Function(`${body}; return body;`)().includes("9007199254740993"));
  assert.ok(["curl", "Python", "Rust"].every((language) => made[language].includes("[9007199254740993]")));
  assert.ok(pretty('{"data":[9007199254740993]}').includes("9007199254740993"));
});

test("tables go as files, and so does what is too long to be shown", () => {
  const table = code({ url: "https://hub.example/api/v1/run/a/b", table: "day,it's\n1,2" });
  assert.equal(table.saved, null);
  const shell = spawnSync("bash", ["-c", table.curl.replace("curl ", "printf '%s\\0' ")]);
  assert.ok(shell.stdout.toString().split("\0").includes("input=day,it's\n1,2"));
  assert.equal(code({ url: "u", table: "a\tb\n1\t2" }).saved, "input.csv");
  assert.match(code({ url: "u", table: "1\n".repeat(5000) }).curl, /-F file=@input\.csv/);
  const long = code({ url: "u", json: JSON.stringify({ input: "a".repeat(5000) }) });
  assert.equal(long.saved, "input.json");
  assert.ok(["curl", "Python", "JavaScript", "Rust"].every((language) => long[language].includes("input.json") && long[language].length < 1000));
  const binary = code({ url: "u", bytes: new Uint8Array(9), head: 7 });
  assert.ok(["curl", "Python", "JavaScript", "Rust"].every((language) => /input\.bin/.test(binary[language]) && /Inference-Header-Content-Length.*7/.test(binary[language])));
});

test("a file's name in code cannot be anything but a name", () => {
  assert.equal(plainName("yard.wav"), "yard.wav");
  assert.equal(plainName("my holiday; rm -rf ~.png"), "input.png");
  assert.equal(plainName("-o.png"), "input.png");
  assert.equal(plainName("$(id)"), "input");
});

test("JSON for eyes keeps lists of plain values on one line", () => {
  assert.equal(pretty('{"outputs":[{"data":[1,2.5,"a"]}]}'), '{\n  "outputs": [\n    {\n      "data": [1, 2.5, "a"]\n    }\n  ]\n}');
  assert.equal(pretty("not JSON"), "not JSON");
});
