// The playground: a form, what it sends, what came back, and code that sends the same. The hub's page is whole without it.

import { drawn, el } from "./answer.js";
import {
  BODY_LIMIT, LINK_LIMIT, Unfit, code, fromLink, generated, historyNumbers, inferBody, isState, madeUpHistory, madeUpSound, npy, pretty, shapeSaid,
  tensorOfArray, tensorOfJson, toLink,
} from "./values.js";

const ROWS_LIMIT = 20;
const SHOWN_CHARACTERS = 200000;

const root = document.querySelector("[data-playground]");
const form = root.querySelector("form.ask");
const kind = root.dataset.playground;
const status = form.querySelector(".status");
const targets = [...root.querySelectorAll("[data-model]")];
const codes = root.querySelector(".codes .box");
const one = (selector) => form.querySelector(selector);
const say = (text) => {
  status.textContent = text;
};

// ── Tabs: one is open; arrows, Home and End go between them ──────────

const tabs = (box, id, names) => {
  const list = el("div", { role: "tablist", "aria-label": box.dataset.tabs });
  const panels = names.map((name, at) => el("div", { role: "tabpanel", id: `${id}-${at}`, "aria-labelledby": `${id}-tab-${at}`, tabindex: "0" }));
  const buttons = names.map((name, at) => el("button", { type: "button", role: "tab", id: `${id}-tab-${at}`, "aria-controls": `${id}-${at}` }, name));
  const open = (at) => {
    buttons.forEach((button, place) => {
      button.setAttribute("aria-selected", String(place === at));
      button.tabIndex = place === at ? 0 : -1;
      panels[place].hidden = place !== at;
    });
  };
  buttons.forEach((button, at) => button.addEventListener("click", () => open(at)));
  list.addEventListener("keydown", (event) => {
    const at = buttons.indexOf(document.activeElement);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1 + buttons.length, Home: 0, End: buttons.length - 1 }[event.key];
    if (to === undefined || at < 0) return;
    event.preventDefault();
    open(to % buttons.length);
    buttons[to % buttons.length].focus();
  });
  list.append(...buttons);
  box.replaceChildren(list, ...panels);
  open(0);
  return panels;
};

const copy = async (text, button) => {
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Not copied: select it";
  }
  setTimeout(() => {
    button.textContent = button.dataset.said;
  }, 2000);
};

// ── What each kind of form holds ─────────────────────────────────────
// `state` is what a link can carry, `request` what is sent: one of json, file, table, bytes with head.

let chosen = null;
let chosenBefore = 0;

const tooLarge = (size) => {
  if (size > BODY_LIMIT) throw new Unfit(`the input has ${size} bytes; a call takes ${BODY_LIMIT}`);
};

const single = {
  state: () => ({ kind: "text", text: one("textarea").value }),
  restore: ({ text }) => {
    one("textarea").value = text;
  },
  request: () => ({ json: `{"input": ${JSON.stringify(one("textarea").value)}}` }),
  context: () => ({ text: one("textarea").value }),
};

const choose = (file) => {
  chosenBefore += 1;
  const url = URL.createObjectURL(file);
  if (chosen) URL.revokeObjectURL(chosen.url);
  chosen = { file, url, number: chosenBefore };
  const preview = one("[data-preview]");
  const shown = { picture: () => el("img", { src: url, alt: `The chosen picture, ${file.name}` }), sound: () => el("audio", { src: url, controls: true }) }[kind];
  preview.replaceChildren(...(shown ? [shown()] : []), el("p", { class: "note" }, `${file.name}, ${file.size} bytes`));
  changed();
};

const samples = {
  picture: () =>
    new Promise((done) => {
      const canvas = el("canvas", { width: 320, height: 240 });
      const pen = canvas.getContext("2d");
      const sky = pen.createLinearGradient(0, 0, 0, 240);
      sky.addColorStop(0, "#8fb7d9");
      sky.addColorStop(1, "#e9dfc8");
      pen.fillStyle = sky;
      pen.fillRect(0, 0, 320, 240);
      pen.fillStyle = "#c2472f";
      pen.fillRect(60, 110, 110, 90);
      pen.fillStyle = "#f2c14e";
      pen.beginPath();
      pen.arc(240, 70, 34, 0, 7);
      pen.fill();
      pen.fillStyle = "#14603c";
      pen.fillRect(0, 200, 320, 40);
      canvas.toBlob((blob) => done(new File([blob], "sample.png", { type: "image/png" })), "image/png");
    }),
  sound: async () => new File([madeUpSound()], "sample.wav", { type: "audio/wav" }),
  file: async () => new File(["# A file to try the model with.\nprint('hello, world')\n"], "sample.py", { type: "text/plain" }),
};

