// @ts-check
// Which targets meet the reader's limits. Pure: figures and limits in, judgements out.
"use strict";

/**
 * @typedef {{centre: number, low: number | null, high: number | null}} Figure
 * @typedef {Figure & {rps: number, window: string, scenario: string}} Latency
 * @typedef {Figure & {at_least: boolean, window: string, p99_limit_ms: number | null}} Capacity  requests/s; without a
 *   limit: the peak under closed load
 * @typedef {{
 *   id: string, label: string, slot: number, valid: boolean, reason: string | null,
 *   cpu_ns: Figure & {window: string} | null,
 *   capacities: (Capacity & {p99_limit_ms: number})[], closed: Capacity | null,
 *   loaded_bytes: Figure, peak_bytes: Figure, latencies: Latency[],
 * }} Target  capacities by rising limit, latencies by rising rate
 * @typedef {{scenario: string, measured_cores: number, caution: string | null, targets: Target[]}} Data
 * @typedef {{rate: number, p99: number, memory: number, cores: number}} Limits  requests/s, ms, MiB, cores
 * @typedef {"" | "≥ " | "≤ "} Sign
 * @typedef {{value: number, sign: Sign}} Signed
 * @typedef {{
 *   target: Target, meets: boolean | null, notes: string[], estimated: boolean, coresUsed: number | null,
 *   headroom: Signed | null, p99_ms: number | null, cores100k: Signed | null, gb100k: Signed | null,
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
  const cores100k = coresPer100k(data, target, limits);
  /** @type {Judged} */
  const found = {
    target,
    meets: true,
    notes: [],
    estimated: scale !== 1,
    coresUsed: cpu === null ? null : (cpu * limits.rate) / 1e9,
    headroom: headroom(target, limits, scale),
    p99_ms: null,
    cores100k,
    gb100k: gbPer100k(data, target, cores100k),
  };
  if (!target.valid) {
    found.meets = null;
    found.notes.push(`invalid: ${target.reason ?? "too few valid trials"}`);
    return found;
  }
  judgeRate(found, target, limits, scale);
  judgeLatency(found, target, limits, scale);
  judgeMemory(found, target, limits);
  return found;
}

/**
 * The capacity of the largest limit that is not looser than the reader's; else of the strictest; else the peak.
 * @param {Target} target
 * @param {Limits} limits
 * @returns {Capacity | null}
 */
function nearest(target, limits) {
  const within = target.capacities.findLast((c) => c.p99_limit_ms <= limits.p99);
  return within ?? target.capacities[0] ?? target.closed;
}

/**
 * How a capacity stands to that at the reader's limit; null: it says nothing of it.
 * @param {Capacity} capacity
 * @param {Limits} limits
 * @returns {Sign | null}
 */
function signOf(capacity, limits) {
  const limit_ms = capacity.p99_limit_ms ?? limits.p99;
  if (limit_ms > limits.p99) return capacity.at_least ? null : "≤ ";
  return capacity.at_least || limit_ms < limits.p99 ? "≥ " : "";
}

/** @param {Target} target @param {Limits} limits @param {number} scale @returns {Signed | null} */
function headroom(target, limits, scale) {
  const capacity = nearest(target, limits);
  const sign = capacity && signOf(capacity, limits);
  return !capacity || sign === null ? null : { value: (capacity.centre * scale) / limits.rate, sign };
}

/**
 * Cores that 100,000 requests a second take: by CPU time, or by capacity where that asks for more.
 * @param {Data} data
 * @param {Target} target
 * @param {Limits} limits
 * @returns {Signed | null}
 */
function coresPer100k(data, target, limits) {
  const byCpu = target.cpu_ns ? (target.cpu_ns.centre * 1e5) / 1e9 : null;
  const capacity = nearest(target, limits);
  const sign = capacity && signOf(capacity, limits);
  const byCapacity = !capacity || sign === null ? null : (1e5 * data.measured_cores) / capacity.centre;
  if (byCapacity !== null && byCapacity > (byCpu ?? 0)) {
    return { value: byCapacity, sign: sign === "≥ " ? "≤ " : sign === "≤ " ? "≥ " : "" };
  }
  return byCpu === null ? null : { value: byCpu, sign: "" };
}

/** @param {Data} data @param {Target} target @param {Signed | null} cores100k @returns {Signed | null} */
function gbPer100k(data, target, cores100k) {
  const memory = target.loaded_bytes.centre;
  if (!cores100k || memory === null) return null;
  return { value: (Math.ceil(cores100k.value / data.measured_cores) * memory) / 1e9, sign: cores100k.sign };
}

