// SPDX-License-Identifier: BSD-3-Clause
// Search as you type. The same rules as catalog/search.py; the state is in the address, to be shared.
"use strict";

const packages = window.pansoftPackages;
const form = document.querySelector("form.search");
const input = document.getElementById("words");
const selects = [...form.querySelectorAll("select")];
const list = document.querySelector("ul.packages");
const rows = new Map([...list.children].map((row) => [row.dataset.name, row]));
const count = document.querySelector(".count");
const nothing = document.querySelector(".nothing");

function fold(text) {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().trim();
}

function score(entry, words) {
  let total = 0;
  for (const word of words) {
    if (entry.names.includes(word)) total += 4;
    else if (entry.names.some((name) => name.startsWith(word))) total += 2;
    else if (entry.text.includes(word)) total += 1;
    else return null;
  }
  return total;
}

function show() {
  const words = fold(input.value).split(/\s+/).filter(Boolean);
  const wanted = selects.filter((select) => select.value);
  const found = [];
  for (const entry of packages) {
    const fits = wanted.every((select) => entry[select.dataset.facet].includes(select.value));
    const points = fits ? score(entry, words) : null;
    rows.get(entry.name).hidden = points === null;
    if (points !== null) found.push([points, entry.name]);
  }
  found.sort((a, b) => b[0] - a[0] || (a[1] < b[1] ? -1 : 1));
  list.append(...found.map(([, name]) => rows.get(name)));
  nothing.hidden = found.length > 0 || packages.length === 0;
  count.textContent = found.length === packages.length
    ? `${packages.length} in all` : `${found.length} of ${packages.length}`;
}

function remember() {
  const state = new URLSearchParams();
  if (input.value) state.set("q", input.value);
  for (const select of selects) if (select.value) state.set(select.dataset.facet, select.value);
  const text = state.toString();
  history.replaceState(null, "", text ? `#?${text}` : location.pathname);
}

function recall() {
  const state = new URLSearchParams(location.hash.startsWith("#?") ? location.hash.slice(2) : "");
  input.value = state.get("q") ?? "";
  for (const select of selects) {
    const value = state.get(select.dataset.facet) ?? "";
    select.value = [...select.options].some((option) => option.value === value) ? value : "";
  }
  show();
}

form.hidden = false;
form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("input", () => { show(); remember(); });
document.getElementById("clear").addEventListener("click", () => {
  form.reset();
  show();
  remember();
  input.focus();
});
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, select, textarea");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    input.focus();
    input.select();
  }
});
addEventListener("hashchange", recall);
recall();