const files = {
  why: "files are not put into links",
  state: () => null,
  restore: () => {},
  request: () => {
    if (!chosen) throw new Unfit({ picture: "choose a picture, or use the sample", sound: "choose a sound, or use the sample" }[kind] ?? "choose a file, or use the sample", "file");
    tooLarge(chosen.file.size);
    return { file: chosen.file.name, blob: chosen.file, stands: `file ${chosen.number}` };
  },
  context: () => ({ picture: kind === "picture" ? chosen?.url : undefined }),
};

const rowsOf = () => [...form.querySelectorAll("[data-row]")];
const cellsOf = (row) => [...row.querySelectorAll("[data-column]")];

const addRow = () => {
  const rows = rowsOf();
  if (rows.length >= ROWS_LIMIT) return say(`The form takes ${ROWS_LIMIT} rows; more go through code.`);
  const row = rows[rows.length - 1].cloneNode(true);
  row.querySelector("legend").textContent = `Row ${rows.length + 1}`;
  cellsOf(row).forEach((cell, at) => {
    cell.value = cellsOf(rows[rows.length - 1])[at].value;
  });
  rows[rows.length - 1].after(row);
  return row;
};

const row = {
  state: () => ({ kind: "row", rows: rowsOf().map((part) => Object.fromEntries(cellsOf(part).map((cell) => [cell.name, cell.value]))) }),
  restore: ({ rows }) => {
    while (one("[data-do=add-row]") && rowsOf().length < Math.min(rows.length, ROWS_LIMIT)) addRow();
    rowsOf().forEach((part, at) => {
      for (const cell of cellsOf(part)) if (Object.hasOwn(rows[at] ?? {}, cell.name)) cell.value = rows[at][cell.name];
    });
  },
  request: () => {
    const rows = rowsOf().map((part) => {
      const cells = cellsOf(part).map((cell) => {
        const text = cell.value.trim();
        if (cell.dataset.column === "number" && !/^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(text)) {
          throw new Unfit(`${cell.name} takes a number like 3.5; ${text === "" ? "nothing is" : `"${text.slice(0, 40)}" is not one`} there`, cell);
        }
        return `${JSON.stringify(cell.name)}: ${cell.dataset.column === "number" ? text : JSON.stringify(cell.value)}`;
      });
      return `{${cells.join(", ")}}`;
    });
    return { json: rows.length === 1 ? `{"input": ${rows[0]}}` : `{"inputs": [${rows.join(", ")}]}` };
  },
  context: () => ({}),
};