/** @param {Judged} found @param {boolean} failed @param {string} note */
function note(found, failed, note) {
  found.notes.push(note);
  if (failed) found.meets = false;
  else if (found.meets) found.meets = null;
}

/** @param {Judged} found @param {Target} target @param {Limits} limits @param {number} scale */
function judgeRate(found, target, limits, scale) {
  const capacity = nearest(target, limits);
  if (!capacity) return note(found, false, "throughput was not measured");
  const rate = limits.rate / scale;
  if (rate <= capacity.centre) {
    if (rate > (capacity.low ?? capacity.centre)) {
      note(found, false, `${carries(capacity, limits, scale)}, ${lowEnd(capacity, scale)}`);
    }
    return;
  }
  const over = exceeded(target, limits, rate);
  if (over) return note(found, true, carries(over, limits, scale));
  const untried = (capacity.p99_limit_ms ?? limits.p99) < limits.p99;
  const more = untried ? "more was not tried at your limit" : "more could not be told";
  note(found, false, `${carries(capacity, limits, scale)}; ${more}`);
}

/** A search that went beyond the peak did so by steps of so much. */
const STEP = 1.05;

/**
 * What shows that a rate is too much: a capacity at the reader's limit or at a looser one, or the peak, which no
 * service exceeds by more than a step of a search that went beyond it.
 * @param {Target} target
 * @param {Limits} limits
 * @param {number} rate  requests/s on the measured cores
 * @returns {Capacity | null}
 */
function exceeded(target, limits, rate) {
  const bounds = target.capacities.filter((c) => c.p99_limit_ms >= limits.p99);
  const first = bounds.find((bound) => rate <= bound.centre || !bound.at_least);
  if (first) return rate > first.centre ? first : null;
  const peak = target.closed;
  if (!peak || peak.at_least) return null;
  const most = Math.max(...target.capacities.map((c) => c.centre));
  return rate > (most > peak.centre ? most * STEP : peak.centre) ? peak : null;
}

/** @param {Capacity} capacity @param {Limits} limits @param {number} scale @returns {string} */
function carries(capacity, limits, scale) {
  const rate = `${capacity.at_least ? "at least " : ""}${count(capacity.centre * scale)}/s`;
  const limit_ms = capacity.p99_limit_ms;
  if (limit_ms === null) return `its peak under closed load is ${rate}`;
  return `carries ${rate}${limit_ms === limits.p99 ? "" : ` with P99 within ${short(limit_ms)} ms`}`;
}

/** @param {Capacity} capacity @param {number} scale @returns {string} */
function lowEnd(capacity, scale) {
  const low = capacity.low ?? capacity.centre;
  if (10 * low < capacity.centre) return "but its trials differ too much";
  return `${count(low * scale)}/s at the low end of its interval`;
}

/**
 * P99 holds where it was measured at the rate or above; it fails by what was measured at the rate or below.
 * @param {Judged} found
 * @param {Target} target
 * @param {Limits} limits
 * @param {number} scale
 */
function judgeLatency(found, target, limits, scale) {
  const asked = limits.rate / scale;
  const above = target.latencies.find((l) => l.rps >= asked * 0.999);
  const below = target.latencies.findLast((l) => l.rps <= asked * 1.001);
  const p99_ms = above ? above.centre / 1e6 : null;
  const upper_ms = above ? (above.high ?? above.centre) / 1e6 : Infinity;
  found.p99_ms = p99_ms;
  if (upper_ms <= limits.p99) return;
  if (p99_ms !== null && p99_ms <= limits.p99) {
    note(found, false, unsure(p99_ms, upper_ms));
  } else if (below && below.centre / 1e6 > limits.p99) {
    const where = below.rps >= asked * 0.999 ? "" : ` at ${count(below.rps * scale)}/s`;
    note(found, true, `P99 ${short(below.centre / 1e6)} ms${where}`);
  } else {
    const known = above ?? below;
    const there = known ? `; at ${count(known.rps * scale)}/s it is ${short(known.centre / 1e6)} ms` : "";
    note(found, false, `P99 was not measured at that rate${there}`);
  }
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

/** @param {number} value */
function count(value) {
  return Number(value.toPrecision(3)).toLocaleString("en-US");
}

/** @param {number} value */
function short(value) {
  return value >= 999.5 ? count(value) : String(Number(value.toPrecision(3)));
}

/** In a column: three digits that count, so that figures align. @param {number} value */
function aligned(value) {
  return value >= 999.5 ? count(value) : value.toPrecision(3);
}
