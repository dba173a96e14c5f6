// Values that people type or choose, to what is sent, to code that sends the same, and to a link. Nothing here knows the page.

/** The most bytes of a body that the hub reads. */
export const BODY_LIMIT = 16 * 1024 * 1024;
/** The most characters of an input in a link. */
export const LINK_LIMIT = 2000;
/** Longer bodies are read from a file by the code. */
export const SHOWN_LIMIT = 4000;

/** An input that cannot be sent: why, and which field it is in. */
export class Unfit extends Error {
  constructor(message, field) {
    super(message);
    this.field = field;
  }
}

// ── Tensors ──────────────────────────────────────────────────────────

const ARRAYS = {
  BOOL: Uint8Array,
  INT8: Int8Array,
  INT16: Int16Array,
  INT32: Int32Array,
  INT64: BigInt64Array,
  UINT8: Uint8Array,
  UINT16: Uint16Array,
  UINT32: Uint32Array,
  UINT64: BigUint64Array,
  FP16: Uint16Array,
  BF16: Uint16Array,
  FP32: Float32Array,
  FP64: Float64Array,
};

const NUMPY = {
  b1: "BOOL", i1: "INT8", i2: "INT16", i4: "INT32", i8: "INT64",
  u1: "UINT8", u2: "UINT16", u4: "UINT32", u8: "UINT64", f2: "FP16", f4: "FP32", f8: "FP64",
};

const isFloat = (datatype) => /^B?FP?\d+$/.test(datatype);
const bits = new DataView(new ArrayBuffer(8));

/** Whether JSON has no form for it: it goes in binary. */
export const isHalf = (datatype) => datatype === "FP16" || datatype === "BF16";

/** A number as the two bytes of half precision, to the nearest, ties to even. */
export const toHalf = (number, datatype) => {
  bits.setFloat32(0, number);
  const word = bits.getUint32(0);
  if (datatype === "BF16") {
    return Number.isNaN(number) ? 0x7fc0 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
  const sign = (word >>> 16) & 0x8000;
  const size = Math.abs(number);
  if (Number.isNaN(number)) return 0x7e00;
  if (size >= 65520) return sign | 0x7c00;
  const even = (value) => {
    const floor = Math.floor(value);
    const rest = value - floor;
    return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
  };
  if (size < 2 ** -14) return sign | even(size * 2 ** 24);
  const exponent = ((word >>> 23) & 0xff) - 127;
  return sign | (((exponent + 14) << 10) + even((size / 2 ** exponent) * 1024));
};

const fromHalf = (word) => {
  const [sign, exponent, fraction] = [word & 0x8000 ? -1 : 1, (word >> 10) & 0x1f, word & 0x3ff];
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024));
};

const countOf = (shape) => shape.reduce((product, size) => product * size, 1);

/** A shape in words: `1 × 4`, `any × 4`. */
export const shapeSaid = (shape) =>
  shape.length ? shape.map((size) => (size === null ? "any" : size)).join(" × ") : "a single value";

