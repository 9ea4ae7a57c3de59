// SPDX-License-Identifier: Apache-2.0
"use strict";

const root = document.documentElement;
const prefersDark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => { root.dataset.theme = prefersDark.matches ? "dark" : "light"; };
follow();
prefersDark.addEventListener("change", follow);
document.getElementById("theme").addEventListener("click", () => {
  root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
});

// Figures sort by their exact value; a model without the figure stays at the end.
function compare(first, second, direction) {
  const [a, b] = [first.dataset.sort, second.dataset.sort];
  if (a === "" || b === "") return (a === "") - (b === "");
  const [x, y] = [Number(a), Number(b)];
  if (Number.isNaN(x) || Number.isNaN(y)) return direction * a.localeCompare(b, undefined, { numeric: true });
  return direction * (x - y);
}

for (const table of document.querySelectorAll("table.sortable")) {
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    heading.querySelector("button").addEventListener("click", () => {
      const direction = heading.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      for (const other of headings) other.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", direction === 1 ? "ascending" : "descending");
      const body = table.tBodies[0];
      const rows = [...body.rows].sort((a, b) => compare(a.cells[column], b.cells[column], direction));
      body.append(...rows);
    });
  });
}
