/** The routing table as its file states it, checked member by member. */

export interface Conditions {
  readonly regions?: readonly string[];
  readonly min_priority?: number;
  readonly attributes?: Readonly<Record<string, string>>;
}

export interface RuleDefinition {
  readonly name: string;
  readonly topic: string;
  readonly when?: Conditions;
  readonly destination: string;
  readonly partitions: number;
}

export interface TableDefinition {
  readonly version: number;
  readonly rules: readonly RuleDefinition[];
}

/** What is wrong with a table, in one line. */
export class TableError extends Error {
  override readonly name = "TableError";
}

/** @throws TableError when `text` is not a valid table */
export function parseTable(text: string): TableDefinition {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new TableError("the routing table is not JSON");
  }
  const table = objectOf(value, "the routing table", ["version", "rules"]);
  const version = integer(table["version"], "version", 0, Number.MAX_SAFE_INTEGER);
  const rules = array(table["rules"], "rules").map(rule);
  if (rules.length === 0) throw new TableError("rules must not be empty");
  refuseDuplicates(rules.map((each) => each.name));
  return { version, rules };
}

function rule(value: unknown, index: number): RuleDefinition {
  const at = `rules[${index}]`;
  const members = objectOf(value, at, ["name", "topic", "when", "destination", "partitions"]);
  return {
    name: nonEmpty(members["name"], `${at}.name`),
    topic: nonEmpty(members["topic"], `${at}.topic`),
    ...(members["when"] !== undefined && { when: conditions(members["when"], `${at}.when`) }),
    destination: nonEmpty(members["destination"], `${at}.destination`),
    partitions: integer(members["partitions"], `${at}.partitions`, 1, 65_536),
  };
}

function conditions(value: unknown, at: string): Conditions {
  const { regions, min_priority, attributes } = objectOf(value, at, ["regions", "min_priority", "attributes"]);
  return {
    ...(regions !== undefined && {
      regions: array(regions, `${at}.regions`).map((region) => string(region, `${at}.regions`)),
    }),
    ...(min_priority !== undefined && { min_priority: integer(min_priority, `${at}.min_priority`, 0, 9) }),
    ...(attributes !== undefined && { attributes: stringMap(attributes, `${at}.attributes`) }),
  };
}

function objectOf(value: unknown, at: string, known?: readonly string[]): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new TableError(`${at} must be an object`);
  }
  const unknown = known && Object.keys(value).find((name) => !known.includes(name));
  if (unknown !== undefined) throw new TableError(`${at} has an unknown member ${JSON.stringify(unknown)}`);
  return value as Record<string, unknown>;
}

function array(value: unknown, at: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new TableError(`${at} must be an array`);
}

function string(value: unknown, at: string): string {
  if (typeof value === "string") return value;
  throw new TableError(`${at} must be a string`);
}

function nonEmpty(value: unknown, at: string): string {
  const text = string(value, at);
  if (text === "") throw new TableError(`${at} must not be empty`);
  return text;
}

function integer(value: unknown, at: string, least: number, most: number): number {
  if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) return value as number;
  throw new TableError(`${at} must be an integer from ${least} to ${most}`);
}

function stringMap(value: unknown, at: string): Record<string, string> {
  const entries = Object.entries(objectOf(value, at));
  return Object.fromEntries(entries.map(([name, each]) => [name, string(each, `${at}.${name}`)]));
}

function refuseDuplicates(names: readonly string[]): void {
  const duplicate = names.find((name, index) => names.indexOf(name) !== index);
  if (duplicate !== undefined) throw new TableError(`two rules are named ${JSON.stringify(duplicate)}`);
}