/** Reads a `.npy` file: numbers and booleans, little-endian, rows first. Gives type, shape and bytes. */
export const npy = (buffer) => {
  const bytes = new Uint8Array(buffer);
  const refuse = (why) => {
    throw new Unfit(`the file ${why}`);
  };
  if (bytes.length > BODY_LIMIT) refuse(`has ${bytes.length} bytes; a call takes ${BODY_LIMIT}`);
  if (bytes.length < 12 || String.fromCharCode(...bytes.subarray(1, 6)) !== "NUMPY" || bytes[0] !== 0x93) {
    refuse("is no .npy file; numpy.save writes one");
  }
  const view = new DataView(buffer);
  const wide = bytes[6] >= 2;
  const start = wide ? 12 : 10;
  const length = wide ? view.getUint32(8, true) : view.getUint16(8, true);
  if (bytes[6] < 1 || bytes[6] > 3 || length > 65536 || start + length > bytes.length) refuse("has a damaged head");
  const head = new TextDecoder().decode(bytes.subarray(start, start + length));
  const kind = /'descr'\s*:\s*'([<>|=])([a-zA-Z]\d*)'/.exec(head);
  const axes = /'shape'\s*:\s*\(([\d,\sL]*)\)/.exec(head);
  const columns = /'fortran_order'\s*:\s*(True|False)/.exec(head);
  if (!axes || !columns) refuse("has a damaged head");
  const datatype = kind && NUMPY[kind[2]];
  if (!datatype) refuse("holds neither numbers nor booleans; save an array of one of numpy's own types");
  if (kind[1] === ">") refuse("is big-endian; save array.astype(array.dtype.newbyteorder('<'))");
  if (columns[1] === "True") refuse("has its columns first; save numpy.ascontiguousarray(array)");
  const shape = axes[1].split(",").map((axis) => axis.replace("L", "").trim()).filter(Boolean).map(Number);
  const needed = countOf(shape) * ARRAYS[datatype].BYTES_PER_ELEMENT;
  const data = bytes.slice(start + length);
  if (shape.length > 32 || data.length !== needed) refuse(`has ${data.length} bytes of data; its shape needs ${needed}`);
  return { datatype, shape, bytes: data };
};

const RANGES = {
  INT8: [-128n, 127n], INT16: [-32768n, 32767n], INT32: [-(2n ** 31n), 2n ** 31n - 1n], INT64: [-(2n ** 63n), 2n ** 63n - 1n],
  UINT8: [0n, 255n], UINT16: [0n, 65535n], UINT32: [0n, 2n ** 32n - 1n], UINT64: [0n, 2n ** 64n - 1n],
};

/** The bytes of numbers in a type; what does not fit into it is refused. */
export const packed = (values, datatype, name) => {
  const array = new ARRAYS[datatype](values.length);
  values.forEach((value, at) => {
    if (isHalf(datatype)) {
      array[at] = toHalf(Number(value), datatype);
    } else if (isFloat(datatype)) {
      array[at] = Number(value);
    } else if (datatype === "BOOL") {
      if (Number(value) !== 0 && Number(value) !== 1) throw new Unfit(`${name}: ${value} is neither true nor false`, name);
      array[at] = Number(value);
    } else {
      const whole = typeof value === "bigint" ? value : Number.isInteger(Number(value)) ? BigInt(Number(value)) : null;
      const [least, most] = RANGES[datatype];
      if (whole === null || whole < least || whole > most) throw new Unfit(`${name}: ${value} does not fit ${datatype}`, name);
      array[at] = datatype.endsWith("64") ? whole : Number(whole);
    }
  });
  return new Uint8Array(array.buffer);
};

/** A `.npy` array as an input: of its type, or turned into it where every value has a place there. */
export const tensorOfArray = (port, array) => {
  fits(port, array.shape);
  if (array.datatype === port.datatype) return { ...port, shape: array.shape, bytes: array.bytes };
  if (port.datatype === "BYTES") throw new Unfit(`${port.name} takes texts; type them as JSON`, port.name);
  const values = Array.from(new ARRAYS[array.datatype](array.bytes.buffer));
  const numbers = array.datatype === "FP16" ? values.map(fromHalf) : values;
  return { ...port, shape: array.shape, bytes: packed(numbers, port.datatype, port.name) };
};

/** Values like those that the hub tries releases with: small, the same each time. Axes of any size get 1. */
export const generated = (port) => {
  const shape = port.shape.map((axis) => axis ?? 1);
  const count = countOf(shape);
  const size = port.datatype === "BYTES" ? 9 : ARRAYS[port.datatype].BYTES_PER_ELEMENT;
  if (count * size > BODY_LIMIT) throw new Unfit(`${port.name} takes more than a call may send here`, port.name);
  const ones = /mask|len/i.test(port.name);
  const values = Array.from({ length: count }, (_, at) => {
    if (isFloat(port.datatype)) return ones ? 1 : ((at % 7) + 1) / 8;
    return ones ? 1 : at % 2;
  });
  if (port.datatype === "BYTES") return { ...port, shape, text: JSON.stringify(values.map(() => "sample")) };
  return { ...port, shape, bytes: packed(values, port.datatype, port.name) };
};

