// Answers, drawn: labels with bars, boxes on their picture, names in their text, forecasts as a line, numbers as a table.
// Every text goes in as text: answers are made by strangers' models.

const SVG = "http://www.w3.org/2000/svg";
/** So many values, rows or boxes are drawn; the JSON beside has all. */
const SHOWN = 200;
const TONES = 6;

/** An element with attributes and children; a text child is text. */
export const el = (name, attributes = {}, ...children) => {
  const made = attributes.svg ? document.createElementNS(SVG, name) : document.createElement(name);
  for (const [field, value] of Object.entries(attributes)) {
    if (field !== "svg" && value !== false && value !== undefined && value !== null) made.setAttribute(field, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
};

const svg = (name, attributes, ...children) => el(name, { svg: true, ...attributes }, ...children);

/** A number for eyes: four digits that count. */
const said = (number) => {
  if (typeof number !== "number") return String(number ?? "none");
  if (Number.isInteger(number)) return String(number);
  return Math.abs(number) >= 1e-4 && Math.abs(number) < 1e6 ? String(Number(number.toPrecision(4))) : number.toExponential(3);
};

const bar = (share) =>
  svg("svg", { class: "score", viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("rect", { class: "track", width: 100, height: 8 }), svg("rect", { class: "fill", width: Math.max(0, Math.min(1, share)) * 100, height: 8 }));

/** Rows under a head; the last columns are numbers. */
const table = (caption, head, rows, numbers = 1) => {
  const kind = (at, of) => (at >= of - numbers ? { class: "number" } : {});
  return el("table", {}, el("caption", { class: "hidden" }, caption),
    el("thead", {}, el("tr", {}, ...head.map((title, at) => el("th", { scope: "col", ...kind(at, head.length) }, title)))),
    el("tbody", {}, ...rows.slice(0, SHOWN).map((row) => el("tr", {}, ...row.map((cell, at) => el("td", kind(at, row.length), cell))))));
};

const more = (count, what) => (count > SHOWN ? el("p", { class: "note" }, `and ${count - SHOWN} more ${what}: see the JSON`) : null);

const labels = ({ label, score, top = [] }) => {
  const rows = top.length ? top : score === undefined ? [] : [{ label, score }];
  const most = Math.max(1, ...rows.map((row) => Math.abs(row.score)));
  return [el("p", { class: "best" }, label),
    rows.length ? table("Labels with their scores", ["Label", "", "Score"], rows.map((row) => [row.label, bar(row.score / most), said(row.score)])) : null];
};

const entities = ({ entities: found, read }, { text = "" }) => {
  const letters = Array.from(text);
  const tones = [...new Set(found.map((one) => one.label))];
  const tone = (label) => `tone-${tones.indexOf(label) % TONES}`;
  const marked = el("p", { class: "marked" });
  let at = 0;
  for (const one of found) {
    if (one.start < at) continue;
    marked.append(letters.slice(at, one.start).join(""), el("mark", { class: tone(one.label) }, letters.slice(one.start, one.end).join(""), el("small", {}, one.label)));
    at = one.end;
  }
  marked.append(letters.slice(at).join(""));
  return [marked, read === undefined ? null : el("p", { class: "note" }, `Read up to character ${read}: the model takes no more.`),
    found.length ? table("What the text speaks of", ["Text", "Label", "Score"], found.map((one) => [one.text, one.label, said(one.score)])) : el("p", { class: "note" }, "Nothing was found."),
    more(found.length, "of them")];
};

const objects = ({ objects: found }, { picture }) => {
  const rows = found.map((one) => [one.label, said(one.score)]);
  const parts = [found.length ? table("What is on the picture", ["Label", "Score"], rows) : el("p", { class: "note" }, "Nothing was found."), more(found.length, "boxes")];
  if (!picture) return parts;
  const canvas = el("canvas", { class: "picture", role: "img", "aria-label": `The picture with ${found.length} boxes; the table below names them` });
  const image = new Image();
  image.addEventListener("load", () => {
    canvas.width = image.naturalWidth;
    canvas.height = image.naturalHeight;
    const pen = canvas.getContext("2d");
    const colour = getComputedStyle(canvas);
    const line = Math.max(2, Math.round(Math.max(canvas.width, canvas.height) / 250));
    pen.drawImage(image, 0, 0);
    pen.lineWidth = line;
    pen.font = `${line * 7}px ${colour.fontFamily}`;
    pen.textBaseline = "bottom";
    for (const { label, box } of found.slice(0, SHOWN)) {
      pen.strokeStyle = colour.color;
      pen.strokeRect(box.xmin, box.ymin, box.xmax - box.xmin, box.ymax - box.ymin);
      const top = Math.max(box.ymin, line * 9);
      pen.fillStyle = colour.color;
      pen.fillRect(box.xmin - line / 2, top - line * 9, pen.measureText(label).width + line * 4, line * 9);
      pen.fillStyle = colour.backgroundColor;
      pen.fillText(label, box.xmin + line, top - line);
    }
  });
  image.src = picture;
  return [canvas, ...parts];
};

const events = ({ events: found }) => {
  const end = Math.max(...found.map((one) => one.end), 1e-9);
  const span = (one) =>
    svg("svg", { class: "score", viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" },
      svg("rect", { class: "track", width: 100, height: 8 }), svg("rect", { class: "fill", x: (one.start / end) * 100, width: Math.max(1, ((one.end - one.start) / end) * 100), height: 8 }));
  if (!found.length) return [el("p", { class: "note" }, "Nothing was heard.")];
  return [table("What was heard when", ["Label", "", "From", "To", "Score"], found.map((one) => [one.label, span(one), `${said(one.start)} s`, `${said(one.end)} s`, said(one.score)]), 3), more(found.length, "of them")];
};

const line = (past, ahead, low, high, name) => {
  const all = [...past, ...ahead, ...low, ...high].filter(Number.isFinite);
  const [least, most] = [Math.min(...all), Math.max(...all)];
  const count = Math.max(2, past.length + ahead.length);
  const x = (at) => Math.round((at / (count - 1)) * 10000) / 100 + 0;
  const y = (value) => Math.round((1 - (value - least) / (most - least || 1)) * 3600) / 100 + 2;
  const points = (numbers, from) => numbers.map((value, at) => `${x(from + at) * 4},${y(value) * 3}`).join(" ");
  const start = past.length ? past.length - 1 : 0;
  const joined = past.length ? [past[past.length - 1], ...ahead] : ahead;
  const band = low.length && high.length ? [points(low, past.length), high.map((value, at) => [value, at]).reverse().map(([value, at]) => `${x(past.length + at) * 4},${y(value) * 3}`).join(" ")].join(" ") : null;
  return el("figure", { class: "forecast" },
    svg("svg", { viewBox: "0 0 400 120", role: "img", "aria-label": `${name}: ${past.length} steps of history, then ${ahead.length} that the model expects; the table below has them` },
      band ? svg("polygon", { class: "band", points: band }) : null, svg("polyline", { class: "past", points: points(past, 0) }), svg("polyline", { class: "ahead", points: points(joined, start) })),
    el("figcaption", { class: "note" }, `${name}, from ${said(least)} to ${said(most)}. Thin: the end of your history; bold: what is expected.`));
};

const forecast = ({ forecast: steps }, { history = [] }) => {
  const columns = [...new Set(steps.map((step) => step.column ?? ""))];
  const ends = Object.keys(steps[0]?.quantiles ?? {});
  const value = (step) => step.value ?? step.quantiles?.[ends[Math.floor(ends.length / 2)]];
  const lines = columns.slice(0, 4).map((column, place) => {
    const own = steps.filter((step) => (step.column ?? "") === column);
    const of = (end) => (end === undefined || ends.length < 2 ? [] : own.map((step) => step.quantiles[end]));
    return line(place === 0 ? history.slice(-60) : [], own.map(value), of(ends[0]), of(ends[ends.length - 1]), column || "Value");
  });
  const head = ["Step", ...(steps[0]?.time ? ["Time"] : []), ...(columns[0] ? ["Column"] : []), "Value", ...ends];
  const rows = steps.map((step) => [String(step.step), ...(step.time ? [step.time.replace("T00:00:00Z", "").replace("T", " ")] : []), ...(step.column ? [step.column] : []), said(value(step)), ...ends.map((end) => said(step.quantiles[end]))]);
  return [...lines, table("What is expected", head, rows, 1 + ends.length), more(rows.length, "steps")];
};

const vector = (numbers) => {
  const length = Math.sqrt(numbers.reduce((sum, value) => sum + value * value, 0));
  const most = Math.max(1e-9, ...numbers.slice(0, 96).map(Math.abs));
  const bars = numbers.slice(0, 96).map((value, at) => svg("rect", { class: "fill", x: at * 4, width: 3, y: value > 0 ? 40 - (value / most) * 38 : 40, height: (Math.abs(value) / most) * 38 }));
  return [el("p", { class: "best" }, `${numbers.length} numbers, length ${said(length)}`),
    svg("svg", { class: "vector", viewBox: "0 0 384 80", role: "img", "aria-label": `The first ${bars.length} numbers as bars` }, ...bars),
    el("p", { class: "note" }, numbers.slice(0, 8).map(said).join(", "), numbers.length > 8 ? ", …" : "")];
};

/** The answer to one value of a task. */
const outcome = (answer, context) => {
  if (Array.isArray(answer)) return vector(answer);
  if (answer.entities) return entities(answer, context);
  if (answer.objects) return objects(answer, context);
  if (answer.events) return events(answer);
  if (answer.forecast) return forecast(answer, context);
  if (answer.label !== undefined) return labels(answer);
  if (answer.text !== undefined) return [el("p", { class: "best" }, answer.text), answer.score === undefined ? null : el("p", { class: "note" }, `Score ${said(answer.score)}`)];
  if (answer.value !== undefined) return [el("p", { class: "best" }, said(answer.value))];
  return [el("p", { class: "note" }, "This answer has no picture: see the JSON.")];
};

/** An output as it came: named scores where the model names its classes, else the values. */
const tensor = ({ name, datatype, shape, data = [] }, known) => {
  const flat = data.flat(Infinity);
  const head = el("h4", {}, el("code", {}, name), ` ${datatype} ${shape.length ? shape.join(" × ") : "a single value"}`);
  const classes = known?.[name];
  if (classes && flat.length === classes.length && flat.every((value) => typeof value === "number")) {
    const best = flat.map((score, at) => ({ label: classes[at], score })).sort((one, other) => other.score - one.score);
    const most = Math.max(1e-9, ...flat.map(Math.abs));
    return [head, table(`Scores of ${name}`, ["Label", "", "Score"], best.map((row) => [row.label, bar(row.score / most), said(row.score)])), more(best.length, "labels")];
  }
  const width = shape.length > 1 ? shape[shape.length - 1] : 0;
  if (width > 1 && width <= 12) {
    const rows = [];
    for (let at = 0; at < flat.length && rows.length < SHOWN; at += width) rows.push(flat.slice(at, at + width).map(said));
    return [head, table(`Values of ${name}`, Array.from({ length: width }, (_, at) => String(classes?.[at] ?? at)), rows, width), more(flat.length / width, "rows")];
  }
  return [head, el("p", { class: "values" }, flat.slice(0, SHOWN).map(said).join(", ")), more(flat.length, "values")];
};

/** An answer's outputs as elements. `context` has what was asked: its text, its picture, its history, its rows. */
export const drawn = (answer, { kind, labels: known, ...context }) => {
  if (kind === "tensors") return answer.outputs.flatMap((output) => tensor(output, known)).filter(Boolean);
  const one = answer.outputs.length === 1;
  return answer.outputs.slice(0, SHOWN)
    .flatMap((output, at) => [one ? null : el("h4", {}, `Row ${at + 1}`), ...outcome(output, context)])
    .filter(Boolean);
};
