import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Environment } from "../src/config";

/** The shared cases as the kit states them. */
export interface KitCase {
  readonly name: string;
  readonly settings: readonly string[];
  /** Needs a real socket. */
  readonly wire: boolean;
  readonly requests: readonly KitRequest[];
}

export interface KitRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body_base64: string;
  readonly chunked: boolean;
  readonly expect: KitExpectation;
}

export interface KitExpectation {
  readonly status: readonly number[];
  /** Lower-case names; the value is contained in the header's. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: unknown;
  readonly problem?: boolean;
}

export interface Kit {
  readonly cases: readonly KitCase[];
  /** The environment of each setting, with absolute file names. */
  readonly settings: ReadonlyMap<string, Environment>;
}

/** @throws Error when `BENCH_KIT` names no kit, because tests that skip themselves prove nothing */
export function readKit(): Kit {
  const folder = process.env["BENCH_KIT"];
  if (!folder) throw new Error("BENCH_KIT must name the folder made by `make kit`");
  const file = JSON.parse(readFileSync(join(folder, "cases.json"), "utf8"));
  if (file.schema !== 1) throw new Error(`cases.json has schema ${file.schema}, these tests read schema 1`);
  const settings = new Map<string, Environment>();
  for (const [name, variables] of Object.entries<Environment>(file.settings)) {
    settings.set(name, withAbsoluteFiles(folder, variables));
  }
  return { cases: file.cases, settings };
}

function withAbsoluteFiles(folder: string, variables: Environment): Environment {
  const entries = Object.entries(variables);
  return Object.fromEntries(
    entries.map(([name, value = ""]) => [name, name.endsWith("_FILE") ? join(folder, value) : value]),
  );
}
