// Publishing from a page: files go up in pieces that can be taken up again, the hub judges them and says so line by line,
// and nothing is published before somebody has said yes.

import { HEADINGS, bytes, cost, decimal, field, inUsd, nameOf, nano, placed, section, shares, splitOf, withField, withSection, withSummary } from "./publishing.js";

const FILES_LIMIT = 200;
/** From this size on it is asked first what the hub has of a file. */
const ASKED_FROM = 8 * 1024 * 1024;
const TRIES = 5;
const LINE_LIMIT = 1024 * 1024;

const form = document.querySelector("form[data-publish]");
const { fee, rate, limit } = form.dataset;
const fileLimit = Number(limit);
const one = (name) => form.querySelector(`[data-part="${name}"]`);
const input = (name) => form.elements[name];
const el = (tag, attributes = {}, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
};
const money = (amount, unit = "OPG") => el("span", { class: "num" }, amount, el("span", { class: "unit" }, `\u202f${unit}`));
const sentence = (text) => `${text[0].toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;

/** What is wrong, and where: the field is marked and gets the focus. */
class Wrong extends Error {
  constructor(message, at) {
    super(message);
    this.at = at;
  }
}

// ── Files ────────────────────────────────────────────────────────────

/** Path to { file, digest, bar }. */
let files = new Map();
const listed = one("files");

const drawFiles = () => {
  listed.replaceChildren(
    ...[...files].map(([path, entry]) => {
      entry.bar = el("progress", { max: "1", value: "0", "aria-label": `${path} on its way`, hidden: "" });
      const remove = el("button", { type: "button", class: "quiet", "aria-label": `Remove ${path}` }, "Remove");
      remove.addEventListener("click", () => {
        files.delete(path);
        drawFiles();
        stale();
        input("files").focus();
      });
      return el("li", {}, el("span", { class: "path" }, path), el("span", { class: "num unit" }, bytes(entry.file.size)), entry.bar, remove);
    }),
  );
  listed.hidden = files.size === 0;
};

const take = async (entries) => {
  const { folder, files: kept, skipped } = placed(entries);
  const problem = one("files-wrong");
  problem.textContent = "";
  const large = kept.filter(({ file }) => file.size > fileLimit);
  const added = kept.filter(({ file }) => file.size <= fileLimit);
  if (large.length) {
    problem.textContent = `${large[0].path} has ${bytes(large[0].file.size)}; a page takes at most ${bytes(fileLimit)} of a file. Publish it with: modelhub publish FOLDER`;
  } else if (files.size + added.length > FILES_LIMIT) {
    problem.textContent = `${files.size + added.length} files; a page takes at most ${FILES_LIMIT}. Publish them with: modelhub publish FOLDER`;
    return;
  } else if (skipped) {
    problem.textContent = `${skipped} hidden files were left out.`;
  }
  for (const { path, file } of added) {
    if (path === "README.md") await takeCard(file);
    else files.set(path, { file });
  }
  const model = added.find(({ path }) => /\.onnx$/i.test(path));
  if (!input("name").value && model) {
    const stem = nameOf(model.path);
    input("name").value = stem === "model" && folder ? nameOf(folder) : stem;
  }
  drawFiles();
  stale();
};

const takeCard = async (file) => {
  input("card").value = await file.text();
  const said = section(input("card").value);
  const licence = field(input("card").value, "license");
  if (licence) choose("license", licence);
  if (said.access) form.querySelector(`[name="access"][value="${said.access}"]`).checked = true;
  if (said.price) {
    input("price").value = said.price.amount;
    input("currency").value = said.price.currency;
  }
  draw();
};

const choose = (name, value) => {
  const select = input(name);
  const known = [...select.options].find((option) => option.value.toLowerCase() === value.toLowerCase());
  if (!known) select.append(el("option", { value }, value));
  select.value = known ? known.value : value;
};

/** Files of a folder that was dropped, with their paths. */
const walked = async (entry, path = "") => {
  const here = path ? `${path}/${entry.name}` : entry.name;
  if (entry.isFile) return [{ path: here, file: await new Promise((yes, no) => entry.file(yes, no)) }];
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((yes, no) => reader.readEntries(yes, no));
    if (!some.length || found.length > FILES_LIMIT) return found;
    for (const child of some) found.push(...(await walked(child, here)));
  }
};

const drop = one("drop");
for (const name of ["dragenter", "dragover"]) {
  drop.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
}
for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
drop.addEventListener("drop", async (event) => {
  event.preventDefault();
  const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const plain = [...event.dataTransfer.files].map((file) => ({ path: file.name, file }));
  const found = entries.length ? (await Promise.all(entries.map((entry) => walked(entry)))).flat() : plain;
  await take(found);
});
for (const name of ["files", "folder"]) {
  input(name).addEventListener("change", async (event) => {
    const chosen = [...event.target.files].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
    event.target.value = "";
    await take(chosen);
  });
}

// ── Price, and who gets what ─────────────────────────────────────────

const row = (who, what, amount) => el("tr", {}, el("th", { scope: "row" }, who), el("td", {}, what), el("td", { class: "right" }, money(amount)));

const draw = () => {
  const table = one("shares");
  const said = one("price-said");
  const typed = nano(input("price").value);
  table.hidden = true;
  said.textContent = "";
  if (typed === null) {
    if (input("price").value.trim()) said.textContent = "A price is a number with at most nine digits after the point.";
    return;
  }
  const perOpg = rate ? nano(rate) : null;
  const whole = cost(typed, input("currency").value, perOpg);
  if (whole === null) {
    said.textContent = "This hub has no rate: a price in USD can be called once its operator sets one.";
    return;
  }
  const usd = perOpg ? `, ${decimal(inUsd(whole, perOpg))} USD` : "";
  said.textContent = whole ? `A call costs ${decimal(whole)} OPG${usd}; 1,000 calls cost ${decimal(whole * 1000n)} OPG.` : "Calls are free: nobody pays, and nobody earns.";
  if (!whole) return;
  try {
    const cut = shares(whole, fee, splitOf(input("split").value, input("owner").value));
    one("share-rows").replaceChildren(row("operator", "hub fee", decimal(cut.fee)), ...cut.parts.map(([handle, part]) => row(handle, "creator", decimal(part))));
    table.hidden = false;
  } catch (error) {
    said.textContent += ` ${sentence(error.message)}`;
  }
};

// ── The card ─────────────────────────────────────────────────────────

input("license").addEventListener("change", () => {
  input("card").value = withField(input("card").value, "license", input("license").value);
});
input("task").addEventListener("change", () => {
  input("card").value = withField(input("card").value, "pipeline_tag", input("task").value.trim());
});
input("summary").addEventListener("change", () => {
  const summary = input("summary").value.trim();
  const card = withSummary(input("card").value, input("summary").dataset.written ?? "", summary);
  if (card === null) return;
  input("card").value = card;
  input("summary").dataset.written = summary;
});

// ── Sending ──────────────────────────────────────────────────────────

const digestOf = async (path, blob) => {
  let whole;
  try {
    whole = await blob.arrayBuffer();
  } catch {
    throw new Wrong(`${path} cannot be read any more: it was moved or changed; remove it here and choose it again`, "files");
  }
  const digest = await crypto.subtle.digest("SHA-256", whole);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
};

const refusal = (text, status) => {
  try {
    const { message, hint } = JSON.parse(text).error;
    return hint ? `${message}; ${hint}` : message;
  } catch {
    return `the hub answered with status ${status}`;
  }
};

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** How much of a file is here: all of it, or where it goes on. */
const arrived = async (path, size) => {
  const answer = await fetch(path, { method: "HEAD" });
  if (answer.ok) return size;
  const offset = Number(answer.headers.get("upload-offset") ?? 0);
  return offset < size ? offset : 0;
};

const put = (path, blob, offset, said) =>
  new Promise((done, cut) => {
    const request = new XMLHttpRequest();
    request.open("PUT", path);
    if (offset) request.setRequestHeader("content-range", `bytes ${offset}-${blob.size - 1}/${blob.size}`);
    request.upload.addEventListener("progress", (event) => said(offset + event.loaded));
    request.addEventListener("load", () => done(request));
    request.addEventListener("error", () => cut(new Error("the connection was cut")));
    request.send(offset ? blob.slice(offset) : blob);
  });

const send = async (owner, path, blob, digest, said) => {
  const place = `/api/v1/uploads/${owner}/${digest}`;
  let offset = blob.size >= ASKED_FROM ? await arrived(place, blob.size) : 0;
  let [best, tries] = [offset, 0];
  while (offset < blob.size || blob.size === 0) {
    let answer;
    try {
      answer = await put(place, blob, offset, said);
    } catch (error) {
      tries += 1;
      if (tries >= TRIES) throw new Wrong(`${path}: ${error.message} ${TRIES} times; check again, it goes on where it was`);
      await pause(500 * 2 ** tries);
      offset = await arrived(place, blob.size);
      if (offset > best) [best, tries] = [offset, 0];
      continue;
    }
    if (answer.status === 201) break;
    const there = answer.getResponseHeader("upload-offset");
    if (answer.status !== 409 || there === null || tries >= TRIES) throw new Wrong(`${path}: ${refusal(answer.responseText, answer.status)}`, "files");
    tries += 1;
    offset = Number(there);
  }
  said(blob.size);
};

/** Sends what the hub has not got; gives what a publish names. */
const sent = async (owner) => {
  if (!crypto.subtle) throw new Wrong("browsers compute digests on https and localhost alone; open this page there, or publish with: modelhub publish FOLDER", "files");
  const all = [...files].map(([path, { file, bar }]) => ({ path, blob: file, bar }));
  const card = input("card").value.trim() && input("card").value;
  if (card) all.push({ path: "README.md", blob: new Blob([card]) });
  const named = [];
  for (const [at, { path, blob, bar }] of all.entries()) {
    say(`Sending ${at + 1} of ${all.length}: ${path}`);
    if (bar) bar.hidden = false;
    const sha256 = await digestOf(path, blob);
    await send(owner, path, blob, sha256, (now) => {
      if (bar) bar.value = blob.size ? now / blob.size : 1;
    });
    if (bar) bar.value = 1;
    named.push({ path, sha256, size: blob.size });
  }
  return named;
};

// ── Judging ──────────────────────────────────────────────────────────

const status = one("status");
const say = (text) => {
  status.textContent = text;
};
const verdicts = one("verdicts");
const alertBox = one("wrong");
const found = one("found");

/** The body, from what was typed. */
const asked = (named, dryRun) => {
  const [owner, name] = [input("owner").value, input("name").value.trim()];
  const body = { model: `${owner}/${name}`, files: named, access: form.querySelector('[name="access"]:checked').value, dry_run: dryRun };
  body.price = { per_call: `${input("price").value.trim().replace(",", ".")} ${input("currency").value}` };
  if (input("split").value.trim()) body.split = splitOf(input("split").value, owner).map(([handle, points]) => [handle, `${points / 100}%`]);
  const latest = found.querySelector("[name=latest]");
  if (latest) body.latest = latest.checked;
  return body;
};

const checked = () => {
  if (!files.size) throw new Wrong("choose the model’s files first: one .onnx file at least", "files");
  if (!input("name").value.trim()) throw new Wrong("the model needs a name", "name");
  if (nano(input("price").value) === null) throw new Wrong("a call needs a price, like 0.002; 0 is free", "price");
  try {
    splitOf(input("split").value, input("owner").value);
  } catch (error) {
    throw new Wrong(error.message, "split");
  }
};

const lines = async function* (body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    const parts = (rest + value).split("\n");
    rest = parts.pop();
    if (rest.length > LINE_LIMIT) throw new Wrong("the hub’s answer has a line that is too long");
    for (const part of parts) if (part) yield JSON.parse(part);
  }
};

const verdict = ({ step, ok, detail, ms }) =>
  el("li", { class: ok ? "good" : "bad" }, el("span", { class: "result" }, ok ? "ok" : "no"), el("strong", {}, step), el("span", { class: "detail" }, detail), el("span", { class: "num unit" }, `${ms}\u202fms`));

/** Has it judged, or published, line by line. */
const judged = async (named, dryRun) => {
  const since = performance.now();
  say("The hub looks at it…");
  const clock = setInterval(() => say(`The hub looks at it… ${Math.round((performance.now() - since) / 1000)} s`), 1000);
  try {
    const answer = await fetch("/api/v1/publish", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(asked(named, dryRun)),
    });
    if (!answer.ok) throw new Wrong(refusal(await answer.text(), answer.status));
    for await (const line of lines(answer.body)) {
      if (line.verdict) verdicts.append(verdict(line.verdict));
      if (line.error) throw new Wrong(line.error.hint ? `${line.error.message}; ${line.error.hint}` : line.error.message);
      if (line.published) return line.published;
    }
    throw new Wrong("the hub hung up before it said how it ended; check again, what was published is not published twice");
  } finally {
    clearInterval(clock);
  }
};

const shape = (axes) => `[${axes.map((axis) => (axis < 0 ? "any" : axis)).join(", ")}]`;
const ports = (title, list) =>
  list.map((port) => el("tr", {}, el("th", { scope: "row" }, title), el("td", {}, port.name), el("td", {}, el("code", {}, `${port.datatype} ${shape(port.shape)}`))));

const contract = (preview) => {
  const parts = [
    el("h3", {}, "Contract"),
    el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Contract" }, el("table", { class: "lines" }, el("tbody", {}, ...ports("takes", preview.inputs), ...ports("answers", preview.outputs)))),
  ];
  if (preview.task) parts.push(el("p", { class: "note" }, `People call it with values of the task ${preview.task}.`));
  const samples = Object.entries(preview.sample ?? {});
  if (samples.length) {
    const what = preview.examples ? "The first of your examples, which ran" : "An input that the hub made up and that ran; add examples/one.json for a better one";
    parts.push(el("h3", {}, "Sample input"), el("p", { class: "note" }, `${what}.`), el("pre", { tabindex: "0" }, el("code", {}, samples.map(([name, values]) => `${name} = ${values}`).join("\n"))));
  }
  return parts;
};

const cardParts = (preview) => {
  const missing = preview.card.filter((part) => !part.filled).sort((one, other) => other.weight - one.weight);
  const list = el("ul", { class: "missing" });
  for (const part of missing) {
    const item = el("li", {}, `${part.part} (${part.weight}): ${part.how} `);
    const heading = HEADINGS[part.part];
    const fix = el("button", { type: "button", class: "quiet" }, heading ? `Add “${heading}”` : "Set it");
    const where = { licence: "license", task: "task", details: "summary" }[part.part];
    fix.addEventListener("click", () => {
      if (!heading) return input(where).focus();
      const { text, at } = withSection(input("card").value, heading);
      input("card").value = text;
      input("card").closest("details").open = true;
      input("card").focus();
      input("card").setSelectionRange(at, at);
      return stale();
    });
    if (heading || where) item.append(fix);
    list.append(item);
  }
  return [el("h3", {}, "Card"), el("p", {}, `The card says ${preview.score} of 100.`), ...preview.notices.map((notice) => el("p", { class: "note" }, sentence(notice))), list];
};

const paid = (preview) => {
  if (!preview.cost || !preview.parts?.length) return [];
  const what = (part) => (part.role === "royalty" ? `royalty for ${part.builds_on}` : "creator");
  const rows = [row("operator", "hub fee", preview.fee), ...preview.parts.map((part) => row(part.account, what(part), part.amount))];
  return [el("h3", {}, "Of each call"), el("p", {}, "A call costs ", money(preview.cost), "."), el("table", { class: "lines" }, el("tbody", {}, ...rows))];
};

const shown = (published, named) => {
  const { model, release, change, preview } = published;
  const why = (published.reasons ?? []).map((reason) => el("p", { class: "note" }, sentence(reason)));
  const heading = el("h2", { tabindex: "-1" }, change === "same" ? `${model} ${release} is this already` : `It would become ${model} ${release}`);
  const go = el("button", { type: "button" }, `Publish ${release}`);
  go.addEventListener("click", () => done(named, go));
  const last = change === "same" ? [] : [go];
  if (change === "major") {
    last.unshift(el("label", { class: "check" }, el("input", { type: "checkbox", name: "latest" }), ` Calls that name no release get ${release} from then on`));
  }
  found.replaceChildren(heading, ...why, ...contract(preview), ...cardParts(preview), ...paid(preview), ...last);
  found.hidden = false;
  heading.focus();
};

const ended = ({ model, release, sealed }) => {
  const heading = el("h2", { tabindex: "-1" }, sealed ? `Published ${model} ${release}` : `${model} ${release} is this already`);
  const links = el("p", { class: "several" }, el("a", { href: `/${model}` }, `Open ${model}`), el("a", { href: `/${model}#playground` }, "Try it"), el("a", { href: "/account/earnings" }, "Earnings"));
  found.replaceChildren(heading, el("p", {}, "It can be called now."), links);
  heading.focus();
};

