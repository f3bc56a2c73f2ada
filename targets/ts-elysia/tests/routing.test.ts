import { describe, expect, test } from "bun:test";
import { compilePattern, fnv1a64, partition, RoutingTable } from "../src/routing";
import { parseTable } from "../src/table";
import { MESSAGE } from "./fixtures";

describe("topic patterns", () => {
  test.each<[pattern: string, topic: string, matches: boolean]>([
    ["a.b", "a.b", true],
    ["a.b", "a.b.c", false],
    ["a.b", "a", false],
    ["a.b", "a.B", false],
    ["*", "a", true],
    ["*", "a.b", false],
    ["*", "", true],
    ["a.*.c", "a.b.c", true],
    ["a.*.c", "a..c", true],
    ["a.*.c", "a.c", false],
    ["#", "a", true],
    ["#", "a.b.c", true],
    ["a.#", "a", true],
    ["a.#", "a.b.c", true],
    ["a.#", "b.a", false],
    ["#.z", "z", true],
    ["#.z", "a.b.z", true],
    ["#.z", "z.a", false],
    ["a.#.z", "a.z", true],
    ["a.#.z", "a.b.c.z", true],
    ["a.#.z", "a.z.z", true],
    ["a.#.z", "a.z.y", false],
    ["#.b.#", "a.b.c", true],
    ["#.b.#", "b", true],
    ["#.b.#", "a.c", false],
    ["#.a.#.b.#", "x.a.y.b.z", true],
    ["#.a.#.b.#", "x.b.y.a.z", false],
    ["#.*.b", "b", false],
    ["#.*.b", "a.b", true],
    ["#.a.b.#.b", "a.a.b.b", true],
    ["#.a.b.#.b", "a.a.b", false],
    ["#.#", "a", true],
    ["a*", "ab", false],
  ])("%s and %s: %p", (pattern, topic, matches) => {
    expect(compilePattern(pattern)(topic.split("."))).toBe(matches);
  });

  test("agree with the definition on every short pattern and topic", () => {
    const sequences = (alphabet: string[], length: number): string[][] =>
      length === 0 ? [[]] : sequences(alphabet, length - 1).flatMap((head) => alphabet.map((last) => [...head, last]));
    const upTo = (alphabet: string[], most: number) =>
      Array.from({ length: most }, (_, index) => sequences(alphabet, index + 1)).flat();
    const defined = ([part, ...parts]: string[], words: string[]): boolean => {
      if (part === undefined) return words.length === 0;
      if (part === "#") return words.some((_, n) => defined(parts, words.slice(n))) || defined(parts, []);
      return words.length > 0 && (part === "*" || part === words[0]) && defined(parts, words.slice(1));
    };
    const topics = upTo(["a", "b"], 5);
    for (const pattern of upTo(["a", "b", "*", "#"], 4)) {
      const matches = compilePattern(pattern.join("."));
      const wrong = topics.filter((words) => matches(words) !== defined(pattern, words));
      expect({ pattern, wrong }).toEqual({ pattern, wrong: [] });
    }
  });
});

describe("partitions", () => {
  // http://www.isthe.com/chongo/src/fnv/test_fnv.c
  test.each([
    ["", 0xcbf29ce484222325n],
    ["a", 0xaf63dc4c8601ec8cn],
    ["b", 0xaf63df4c8601f1a5n],
    ["foobar", 0x85944171f73967e8n],
    ["chongo was here!\n", 0x46810940eff5f915n],
  ])("FNV-1a 64 of %j", (text, expected) => {
    const { high, low } = fnv1a64(text);
    expect((BigInt(high) << 32n) | BigInt(low)).toBe(expected);
  });

  test("equal the unsigned hash of the UTF-8 modulo the partitions", () => {
    const exact = (text: string): bigint =>
      Buffer.from(text).reduce(
        (hash, byte) => ((hash ^ BigInt(byte)) * 0x100000001b3n) & (2n ** 64n - 1n),
        0xcbf29ce484222325n,
      );
    for (const id of ["a", "order-1", "straße", "東京", "😀🚀", "x".repeat(64)]) {
      for (const partitions of [1, 2, 3, 16, 48, 1000, 65_535, 65_536]) {
        expect(partition(id, partitions)).toBe(Number(exact(id) % BigInt(partitions)));
      }
    }
  });
});

describe("the first matching rule decides", () => {
  const rule = (name: string, when?: object) => ({ name, topic: "orders.#", when, destination: name, partitions: 1 });
  const route = (rules: object[], message: object = {}, topic = "orders.new") =>
    new RoutingTable(parseTable(JSON.stringify({ version: 3, rules }))).route(topic, { ...MESSAGE, ...message })?.rule;

  test("in order", () => expect(route([rule("first"), rule("second")])).toBe("first"));
  test("topic", () => expect(route([rule("first")], {}, "payments")).toBeUndefined());
  test("region", () => {
    const rules = [rule("asia", { regions: ["ap-east"] }), rule("europe", { regions: ["eu-central", "eu-west"] })];
    expect(route(rules)).toBe("europe");
  });
  test("priority", () => {
    const rules = [rule("urgent", { min_priority: 5 }), rule("other")];
    expect(route(rules, { priority: 5 })).toBe("urgent");
    expect(route(rules, { priority: 4 })).toBe("other");
  });
  test("all attributes given", () => {
    const rules = [rule("both", { attributes: { tier: "gold", channel: "web" } }), rule("other")];
    expect(route(rules, { attributes: { tier: "gold", channel: "web", more: "1" } })).toBe("both");
    expect(route(rules, { attributes: { tier: "gold" } })).toBe("other");
  });
  test("inherited members are no attributes", () => {
    expect(route([rule("odd", { attributes: { constructor: "x" } }), rule("other")])).toBe("other");
  });
  test("the answer names rule, destination, partition and version", () => {
    const table = new RoutingTable(parseTable(JSON.stringify({ version: 3, rules: [rule("first")] })));
    expect(table.route("orders", MESSAGE)).toEqual({
      rule: "first",
      destination: "first",
      partition: 0,
      table_version: 3,
    });
  });
});
