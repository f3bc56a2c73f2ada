// @ts-check
// Which targets meet the reader's limits. Pure: figures and limits in, judgements out.
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