const fits = (port, shape) => {
  const fit = shape.length === port.shape.length && port.shape.every((axis, at) => axis === null || axis === shape[at]);
  if (!fit) throw new Unfit(`${port.name} has the shape ${shapeSaid(shape)}; the model takes ${shapeSaid(port.shape)}`, port.name);
};

const shapeOf = (value, name) => {
  const shape = [];
  for (let at = value; Array.isArray(at); [at] = at) shape.push(at.length);
  const even = (part, depth) => {
    const list = Array.isArray(part);
    if (list !== depth < shape.length || (list && part.length !== shape[depth])) {
      throw new Unfit(`${name}: its lists differ in length`, name);
    }
    if (list) part.forEach((inner) => even(inner, depth + 1));
  };
  even(value, 0);
  return shape;
};

/** An input from the JSON somebody typed: a value, or lists in lists. A flat list gets its shape from the model, where that is clear. */
export const tensorOfJson = (port, text) => {
  let value;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Unfit(`${port.name} is not JSON: ${error.message}`, port.name);
  }
  let shape = shapeOf(value, port.name);
  const flat = Array.isArray(value) ? value.flat(Infinity) : [value];
  if (!Array.isArray(value) || (shape.length === 1 && port.shape.length !== 1)) {
    const open = port.shape.filter((axis) => axis === null).length;
    const known = countOf(port.shape.map((axis) => axis ?? 1));
    if (open <= 1 && known > 0 && flat.length % known === 0) {
      shape = port.shape.map((axis) => axis ?? flat.length / known);
    } else if (flat.length === 1) {
      shape = port.shape.map((axis) => axis ?? 1);
    }
  }
  fits(port, shape);
  if (countOf(shape) !== flat.length) {
    throw new Unfit(`${port.name} has ${flat.length} values; the shape ${shapeSaid(shape)} needs ${countOf(shape)}`, port.name);
  }
  const kind = { BOOL: "boolean", BYTES: "string" }[port.datatype] ?? "number";
  const wrong = flat.find((element) => typeof element !== kind);
  if (wrong !== undefined) {
    const said = { boolean: "true or false", string: "texts", number: "numbers" }[kind];
    throw new Unfit(`${port.name} takes ${said}; ${JSON.stringify(wrong).slice(0, 40)} is none`, port.name);
  }
  if (isHalf(port.datatype)) return { ...port, shape, bytes: packed(flat, port.datatype, port.name) };
  // The text itself, for numbers of more digits than this language keeps.
  return { ...port, shape, text: Array.isArray(value) ? text.trim() : `[${text.trim()}]` };
};

/** The body of an inference request: JSON, or JSON with bytes behind it where JSON has no form or is long. */
export const inferBody = (tensors) => {
  const heads = tensors.map(({ name, shape, datatype, text, bytes }) => {
    const head = `{"name": ${JSON.stringify(name)}, "shape": [${shape.join(", ")}], "datatype": "${datatype}", `;
    return head + (bytes ? `"parameters": {"binary_data_size": ${bytes.length}}}` : `"data": ${text}}`);
  });
  const json = `{"inputs": [${heads.join(", ")}]}`;
  const parts = tensors.filter((tensor) => tensor.bytes).map((tensor) => tensor.bytes);
  if (!parts.length) return { json };
  const head = new TextEncoder().encode(json);
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, head.length));
  let at = 0;
  for (const part of [head, ...parts]) {
    bytes.set(part, at);
    at += part.length;
  }
  return { bytes, head: head.length };
};