const columns = () => JSON.parse(root.dataset.columns || "[]");
const history = {
  state: () => ({ kind: "history", text: one("textarea").value }),
  restore: single.restore,
  request: () => {
    const text = one("textarea").value.trim();
    if (!text) throw new Unfit("the history is empty: a list of numbers, the newest last, or a table with commas", "value");
    tooLarge(text.length);
    if (!/^[[{]/.test(text)) return { table: text, blob: new Blob([text], { type: "text/csv" }), stands: `table ${text}` };
    try {
      JSON.parse(text);
    } catch (error) {
      throw new Unfit(`the history is not JSON: ${error.message}`, "value");
    }
    return { json: `{"input": ${text}}` };
  },
  context: () => ({ history: historyNumbers(one("textarea").value, columns()) }),
};

/** Arrays that stand in for what is typed, by the input's name. */
const held = new Map();
const parts = () =>
  [...form.querySelectorAll("[data-tensor]")].map((part) => ({
    part,
    area: part.querySelector("textarea"),
    port: { name: part.dataset.tensor, datatype: part.dataset.datatype, shape: JSON.parse(part.dataset.shape) },
  }));

const hold = (name, tensor, area, from) => {
  held.set(name, tensor);
  area.value = "";
  area.placeholder = `${from}: ${shapeSaid(tensor.shape)}. Type JSON to use other values.`;
};

const tensors = {
  why: "an array from a file or a generated one is not put into links",
  state: () => (held.size ? null : { kind: "tensors", tensors: Object.fromEntries(parts().map(({ port, area }) => [port.name, area.value])) }),
  restore: (state) => {
    for (const { port, area } of parts()) {
      const text = Object.hasOwn(state.tensors, port.name) ? state.tensors[port.name] : "";
      if (text) {
        held.delete(port.name);
        area.value = text;
      }
    }
  },
  request: () => {
    const body = inferBody(parts().map(({ port, area }) => {
      if (held.has(port.name)) return held.get(port.name);
      if (!area.value.trim()) throw new Unfit(`${port.name} is empty: type its values as JSON, or choose a .npy file`, port.name);
      return tensorOfJson(port, area.value);
    }));
    tooLarge(body.bytes?.length ?? body.json.length);
    return body;
  },
  context: () => ({}),
};

const values = { text: single, file: files, picture: files, sound: files, row, history, tensors }[kind];

// ── Code that follows the form ───────────────────────────────────────

const LANGUAGES = ["curl", "Python", "JavaScript", "Rust"];
let shown = null;
let written = null;

const pathOf = (target) => (kind === "tensors" ? `/v2/models/${target.dataset.model}/infer` : `/api/v1/run/${target.dataset.model}`);

const showCode = () => {
  if (!codes) return;
  const note = codes.parentElement.querySelector(".says");
  let request;
  try {
    request = values.request();
  } catch (error) {
    if (!(error instanceof Unfit)) throw error;
    // With a file that is yet to be chosen the code is good all the same.
    if (values !== files) {
      note.textContent = `Not as the form stands: ${error.message}.`;
      return;
    }
    request = { file: { picture: "picture.png", sound: "sound.wav" }[kind] ?? "input.bin" };
  }
  if (!shown) {
    shown = tabs(codes, "code", LANGUAGES).map((panel) => {
      const text = el("code", {});
      panel.append(el("pre", {}, text));
      return text;
    });
  }
  const made = code({ ...request, url: `${root.dataset.hub}${pathOf(targets[0])}` });
  LANGUAGES.forEach((language, at) => {
    shown[at].textContent = made[language];
  });
  const save = codes.parentElement.querySelector("[data-do=save]");
  const content = request.bytes ?? request.json ?? request.table;
  written = made.saved ? { name: made.saved, content } : null;
  save.hidden = !written;
  save.textContent = written ? `Save ${written.name}` : "";
  note.textContent = written ? `The input is too long to be shown: the code reads ${written.name}.` : "Set MODELHUB_KEY to a key of yours.";
};

const save = () => {
  const url = URL.createObjectURL(new Blob([written.content]));
  el("a", { href: url, download: written.name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
};

let waiting = 0;
const changed = () => {
  clearTimeout(waiting);
  waiting = setTimeout(showCode, 120);
};

// ── Running ──────────────────────────────────────────────────────────

const randomKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

/** By target: the last press that was not answered for good. The same input again is the same call, and charged once. */
const open = new Map();

const keyFor = (target, stands) => {
  const before = open.get(target);
  if (before?.stands === stands) return before.key;
  const key = randomKey();
  open.set(target, { stands, key });
  return key;
};

const send = async (target, request) => {
  const bytes = request.bytes && Array.from(new Uint8Array(await crypto.subtle?.digest("SHA-256", request.bytes) ?? request.bytes)).join();
  const headers = { "x-modelhub-surface": "web", "idempotency-key": keyFor(target, request.stands ?? request.json ?? bytes) };
  if (target.dataset.maxCost) headers["x-max-cost"] = target.dataset.maxCost;
  let body = request.json ?? request.bytes;
  if (request.blob) {
    body = new FormData();
    body.append("file", request.blob, request.file ?? "input.csv");
  } else {
    headers["content-type"] = request.bytes ? "application/octet-stream" : "application/json";
    if (request.bytes) headers["inference-header-content-length"] = String(request.head);
  }
  return fetch(pathOf(target), { method: "POST", headers, body });
};

const problem = (target, message, hint, login) => {
  const box = target.querySelector(".box");
  const parts = [el("p", { class: "wrong" }, `${message[0].toUpperCase()}${message.slice(1)}.`), hint ? el("p", {}, `${hint[0].toUpperCase()}${hint.slice(1)}.`) : null];
  if (login) parts.push(el("p", {}, el("a", { href: root.dataset.login, "data-login": true }, "Sign in")));
  box.replaceChildren(el("div", { role: "alert" }, ...parts.filter(Boolean)));
  target.querySelector(".told").replaceChildren();
};

const told = (headers, took) => {
  const has = (name) => headers.get(name);
  const from = { promo: "from promo", cash: "from cash", trial: "as a free trial" }[has("x-paid-from")] ?? "";
  const pieces = [
    el("strong", {}, `${has("x-cost")}\u202fOPG`, Number(has("x-cost")) && from ? ` ${from}` : ""),
    `${Math.round(took)}\u202fms${has("x-cold-start") === "true" ? ", cold start" : ", warm"}`,
    `release ${has("x-model-release")}`,
    el("a", { href: `/receipts/${has("x-receipt-id")}` }, "receipt"),
  ];
  if (has("idempotent-replayed") === "true") pieces.push("the kept answer of the same press, charged once");
  return pieces.flatMap((piece, at) => (at ? [" · ", piece] : [piece]));
};

const known = new Map();
/** What the classes of a model's outputs are called. */
const labelsOf = async (model) => {
  if (!known.has(model)) {
    const answer = await fetch(`/v2/models/${model}`);
    known.set(model, answer.ok ? ((await answer.json()).labels ?? {}) : {});
  }
  return known.get(model);
};

const runOne = async (target, request, context) => {
  const box = target.querySelector(".box");
  target.setAttribute("aria-busy", "true");
  const began = performance.now();
  try {
    const answer = await send(target, request);
    const text = await answer.text();
    const took = performance.now() - began;
    if (answer.ok) {
      open.delete(target);
      const labels = kind === "tensors" ? await labelsOf(target.dataset.model) : {};
      const [drawing, raw] = tabs(box, `answer-${targets.indexOf(target)}`, ["Answer", "JSON"]);
      drawing.append(...drawn(JSON.parse(text), { kind, labels, ...context }));
      const whole = pretty(text);
      raw.append(el("pre", {}, el("code", {}, whole.slice(0, SHOWN_CHARACTERS))), whole.length > SHOWN_CHARACTERS ? el("p", { class: "note" }, `Cut here: it has ${whole.length} characters.`) : "");
      target.querySelector(".told").replaceChildren(...told(answer.headers, took));
      const state = root.querySelector(`[data-state="${CSS.escape(target.dataset.model)}"]`);
      if (state) state.textContent = "Warm: it is loaded.";
      return true;
    }
    let error = { code: "unknown", message: `the hub answered ${answer.status}`, hint: "try again" };
    try {
      ({ error } = JSON.parse(text));
    } catch {
      // Something between us and the hub answered.
    }
    // Whether it was charged is open: the next press of the same input finds out.
    if (answer.status < 500 && answer.status !== 429) open.delete(target);
    problem(target, error.message, error.hint, answer.status === 401);
  } catch (error) {
    problem(target, `no answer came: ${error.message}`, "press again: it is the same call, and charged once");
  } finally {
    target.removeAttribute("aria-busy");
  }
  return false;
};

const fieldOf = (field) => {
  if (field instanceof Element) return field;
  return parts().find(({ port }) => port.name === field)?.area ?? one("textarea, input");
};

let running = false;
const run = async () => {
  if (running) return;
  let request;
  for (const field of form.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
  try {
    request = values.request();
  } catch (error) {
    if (!(error instanceof Unfit)) throw error;
    const field = fieldOf(error.field);
    field?.setAttribute("aria-invalid", "true");
    field?.focus();
    targets.forEach((target) => problem(target, error.message));
    return say("Not sent.");
  }
  running = true;
  const button = one("button[type=submit]");
  button.setAttribute("aria-disabled", "true");
  say("Running…");
  const context = values.context();
  const answered = await Promise.all(targets.map((target) => runOne(target, request, context)));
  running = false;
  button.removeAttribute("aria-disabled");
  const count = answered.filter(Boolean).length;
  say(count === targets.length ? "Answered." : count ? "One of them answered." : "Not answered; nothing you typed is lost.");
};

// ── Links, and what was typed before signing in ──────────────────────

// By where signing in leads back to, which may write this page's address in another way.
const place = `playground ${root.dataset.login}`;

const link = () => {
  const state = values.state();
  return { text: state && toLink(state), why: state ? `the input is too long: a link carries ${LINK_LIMIT} characters` : values.why };
};

const share = async (button) => {
  const { text, why } = link();
  if (!text) return say(`No link: ${why}.`);
  window.history.replaceState(null, "", `#input=${text}`);
  try {
    await navigator.clipboard.writeText(location.href);
    say("The link is copied. It holds the input; whoever opens it presses Run for themselves.");
  } catch {
    say("The link stands in the address bar.");
  }
  return button.focus();
};

const keep = () => {
  try {
    const state = values.state();
    if (state) sessionStorage.setItem(place, JSON.stringify(state));
  } catch {
    // A browser that keeps nothing.
  }
};

const restore = () => {
  const hash = /^#input=(.*)$/.exec(location.hash);
  let state = hash && fromLink(hash[1]);
  if (!hash) {
    try {
      state = JSON.parse(sessionStorage.getItem(place));
      sessionStorage.removeItem(place);
    } catch {
      state = null;
    }
  }
  if (isState(state) && state.kind === kind) values.restore(state);
  else if (hash) say("The link’s input does not fit this form; it is left as it was.");
};

// ── Wiring ───────────────────────────────────────────────────────────

form.addEventListener("submit", (event) => {
  event.preventDefault();
  run();
});
form.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && one("button[type=submit]")) run();
});
form.addEventListener("input", (event) => {
  const name = event.target.closest("[data-tensor]")?.dataset.tensor;
  if (name && event.target.matches("textarea") && event.target.value) held.delete(name);
  event.target.removeAttribute("aria-invalid");
  changed();
});
form.addEventListener("change", async (event) => {
  const file = event.target.type === "file" ? event.target.files[0] : null;
  if (!file) return;
  try {
    if (values === files) return choose(file);
    tooLarge(file.size);
    if (values === history) {
      one("textarea").value = (await file.text()).replaceAll("\r\n", "\n");
    } else {
      const { port, area } = parts().find(({ part }) => part.contains(event.target));
      hold(port.name, tensorOfArray(port, npy(await file.arrayBuffer())), area, file.name);
    }
    say(`${file.name} is read.`);
  } catch (error) {
    event.target.value = "";
    say(`${error.message[0].toUpperCase()}${error.message.slice(1)}.`);
  }
  changed();
});
root.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-do], [data-login]");
  if (!button) return;
  if (button.matches("[data-login]")) keep();
  else if (button.dataset.do === "share") share(button);
  else if (button.dataset.do === "save") save();
  else if (button.dataset.do === "copy" && shown) copy(shown.find((text) => !text.closest("[hidden]")).textContent, button);
  else if (button.dataset.do === "sample") choose(await samples[kind]());
  else if (button.dataset.do === "add-row") {
    const row = addRow();
    if (row) cellsOf(row)[0].focus();
    changed();
  }
});
for (const compare of document.querySelectorAll("form[data-compare]")) {
  compare.addEventListener("submit", (event) => {
    const { text } = link();
    if (!text) return;
    event.preventDefault();
    location.assign(`${compare.action}?${new URLSearchParams(new FormData(compare))}#input=${text}`);
  });
}

if (kind === "history" && !one("textarea").value) one("textarea").value = madeUpHistory(columns(), Number(root.dataset.window));
for (const { part, port, area } of parts()) {
  if (!Object.hasOwn(part.dataset, "generate")) continue;
  try {
    hold(port.name, generated(port), area, "Generated values");
  } catch (error) {
    area.placeholder = `${error.message}.`;
  }
}
restore();
for (const control of root.querySelectorAll("[data-wakes]")) control.disabled = false;
showCode();
