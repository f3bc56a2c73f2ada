// @ts-check
// Theme, sorting and hover texts. Without it the page says the same, only less comfortably.
"use strict";

(() => {
  // --- light or dark: the system's choice until the reader makes one ---------------------------------------
  const root = document.documentElement;
  const button = document.getElementById("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");

  /** @returns {boolean} */
  function isDark() {
    const chosen = root.dataset.theme;
    return chosen ? chosen === "dark" : system.matches;
  }

  function tell() {
    button?.setAttribute("aria-pressed", String(isDark()));
  }

  tell();
  system.addEventListener("change", tell);
  button?.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    tell();
  });

  // --- tables sort by a click on a head ---------------------------------------------------------------------

  /**
   * Missing figures go last, whichever way. Rows marked `data-last` (twins, rulers) keep their place below.
   * @param {HTMLTableElement} table
   * @param {HTMLTableCellElement} head
   */
  function sort(table, head) {
    const descending = head.getAttribute("aria-sort") === "ascending";
    for (const other of table.querySelectorAll("th[aria-sort]")) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", descending ? "descending" : "ascending");
    const column = head.cellIndex;
    const body = table.tBodies[0];
    if (!body) return;
    const rows = [...body.rows];
    const movable = rows.filter((row) => row.dataset.last === undefined);
    movable.sort((a, b) => compare(key(a, column), key(b, column), descending));
    body.append(...movable, ...rows.filter((row) => row.dataset.last !== undefined));
  }

  /**
   * @param {HTMLTableRowElement} row
   * @param {number} column
   * @returns {string | number | null}
   */
  function key(row, column) {
    const cell = row.cells[column];
    const raw = cell?.dataset.sort;
    if (raw === undefined) return (cell?.textContent ?? "").trim();
    return raw === "" ? null : Number(raw);
  }

  /**
   * @param {string | number | null} a
   * @param {string | number | null} b
   * @param {boolean} descending
   */
  function compare(a, b, descending) {
    if (a === null || b === null) return (a === null ? 1 : 0) - (b === null ? 1 : 0);
    const order = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
    return descending ? -order : order;
  }

  for (const sorter of document.querySelectorAll("button.sort")) {
    sorter.addEventListener("click", () => {
      const head = sorter.closest("th");
      const table = sorter.closest("table");
      if (head && table) sort(table, head);
    });
  }

  // --- the meaning of a term, or the reason of a gap, on hover and focus --------------------------------------
  const tip = document.getElementById("tip");

  /** @param {Element} about @returns {string} */
  function meaning(about) {
    if (about instanceof HTMLElement && about.dataset.why) return about.dataset.why;
    const term = about.getAttribute("data-term") ?? (about.getAttribute("href") ?? "").slice(1);
    return document.getElementById(`${term}-text`)?.textContent?.trim() ?? "";
  }

  /** @param {Element} about */
  function show(about) {
    const text = meaning(about);
    if (!tip || !text) return;
    tip.textContent = text;
    tip.hidden = false;
    const spot = about.getBoundingClientRect();
    const left = Math.min(Math.max(16, spot.left), innerWidth - tip.offsetWidth - 16);
    const above = spot.top - tip.offsetHeight - 8;
    tip.style.left = `${left}px`;
    tip.style.top = `${above > 8 ? above : spot.bottom + 8}px`;
  }

  function hide() {
    if (tip) tip.hidden = true;
  }

  for (const about of document.querySelectorAll("a.term, button.why, button[data-term]")) {
    about.addEventListener("mouseenter", () => show(about));
    about.addEventListener("focus", () => show(about));
    about.addEventListener("mouseleave", hide);
    about.addEventListener("blur", hide);
  }
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hide();
  });
})();