// ── Histories and sounds ─────────────────────────────────────────────

/** A made-up history: a slow rise with a wave on it. */
export const madeUpHistory = (columns, window) => {
  const steps = Math.max(1, Math.min(window, 5000));
  const column = (place) =>
    Array.from({ length: steps }, (_, at) => Math.round((10 + place + at / 8 + 3 * Math.sin(at / 2 + place)) * 100) / 100);
  if (!columns.length) return JSON.stringify(column(0)).replaceAll(",", ", ");
  const lines = columns.map((name, place) => `${JSON.stringify(name)}: ${JSON.stringify(column(place))}`);
  return `{${lines.join(",\n ")}}`;
};

/** The numbers of a history's first column, as far as they can be read: for the picture beside a forecast. */
export const historyNumbers = (text, columns) => {
  try {
    let value = JSON.parse(text);
    value = value.history ?? value;
    const list = Array.isArray(value) ? value : value[columns[0]];
    return Array.isArray(list) ? list.filter(Number.isFinite) : [];
  } catch {
    const rows = text.trim().split(/\r?\n/).map((line) => line.split(/[,;\t]/).map((cell) => cell.trim().replace(/^"|"$/g, "")));
    const named = rows[0]?.indexOf(columns[0]) ?? -1;
    const at = named >= 0 ? named : (rows[0]?.length ?? 1) - 1;
    return rows.map((row) => Number.parseFloat(row[at])).filter(Number.isFinite);
  }
};

