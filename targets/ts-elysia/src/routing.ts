import type { Message } from "./message";
import type { RuleDefinition, TableDefinition } from "./table";

/** The last part of the route in an answer, in the order in which it is written. */
export interface Route {
  readonly rule: string;
  readonly destination: string;
  readonly partition: number;
  readonly table_version: number;
}

export type TopicMatcher = (words: readonly string[]) => boolean;

/** Rules compiled once; the first that matches decides. Immutable, so that a reload is one assignment. */
export class RoutingTable {
  readonly version: number;
  readonly #rules: readonly Rule[];

  constructor(definition: TableDefinition) {
    this.version = definition.version;
    this.#rules = definition.rules.map((rule) => new Rule(rule));
  }

  route(topic: string, message: Message): Route | undefined {
    const words = topic.split(".");
    for (const rule of this.#rules) {
      if (!rule.matches(words, message)) continue;
      return {
        rule: rule.name,
        destination: rule.destination,
        partition: partition(message.id, rule.partitions),
        table_version: this.version,
      };
    }
    return undefined;
  }
}

class Rule {
  readonly name: string;
  readonly destination: string;
  readonly partitions: number;
  readonly #matchesTopic: TopicMatcher;
  readonly #regions: ReadonlySet<string> | undefined;
  readonly #minPriority: number;
  readonly #attributes: readonly (readonly [name: string, value: string])[];

  constructor({ name, topic, when = {}, destination, partitions }: RuleDefinition) {
    this.name = name;
    this.destination = destination;
    this.partitions = partitions;
    this.#matchesTopic = compilePattern(topic);
    this.#regions = when.regions && new Set(when.regions);
    this.#minPriority = when.min_priority ?? 0;
    this.#attributes = Object.entries(when.attributes ?? {});
  }

  matches(words: readonly string[], message: Message): boolean {
    if (message.priority < this.#minPriority || !this.#matchesTopic(words)) return false;
    if (this.#regions !== undefined && !this.#regions.has(message.region)) return false;
    for (const [name, value] of this.#attributes) {
      // Object.hasOwn: names come from callers, and every object inherits "constructor".
      if (!Object.hasOwn(message.attributes, name) || message.attributes[name] !== value) return false;
    }
    return true;
  }
}

/** `*` stands for exactly one word, `#` for any number of words, none included. */
export function compilePattern(pattern: string): TopicMatcher {
  const parts = pattern.split(".");
  return parts.includes("#") ? matchSpread(parts) : (words) => matchFixed(parts, words);
}

function matchFixed(parts: readonly string[], words: readonly string[]): boolean {
  if (parts.length !== words.length) return false;
  for (let i = 0; i < parts.length; i++) {
    if (parts[i] !== words[i] && parts[i] !== "*") return false;
  }
  return true;
}

/**
 * Greedy matching with one resumption point, the last `#` seen: earlier ones need not be
 * revisited, because whatever a later `#` can reach after them it can reach by itself.
 */
function matchSpread(parts: readonly string[]): TopicMatcher {
  return (words) => {
    let part = 0;
    let word = 0;
    let spread = -1;
    let resumeAt = 0;
    while (word < words.length) {
      if (parts[part] === "#") {
        spread = part++;
        resumeAt = word;
      } else if (part < parts.length && (parts[part] === "*" || parts[part] === words[word])) {
        part++;
        word++;
      } else if (spread >= 0) {
        part = spread + 1;
        word = ++resumeAt;
      } else {
        return false;
      }
    }
    while (parts[part] === "#") part++;
    return part === parts.length;
  };
}

/** FNV-1a 64 of the id's UTF-8, modulo `partitions` (1..65536). */
export function partition(id: string, partitions: number): number {
  const { high, low } = fnv1a64(id);
  // (high * 2^32 + low) mod n without leaving exact doubles: every product is below 2^33.
  return ((high % partitions) * (2 ** 32 % partitions) + (low % partitions)) % partitions;
}

export interface Uint64 {
  readonly high: number;
  readonly low: number;
}

const encoder = new TextEncoder();

/**
 * http://www.isthe.com/chongo/tech/comp/fnv/: hash = (hash XOR byte) * (2^40 + 0x1b3) mod 2^64,
 * in two 32-bit halves because BigInt costs far more than the two multiplications.
 */
export function fnv1a64(text: string): Uint64 {
  let high = 0xcbf29ce4;
  let low = 0x84222325;
  for (const byte of encoder.encode(text)) {
    low = (low ^ byte) >>> 0;
    const product = low * 0x1b3;
    high = (high * 0x1b3 + Math.floor(product / 2 ** 32) + ((low << 8) >>> 0)) >>> 0;
    low = product >>> 0;
  }
  return { high, low };
}
