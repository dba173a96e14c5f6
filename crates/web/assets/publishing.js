// What a form becomes before it is published: money in whole units, a card's front matter, names of files. No page, no network.

const PLACES = 9;
const UNIT = 10n ** 9n;

/** A decimal text with at most nine places as a whole number of its 10⁻⁹; null if it is none. */
export const nano = (text) => {
  const found = /^(\d{1,10})(?:[.,](\d{1,9}))?$/.exec(text.trim());
  return found ? BigInt(found[1]) * UNIT + BigInt((found[2] ?? "").padEnd(PLACES, "0")) : null;
};

/** The same back: as short as it is exact. */
export const decimal = (number) => {
  const rest = (number % UNIT).toString().padStart(PLACES, "0").replace(/0+$/, "");
  return rest ? `${number / UNIT}.${rest}` : `${number / UNIT}`;
};

/** What a price costs in OPG: rounded up once, as the hub does; null in USD without a rate. */
export const cost = (price, currency, rate) => {
  if (currency === "OPG") return price;
  return rate ? (price * UNIT + rate - 1n) / rate : null;
};

/** An amount of OPG in USD. */
export const inUsd = (amount, rate) => (amount * rate) / UNIT;

/** `bob=70%, carol=30%` as handles and basis points; empty: all to the owner. Throws what is wrong with it. */
export const splitOf = (text, owner) => {
  if (!text.trim()) return [[owner, 10000]];
  const parts = text.split(",").map((part) => {
    const found = /^\s*([a-z0-9-]{2,39})\s*=\s*(\d{1,3})(?:\.(\d{1,2}))?\s*%\s*$/.exec(part);
    if (!found) throw new Error(`the split has “${part.trim()}”; write a handle and its share: bob=70%, carol=30%`);
    return [found[1], Number(found[2]) * 100 + Number((found[3] ?? "").padEnd(2, "0"))];
  });
  const whole = parts.reduce((sum, [, points]) => sum + points, 0);
  if (whole !== 10000) throw new Error(`the shares of the split make ${whole / 100} %, not 100 %`);
  return parts;
};

/** Who gets what of a cost: the fee first, the rest by the split, odd units to the first. Royalties are not known here. */
export const shares = (whole, feePoints, split) => {
  const fee = (whole * BigInt(feePoints)) / 10000n;
  const rest = whole - fee;
  const parts = split.map(([handle, points]) => [handle, (rest * BigInt(points)) / 10000n]);
  let odd = rest - parts.reduce((sum, [, part]) => sum + part, 0n);
  for (const part of parts) {
    if (odd === 0n) break;
    part[1] += 1n;
    odd -= 1n;
  }
  return { fee, parts };
};

/** Where a card's front matter begins and ends; null if it has none. */
const front = (text) => {
  const found = /^\uFEFF?---[ \t]*\r?\n([\s\S]*?)^---[ \t]*(?:\r?\n|$)/m.exec(text);
  return found && found.index === 0 ? { inner: found[1], rest: text.slice(found[0].length) } : null;
};

const plain = (value) => value.trim().replace(/^(["'])(.*)\1$/, "$2");

/** The value of a simple field of the front matter. */
export const field = (text, name) => {
  const found = new RegExp(`^${name}:[ \\t]*([^\\s#].*?)[ \\t]*(?:#.*)?$`, "m").exec(front(text)?.inner ?? "");
  return found ? plain(found[1]) : null;
};

/** The card with another value of a simple field; everything else stays as it was written. */
export const withField = (text, name, value) => {
  const line = value ? `${name}: ${value}\n` : "";
  const found = front(text);
  if (!found) return line ? `---\n${line}---\n${text}` : text;
  const known = new RegExp(`^${name}:.*(?:\\r?\\n|$)`, "m");
  const inner = known.test(found.inner) ? found.inner.replace(known, () => line) : found.inner + line;
  return `---\n${inner}---\n${found.rest}`;
};

/** The card with this as its text; null if somebody wrote another one than the one before. */
export const withSummary = (text, before, after) => {
  const found = front(text);
  const body = (found ? found.rest : text).trim();
  if (body && body !== before) return null;
  const head = found ? `---\n${found.inner}---\n` : "";
  return after ? `${head}${after}\n` : head;
};

/** What the card says of price and access in its modelhub: section. */
export const section = (text) => {
  const inner = front(text)?.inner ?? "";
  const at = inner.search(/^modelhub:/m);
  const own = at < 0 ? "" : inner.slice(at);
  const price = /per_call:\s*["']?(\d+(?:\.\d+)?)\s*(OPG|USD)/.exec(own);
  const access = /\baccess:\s*["']?(sealed|gated|open)\b/.exec(own);
  return { price: price ? { amount: price[1], currency: price[2] } : null, access: access?.[1] ?? null };
};

/** Headings that the hub counts as the parts a card lacks. */
export const HEADINGS = {
  purpose: "Intended use",
  limits: "Limitations",
  "training data": "Training data",
  evaluation: "Evaluation",
  contact: "Contact",
};

/** The card with one section more, and where to write in it. */
export const withSection = (text, heading) => {
  const before = `${text.trimEnd()}\n\n## ${heading}\n\n`.trimStart();
  return { text: before, at: before.length };
};

/** A model's name from that of a file or folder. */
export const nameOf = (path) => {
  const last = path.split("/").pop().replace(/\.onnx$/i, "");
  return last.replace(/[^A-Za-z0-9._-]+/g, "-").replace(/^[-.]+|[-.]+$/g, "").slice(0, 96);
};

/** Paths as the model is to have them: without the folder that all of them lie in, without what nobody publishes. */
export const placed = (entries) => {
  const kept = entries.filter(({ path }) => !path.split("/").some((part) => part.startsWith(".")));
  const first = new Set(kept.map(({ path }) => (path.includes("/") ? path.split("/")[0] : "")));
  const folder = first.size === 1 && !first.has("") ? [...first][0] : null;
  return {
    folder,
    files: kept.map(({ path, file }) => ({ path: folder ? path.slice(folder.length + 1) : path, file })),
    skipped: entries.length - kept.length,
  };
};

/** A size for people. */
export const bytes = (size) => {
  const units = ["B", "kB", "MB", "GB"];
  let at = 0;
  let shown = size;
  while (shown >= 1000 && at < units.length - 1) {
    shown /= 1000;
    at += 1;
  }
  return `${at && shown < 10 ? shown.toFixed(1) : Math.round(shown)} ${units[at]}`;
};
