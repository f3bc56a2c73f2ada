// @ts-check
// Reads the form of limits and writes the answer, as `judge.js` finds and `answer.js` words it.
"use strict";

(() => {
  const source = document.getElementById("constraint-data");
  const form = document.getElementById("limits");
  if (!source || !(form instanceof HTMLFormElement)) return;
  /** @type {Data} */
  const data = JSON.parse(source.textContent ?? "");
  /** @param {string} name */
  const input = (name) => /** @type {HTMLInputElement} */ (form.elements.namedItem(name));
  const names = /** @type {const} */ (["rate", "p99", "memory", "cores"]);
  const presets = [...form.querySelectorAll("button[data-limits]")];

  /** Are these the preset's limits? @param {Element} preset @param {Limits} limits */
  function is(preset, limits) {
    const own = new URLSearchParams(preset.getAttribute("data-limits") ?? "");
    return names.every((name) => Number(own.get(name)) === limits[name]);
  }

  /** @returns {Limits | null} */
  function read() {
    /** @type {Limits} */
    const limits = { rate: 0, p99: 0, memory: 0, cores: 0 };
    for (const name of names) {
      const value = Number(input(name).value);
      if (!(value > 0)) return null;
      limits[name] = value;
    }
    return limits;
  }

  /** @param {URLSearchParams} from */
  function fill(from) {
    for (const name of names) {
      const value = Number(from.get(name));
      if (value > 0) input(name).value = String(value);
    }
  }

  function answer() {
    const limits = read();
    const place = document.getElementById("answer");
    const body = document.getElementById("judged");
    if (!place || !body) return;
    for (const preset of presets) preset.setAttribute("aria-pressed", String(limits !== null && is(preset, limits)));
    if (!limits) {
      place.textContent = "Give a figure above 0 for each limit.";
      body.replaceChildren();
      return;
    }
    const judged = judge(data, limits);
    place.textContent = sentence(judged, limits);
    body.replaceChildren(...judged.map((j) => line(j, limits)));
    body.closest("table")?.classList.toggle("bare", judged.every((j) => !noted(j)));
  }

  /** @param {Judged} j */
  function noted(j) {
    const estimate = `throughput and P99 are linear estimates from ${cores(data.measured_cores)}, not measured`;
    return [...j.notes, ...(j.estimated && j.target.valid ? [estimate] : [])].join("; ");
  }

  /** @param {Judged} j @param {Limits} limits */
  function line(j, limits) {
    const row = document.createElement("tr");
    if (!j.target.valid) row.className = "invalid";
    const head = document.createElement("th");
    head.scope = "row";
    const swatch = document.createElement("span");
    swatch.className = "swatch";
    swatch.style.setProperty("--swatch", `var(--target-${j.target.slot})`);
    head.append(swatch, j.target.id);
    const word = !j.target.valid ? "invalid" : j.meets ? "meets" : j.meets === null ? "cannot tell" : "fails";
    row.append(head, cell(word, j.meets ? "text meets" : j.meets === false ? "text fails" : "text"));
    row.append(cell(j.headroom ? `${signed(j.headroom)} ×` : "–"));
    const peak = j.target.peak_bytes.centre;
    row.append(share(j.p99_ms, limits.p99), share(peak === null ? null : peak / 2 ** 20, limits.memory));
    row.append(share(j.coresUsed, limits.cores));
    row.append(cell(j.cores100k ? signed(j.cores100k) : "–"));
    row.append(cell(j.gb100k ? signed(j.gb100k) : "–"));
    row.append(cell(noted(j), "text"));
    return row;
  }

  /** @param {Signed} figure */
  function signed(figure) {
    return `${figure.sign}${aligned(figure.value)}`;
  }

  /** A figure, and how much of its limit it takes. @param {number | null} value @param {number} limit */
  function share(value, limit) {
    if (value === null) return cell("–");
    const made = cell(aligned(value));
    const of = document.createElement("span");
    of.className = "interval";
    const percent = (100 * value) / limit;
    of.textContent = `${percent < 0.1 ? "< 0.1" : percent < 10 ? percent.toPrecision(2) : count(percent)} % of limit`;
    made.append(of);
    return made;
  }

  /** @param {string} text @param {string} [kind] */
  function cell(text, kind) {
    const made = document.createElement("td");
    made.textContent = text;
    if (kind) made.className = kind;
    return made;
  }

  function keep() {
    const limits = read();
    if (limits) history.replaceState(null, "", `#${names.map((n) => `${n}=${limits[n]}`).join("&")}`);
  }

  form.addEventListener("input", () => {
    answer();
    keep();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  for (const preset of presets) {
    preset.addEventListener("click", () => {
      fill(new URLSearchParams(preset.getAttribute("data-limits") ?? ""));
      answer();
      keep();
    });
  }
  addEventListener("hashchange", () => {
    if (location.hash.includes("=")) {
      fill(new URLSearchParams(location.hash.slice(1)));
      answer();
    }
  });
  if (location.hash.includes("=")) fill(new URLSearchParams(location.hash.slice(1)));
  answer();
})();
