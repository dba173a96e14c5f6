// The list of operations narrows while one types. Without this the form asks the hub for the same list.

const words = document.getElementById("words");
const found = document.getElementById("found");
const lines = [...document.querySelectorAll(".operations li")].map((line) => ({ line, text: line.textContent.toLowerCase() }));
const parts = [...document.querySelectorAll(".part")].filter((part) => part.querySelector(".operations"));

function narrow() {
  const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const { line, text } of lines) {
    const fits = wanted.every((word) => text.includes(word));
    line.hidden = !fits;
    count += fits ? 1 : 0;
  }
  for (const part of parts) part.hidden = !part.querySelector(".operations li:not([hidden])");
  found.textContent = wanted.length ? `${count} operations have “${words.value.trim()}” in them.` : `${count} operations.`;
}

// What the hub has left out is not there to be found again: such a page keeps to its form.
if (words.value === "") words.addEventListener("input", narrow);