/** One second of a tone that rises, as a WAV file. */
export const madeUpSound = () => {
  const [rate, count] = [16000, 16000];
  const view = new DataView(new ArrayBuffer(44 + count * 2));
  const word = (at, text) => [...text].forEach((letter, place) => view.setUint8(at + place, letter.charCodeAt(0)));
  word(0, "RIFF");
  view.setUint32(4, 36 + count * 2, true);
  word(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, rate * 2, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  word(36, "data");
  view.setUint32(40, count * 2, true);
  for (let at = 0; at < count; at += 1) {
    const seconds = at / rate;
    view.setInt16(44 + at * 2, 12000 * Math.sin(2 * Math.PI * (300 + 200 * seconds) * seconds), true);
  }
  return view.buffer;
};

// ── Links ────────────────────────────────────────────────────────────

/** An input as the part of a link behind `#input=`, or null if it is too long for one. */
export const toLink = (state) => {
  const bytes = new TextEncoder().encode(JSON.stringify(state));
  if (bytes.length > LINK_LIMIT) return null;
  const text = btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  return text.length > LINK_LIMIT ? null : text;
};

/** What `toLink` was given, or null for what it never wrote. */
export const fromLink = (text) => {
  if (text.length > LINK_LIMIT || !/^[\w-]+$/.test(text)) return null;
  try {
    const bytes = Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
    const state = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    return isState(state) ? state : null;
  } catch {
    return null;
  }
};

const isTexts = (value) =>
  typeof value === "object" && value !== null && !Array.isArray(value) && Object.values(value).every((text) => typeof text === "string");

/** Whether something from outside is an input: its kind, and texts alone. */
export const isState = (state) =>
  typeof state === "object" && state !== null &&
  ((["text", "history"].includes(state.kind) && typeof state.text === "string") ||
    (state.kind === "row" && Array.isArray(state.rows) && state.rows.length > 0 && state.rows.length <= 100 && state.rows.every(isTexts)) ||
    (state.kind === "tensors" && isTexts(state.tensors)));

// ── Code ─────────────────────────────────────────────────────────────

/** Whole numbers with more digits than this language keeps. */
const LONG = /(?<![.\d])\d{16}/;
/** What a terminal acts upon, and what shows text in another order than it has. */
const UNSEEN = /[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** JSON without what a terminal would act upon where it is pasted. Bare tabs stand between values alone. */
const tame = (json) =>
  json.replaceAll("\t", " ").replace(UNSEEN, (unseen) => `\\u${unseen.charCodeAt(0).toString(16).padStart(4, "0")}`);

/** JSON for a shell's single quotes: only in strings it can have one. */
const inShell = (json) => `'${json.replaceAll("'", "\\u0027")}'`;
const textInShell = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** JSON as a Python literal: all but three words are the same. */
const inPython = (json) => {
  const words = { true: "True", false: "False", null: "None" };
  return json.replace(/"(?:[^"\\]|\\.)*"|\b(?:true|false|null)\b/g, (piece) => words[piece] ?? piece);
};

/** JSON in JavaScript: as it is, or as text where reading it there would lose something. */
const inJavaScript = (json) =>
  LONG.test(json) || json.includes("__proto__") ? `const body = ${JSON.stringify(json)};` : `const body = JSON.stringify(${json});`;

const inRust = (text) => {
  let marks = "#";
  while (text.includes(`"${marks}`)) marks += "#";
  return `r${marks}"${text}"${marks}`;
};

/** A file's name as code has it: one that a shell could misread becomes `input`, with its ending. */
export const plainName = (name) => {
  if (/^[A-Za-z0-9][\w.-]{0,80}$/.test(name)) return name;
  return `input${/\.[A-Za-z0-9]{1,8}$/.exec(name)?.[0] ?? ""}`;
};

const BOUNDARY = "modelhub-part-7d1f0c4a";

/**
 * Code that sends the same, by its language. A request has `url` and one of `json`, `file` (a name), `table` (a text that is
 * sent as a file), or `bytes` with `head`. `saved` is the file that the code reads, where the body is too long to be shown.
 */
export const code = (request) => {
  const { url, bytes, head } = request;
  const json = request.json === undefined ? undefined : tame(request.json);
  const shown = request.table !== undefined && request.table.length <= SHOWN_LIMIT && /^[^\p{Cc}\p{Cf}]*$/u.test(request.table.replaceAll("\n", ""));
  const table = shown ? request.table : undefined;
  const file = request.file ?? (request.table === undefined || shown ? undefined : "input.csv");
  const long = json !== undefined && json.length > SHOWN_LIMIT ? "input.json" : null;
  const saved = bytes ? "input.bin" : request.table !== undefined && !shown ? "input.csv" : long;
  const kind = bytes ? "application/octet-stream" : "application/json";
  const more = bytes ? [["Inference-Header-Content-Length", String(head)]] : [];
  const name = file === undefined ? null : plainName(file);
  const read = name ? null : saved;
  return { saved, curl: curl(), Python: python(), JavaScript: javascript(), Rust: rust() };

  function curl() {
    const lines = [`curl ${url}`, '-H "Authorization: Bearer $MODELHUB_KEY"'];
    if (name) return [...lines, `-F file=@${name}`].join(" \\\n  ");
    if (table !== undefined) return [...lines, `--form-string ${textInShell(`input=${table}`)}`].join(" \\\n  ");
    lines.push(`-H "Content-Type: ${kind}"`, ...more.map(([field, value]) => `-H "${field}: ${value}"`));
    lines.push(read ? `--data-binary @${read}` : `--data ${inShell(json)}`);
    return lines.join(" \\\n  ");
  }

  function python() {
    const lines = [];
    if (name) {
      lines.push(`with open(${JSON.stringify(name)}, "rb") as file:`, '    data = base64.b64encode(file.read()).decode()');
      lines.push('body = json.dumps({"input": "data:;base64," + data}).encode()');
    } else if (table !== undefined) {
      lines.push(`table = ${JSON.stringify(table)}`, "data = base64.b64encode(table.encode()).decode()");
      lines.push('body = json.dumps({"input": "data:;base64," + data}).encode()');
    } else if (read) {
      lines.push(`with open("${read}", "rb") as file:`, "    body = file.read()");
    } else {
      lines.push(`body = json.dumps(${inPython(json)}).encode()`);
    }
    const modules = name || table !== undefined ? "base64, json, os, urllib.request" : "json, os, urllib.request";
    const headers = [["Content-Type", kind], ...more].map(([field, value]) => `\n        "${field}": "${value}",`);
    return `import ${modules}

${lines.join("\n")}
request = urllib.request.Request(
    "${url}",
    data=body,
    headers={
        "Authorization": "Bearer " + os.environ["MODELHUB_KEY"],${headers.join("")}
    },
)
with urllib.request.urlopen(request) as answer:
    print(json.dumps(json.load(answer)["outputs"], indent=2))
    print("cost:", answer.headers["X-Cost"], "OPG, receipt:", answer.headers["X-Receipt-Id"])`;
  }

  function javascript() {
    const lines = [];
    if (name || read) lines.push('const { readFile } = await import("node:fs/promises");');
    if (name || table !== undefined) {
      const content = name ? `await readFile(${JSON.stringify(name)})` : JSON.stringify(table);
      lines.push("const body = new FormData();", `body.append("file", new Blob([${content}]), "input");`);
    } else {
      lines.push(read ? `const body = await readFile("${read}");` : inJavaScript(json));
    }
    const own = name || table !== undefined ? [] : [["Content-Type", kind], ...more];
    const headers = own.map(([field, value]) => `\n    "${field}": "${value}",`);
    return `// As call.mjs: node call.mjs
${lines.join("\n")}
const answer = await fetch("${url}", {
  method: "POST",
  headers: {
    "Authorization": \`Bearer \${process.env.MODELHUB_KEY}\`,${headers.join("")}
  },
  body,
});
console.log(JSON.stringify(await answer.json(), null, 2));
console.log("cost:", answer.headers.get("x-cost"), "OPG, receipt:", answer.headers.get("x-receipt-id"));`;
  }

  function rust() {
    const lines = [];
    let type = kind;
    if (name || table !== undefined) {
      type = `multipart/form-data; boundary=${BOUNDARY}`;
      lines.push(`let head = "--${BOUNDARY}\\r\\nContent-Disposition: form-data; name=\\"file\\"; filename=\\"input\\"\\r\\n\\r\\n";`);
      lines.push(name ? `let file = std::fs::read(${JSON.stringify(name)})?;` : `let file = ${inRust(table)};`);
      const content = name ? "&file[..]" : "file.as_bytes()";
      lines.push(`let body = [head.as_bytes(), ${content}, b"\\r\\n--${BOUNDARY}--\\r\\n"].concat();`);
    } else if (read) {
      lines.push(`let body = std::fs::read("${read}")?;`);
    } else {
      lines.push(`let body = ${inRust(json)};`);
    }
    const headers = [["Content-Type", type], ...more].map(([field, value]) => `\n        .header("${field}", "${value}")`);
    const sent = !read && json !== undefined ? "body" : "&body[..]";
    return `// cargo add ureq@3
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let key = std::env::var("MODELHUB_KEY")?;
    ${lines.join("\n    ")}
    let mut answer = ureq::post("${url}")
        .header("Authorization", format!("Bearer {key}"))${headers.join("")}
        .send(${sent})?;
    println!("{}", answer.body_mut().read_to_string()?);
    let told = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or("unknown").to_owned();
    println!("cost: {} OPG, receipt: {}", told("x-cost"), told("x-receipt-id"));
    Ok(())
}`;
  }
};

// ── Answers ──────────────────────────────────────────────────────────

/** JSON for eyes: indented, lists of plain values on one line; as it came where reading it would lose digits. */
export const pretty = (text) => {
  if (LONG.test(text)) return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 2).replace(/\[\s+([^[\]{}]*?)\s+\]/g, (_, inner) => `[${inner.replace(/\s*\n\s*/g, " ")}]`);
  } catch {
    return text;
  }
};
