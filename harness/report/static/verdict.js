// @ts-check
// Which targets meet the reader's limits. `judge` is pure; the rest reads the form and writes the answer.
"use strict";

/**
 * @typedef {{centre: number, low: number | null, high: number | null}} Figure
 * @typedef {Figure & {rps: number, window: string, scenario: string}} Latency
 * @typedef {Figure & {kind: "capacity" | "closed", at_least: boolean, window: string}} Capacity
 * @typedef {{
 *   id: string, label: string, slot: number, valid: boolean, reason: string | null,
 *   cpu_ns: Figure & {window: string} | null, capacity: Capacity | null,
 *   loaded_bytes: Figure, peak_bytes: Figure, latencies: Latency[],
 * }} Target
 * @typedef {{scenario: string, measured_cores: number, caution: string | null, targets: Target[]}} Data
 * @typedef {{rate: number, p99: number, memory: number, cores: number}} Limits  requests/s, ms, MiB, cores
 * @typedef {{
 *   target: Target, meets: boolean | null, notes: string[], estimated: boolean, coresUsed: number | null,
 *   headroom: number | null, p99_ms: number | null, cores100k: number | null, gb100k: number | null,
 * }} Judged  meets null: the run cannot tell
 */

/**
 * Every valid target against the limits: those that meet them first, the cheapest of them first.
 * @param {Data} data
 * @param {Limits} limits
 * @returns {Judged[]}
 */
function judge(data, limits) {
  const judged = data.targets.map((target) => judgeOne(data, target, limits));
  const rank = (/** @type {Judged} */ j) => (j.target.valid ? (j.meets ? 0 : j.meets === null ? 1 : 2) : 3);
  const cost = (/** @type {Judged} */ j) => j.target.cpu_ns?.centre ?? Infinity;
  return judged.sort((a, b) => rank(a) - rank(b) || cost(a) - cost(b));
}

/**
 * @param {Data} data
 * @param {Target} target
 * @param {Limits} limits
 * @returns {Judged}
 */
function judgeOne(data, target, limits) {
  const scale = limits.cores / data.measured_cores;
  const cpu = target.cpu_ns?.centre ?? null;
  const cores100k = cpu === null ? null : (cpu * 1e5) / 1e9;
  const instances = cores100k === null ? null : Math.ceil(cores100k / data.measured_cores);
  const memory = target.loaded_bytes.centre;
  /** @type {Judged} */
  const found = {
    target,
    meets: true,
    notes: [],
    estimated: scale !== 1,
    coresUsed: cpu === null ? null : (cpu * limits.rate) / 1e9,
    headroom: target.capacity ? (target.capacity.centre * scale) / limits.rate : null,
    p99_ms: null,
    cores100k,
    gb100k: instances === null || memory === null ? null : (instances * memory) / 1e9,
  };
  if (!target.valid) {
    found.meets = null;
    found.notes.push(`invalid: ${target.reason ?? "too few valid trials"}`);
    return found;
  }
  judgeRate(found, target, limits);
  judgeLatency(found, target, limits, scale);
  judgeMemory(found, target, limits);
  return found;
}

/** @param {Judged} found @param {boolean} failed @param {string} note */
function note(found, failed, note) {
  found.notes.push(note);
  if (failed) found.meets = false;
  else if (found.meets) found.meets = null;
}

/** @param {Judged} found @param {Target} target @param {Limits} limits */
function judgeRate(found, target, limits) {
  if (found.headroom === null || !target.capacity) {
    note(found, false, "throughput was not measured");
  } else if (found.headroom < 1) {
    const most = `carries ${count(found.headroom * limits.rate)}/s`;
    note(found, !target.capacity.at_least, target.capacity.at_least ? `at least ${most}, more was not tried` : most);
  }
}

/** @param {Judged} found @param {Target} target @param {Limits} limits @param {number} scale */
function judgeLatency(found, target, limits, scale) {
  const asked = limits.rate / scale;
  const measured = target.latencies.find((l) => l.rps >= asked * 0.999);
  if (!measured) {
    const most = target.latencies.at(-1);
    const known = most ? `; at ${count(most.rps)}/s it is ${short(most.centre / 1e6)} ms` : "";
    note(found, false, `P99 was not measured at that rate${known}`);
    return;
  }
  found.p99_ms = measured.centre / 1e6;
  const upper = (measured.high ?? measured.centre) / 1e6;
  if (found.p99_ms > limits.p99) note(found, true, `P99 ${short(found.p99_ms)} ms`);
  else if (upper > limits.p99) note(found, false, unsure(found.p99_ms, upper));
}

