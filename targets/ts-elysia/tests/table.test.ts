import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigError } from "../src/config";
import { RoutesFile } from "../src/reload";
import { parseTable, type TableDefinition, TableError } from "../src/table";
import { TABLE_TEXT } from "./fixtures";

const RULE = { name: "r", topic: "a.*", destination: "d", partitions: 1 };

describe("a table is refused when", () => {
  test.each<[reason: string, table: unknown, message: string]>([
    ["it is no object", [], "must be an object"],
    ["it has no version", { rules: [RULE] }, "version must be an integer"],
    ["its version is negative", { version: -1, rules: [RULE] }, "version must be an integer"],
    ["its version is a fraction", { version: 1.5, rules: [RULE] }, "version must be an integer"],
    ["it has no rules", { version: 1, rules: [] }, "must not be empty"],
    ["it has a member of its own", { version: 1, rules: [RULE], extra: 1 }, 'unknown member "extra"'],
    ["a name is empty", { version: 1, rules: [{ ...RULE, name: "" }] }, "rules[0].name"],
    ["a name occurs twice", { version: 1, rules: [RULE, RULE] }, 'two rules are named "r"'],
    ["a topic is empty", { version: 1, rules: [{ ...RULE, topic: "" }] }, "rules[0].topic"],
    ["there are no partitions", { version: 1, rules: [{ ...RULE, partitions: 0 }] }, "rules[0].partitions"],
    ["there are too many", { version: 1, rules: [{ ...RULE, partitions: 65_537 }] }, "rules[0].partitions"],
    ["a rule has a member of its own", { version: 1, rules: [{ ...RULE, to: "x" }] }, 'unknown member "to"'],
    ["a condition is unknown", { version: 1, rules: [{ ...RULE, when: { type: "x" } }] }, 'unknown member "type"'],
    ["a region is no string", { version: 1, rules: [{ ...RULE, when: { regions: [1] } }] }, "regions"],
    ["an attribute is no string", { version: 1, rules: [{ ...RULE, when: { attributes: { a: 1 } } }] }, "attributes.a"],
  ])("%s", (_reason, table, message) => {
    expect(() => parseTable(JSON.stringify(table))).toThrow(TableError);
    expect(() => parseTable(JSON.stringify(table))).toThrow(message);
  });

  test("it is not JSON", () => expect(() => parseTable("{")).toThrow(TableError));
});

describe("reload", () => {
  const next = TABLE_TEXT.replace('"version":7', '"version":8');
  let folder: string;
  let path: string;
  let lines: string[];
  let taken: TableDefinition[];
  let routes: RoutesFile;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "routes-"));
    path = join(folder, "routes.json");
    writeFileSync(path, TABLE_TEXT);
    lines = [];
    taken = [];
    routes = new RoutesFile(path, (line) => lines.push(line));
    routes.load();
  });

  afterEach(() => {
    routes.close();
    rmSync(folder, { recursive: true });
  });

  const versions = () => taken.map((table) => table.version);
  const until = async (condition: () => boolean): Promise<void> => {
    const deadline_ms = performance.now() + 5000;
    while (!condition()) {
      if (performance.now() > deadline_ms) throw new Error("nothing happened in 5 s");
      await Bun.sleep(1);
    }
  };

  test("hands over the new table", () => {
    writeFileSync(path, next);
    routes.reload((table) => taken.push(table));
    expect(versions()).toEqual([8]);
  });

  test.each([
    ["bad JSON", "{"],
    ["a bad table", '{"version":8,"rules":[]}'],
  ])("takes nothing from %s and says so in one line", (_what, text) => {
    writeFileSync(path, text);
    routes.reload((table) => taken.push(table));
    expect(taken).toBeEmpty();
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^routing table: new one not taken[^\n]+ROUTES_FILE[^\n]+$/);
  });

  test("takes nothing from a missing file", () => {
    rmSync(path);
    routes.reload((table) => taken.push(table));
    expect(taken).toBeEmpty();
    expect(lines).toHaveLength(1);
  });

  test("notices a write", async () => {
    routes.watch((table) => taken.push(table), 1);
    writeFileSync(path, next);
    await until(() => taken.length > 0 && taken.at(-1)?.version === 8);
  });

  test("notices a file renamed over it, with the old size", async () => {
    routes.watch((table) => taken.push(table), 1);
    writeFileSync(`${path}.new`, next);
    renameSync(`${path}.new`, path);
    await until(() => taken.length > 0);
    expect(versions()).toEqual([8]);
  });

  test("a bad table at the start is a matter of configuration", () => {
    writeFileSync(path, "{");
    expect(() => routes.load()).toThrow(ConfigError);
  });
});
