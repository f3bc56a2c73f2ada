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
  const [only] = valid;
  const [first] = meeting;
  const judgedAll = valid.length === judged.length;
  if (!only) return "No row of this run is valid, so it cannot answer.";
  if (valid.length === 1) return `${ofOne(only)}${judgedAll ? "" : " No other could be judged."}`;
  if (!first) return ofNone(valid);
  const most = Math.max(...meeting.map((j) => j.coresUsed ?? Infinity));
  if (meeting.length === valid.length && most < 0.1 * limits.cores) {
    const share = ((100 * most) / limits.cores).toFixed(most / limits.cores < 0.001 ? 2 : 1);
    const all = valid.length === 2 ? "both" : `all ${valid.length}`;
    return `Here the runtime does not matter: ${all}${judgedAll ? "" : " that could be judged"} meet these limits, and the costliest uses ${share} % of ${cores(limits.cores)}.`;
  }
  const equals = meeting.filter((j) => j === first || overlap(j, first));
  const others = ofOthers(valid.filter((j) => !equals.includes(j)), judgedAll);
  if (equals.length > 1) {
    const cost = first.coresUsed === null ? "; their CPU time was not measured" : " at the least CPU; this run cannot tell them apart";
    return `${equals.map((j) => j.target.id).join(" and ")} meet these limits${cost}.${others}`;
  }
  return `${first.target.id} meets these limits${meeting.length > 1 ? " at the least CPU" : ""}.${others}`;
}

/** @param {Judged} only @returns {string} */
function ofOne(only) {
  const id = only.target.id;
  if (only.meets === null) return `This run cannot tell whether ${id} meets these limits.`;
  return `${id} ${only.meets ? "meets" : "does not meet"} these limits.`;
}

/** @param {Judged[]} valid @returns {string} */
function ofNone(valid) {
  const failed = valid.filter((j) => j.meets === false).length;
  if (failed === valid.length) return "No target meets these limits.";
  const apart = failed ? `; ${failed} ${failed > 1 ? "fail" : "fails"}` : "";
  return `This run cannot tell whether any target meets these limits${apart}.`;
}

/**
 * What became of those that the sentence does not name.
 * @param {Judged[]} others
 * @param {boolean} judgedAll
 * @returns {string}
 */
function ofOthers(others, judgedAll) {
  const failed = others.filter((j) => j.meets === false).length;
  const unknown = others.filter((j) => j.meets === null).length;
  const more = others.length - failed - unknown;
  const one = others.length === 1;
  if (!others.length) return "";
  if (failed === others.length) return ` No other${judgedAll ? "" : " that could be judged"} does.`;
  if (unknown === others.length) return ` Whether the other${one ? " does" : "s do"}, this run cannot tell.`;
  if (more === others.length) return ` ${more} other${one ? " meets" : "s meet"} them too, at more CPU.`;
  const parts = [];
  if (more) parts.push(`${more} ${more > 1 ? "meet" : "meets"} them too, at more CPU`);
  if (failed) parts.push(`${failed} ${failed > 1 ? "fail" : "fails"}`);
  if (unknown) parts.push(`${unknown} cannot be told`);
  return ` Of the others, ${parts.join("; ")}.`;
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