// ── The order of things ──────────────────────────────────────────────

const check = form.querySelector("button[type=submit]");
let busy = false;

/** What was found is of what was typed then. */
const stale = () => {
  if (busy || found.hidden) return;
  found.hidden = true;
  found.replaceChildren();
  verdicts.replaceChildren();
  say("Something was changed: check it again.");
};

const fail = (error) => {
  alertBox.textContent = error instanceof Wrong ? sentence(error.message) : `This page failed: ${sentence(error.message)} What was published is published once; nothing is half done.`;
  const at = error.at && input(error.at);
  if (at) at.focus();
  else alertBox.focus();
};

const working = async (work) => {
  if (busy) return;
  busy = true;
  alertBox.textContent = "";
  check.disabled = true;
  form.setAttribute("aria-busy", "true");
  try {
    await work();
  } catch (error) {
    fail(error);
  } finally {
    say("");
    busy = false;
    check.disabled = false;
    form.removeAttribute("aria-busy");
  }
};

const done = (named, go) =>
  working(async () => {
    go.disabled = true;
    verdicts.replaceChildren();
    try {
      ended(await judged(named, false));
    } finally {
      go.disabled = false;
    }
  });

form.addEventListener("submit", (event) => {
  event.preventDefault();
  working(async () => {
    checked();
    found.hidden = true;
    found.replaceChildren();
    verdicts.replaceChildren();
    const named = await sent(input("owner").value);
    shown(await judged(named, true), named);
  });
});
form.addEventListener("input", (event) => {
  if (event.target.name === "latest") return;
  draw();
  stale();
});
draw();
drawFiles();
check.disabled = false;
