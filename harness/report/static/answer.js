// @ts-check
// The answer in a sentence: what `judge.js` found, in words.
"use strict";

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