/** Why an interval does not fit the limit. @param {number} centre @param {number} upper @returns {string} */
function unsure(centre, upper) {
  if (upper > 10 * centre) return `P99 ${short(centre)} ms, but its trials differ too much`;
  return `P99 up to ${short(upper)} ms within its interval`;
}

/** @param {Judged} found @param {Target} target @param {Limits} limits */
function judgeMemory(found, target, limits) {
  const peak = target.peak_bytes.centre;
  if (peak === null) note(found, false, "memory was not measured");
  else if (peak / 2 ** 20 > limits.memory) note(found, true, `peaks at ${short(peak / 2 ** 20)} MiB`);
}

/**
 * The answer in a sentence.
 * @param {Judged[]} judged
 * @param {Limits} limits
 * @returns {string}
 */
function sentence(judged, limits) {
  const valid = judged.filter((j) => j.target.valid);
  const meeting = valid.filter((j) => j.meets);
  const first = meeting[0];
  if (!valid.length) return "No row of this run is valid, so it cannot answer.";
  if (!first) {
    const open = valid.some((j) => j.meets === null);
    return open ? "This run cannot tell whether any target meets these limits." : "No target meets these limits.";
  }
  const most = Math.max(...meeting.map((j) => j.coresUsed ?? 0));
  if (meeting.length === valid.length && valid.length > 1 && most < 0.1 * limits.cores) {
    const share = ((100 * most) / limits.cores).toFixed(most / limits.cores < 0.001 ? 2 : 1);
    const all = valid.length === 2 ? "both" : `all ${valid.length}`;
    return `Here the runtime does not matter: ${all}${valid.length < judged.length ? " that could be judged" : ""} meet these limits, and the costliest uses ${share} % of ${cores(limits.cores)}.`;
  }
  const equals = meeting.filter((j) => j !== first && overlap(j, first)).map((j) => j.target.id);
  if (equals.length) return `${[first.target.id, ...equals].join(" and ")} meet these limits at the least CPU; this run cannot tell them apart.`;
  const others = meeting.length > 1 ? ` ${meeting.length - 1} other${meeting.length > 2 ? "s" : ""} meet them too, at more.` : " No other does.";
  return `${first.target.id} meets these limits at the least CPU.${others}`;
}

/** @param {Judged} a @param {Judged} b */
function overlap(a, b) {
  const [x, y] = [a.target.cpu_ns, b.target.cpu_ns];
  if (!x || !y || x.low === null || x.high === null || y.low === null || y.high === null) return true;
  return x.low <= y.high && y.low <= x.high;
}

/** @param {number} n */
function cores(n) {
  return n === 1 ? "one core" : `${n} cores`;
}

/** @param {number} value */
function count(value) {
  return Number(value.toPrecision(3)).toLocaleString("en-US");
}

/** @param {number} value */
function short(value) {
  return value >= 1000 ? count(value) : String(Number(value.toPrecision(3)));
}

/** In a column: three digits that count, so that figures align. @param {number} value */
function aligned(value) {
  return value >= 1000 ? count(value) : value.toPrecision(3);
}

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
    const estimate = j.estimated && j.target.valid ? ["throughput is a linear estimate, not measured"] : [];
    return [...j.notes, ...estimate].join("; ");
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
    row.append(cell(j.headroom === null ? "–" : `${j.target.capacity?.at_least ? "≥ " : ""}${aligned(j.headroom)} ×`));
    const peak = j.target.peak_bytes.centre;
    row.append(share(j.p99_ms, limits.p99), share(peak === null ? null : peak / 2 ** 20, limits.memory));
    row.append(share(j.coresUsed, limits.cores));
    row.append(cell(j.cores100k === null ? "–" : aligned(j.cores100k)));
    row.append(cell(j.gb100k === null ? "–" : aligned(j.gb100k)));
    row.append(cell(noted(j), "text"));
    return row;
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
