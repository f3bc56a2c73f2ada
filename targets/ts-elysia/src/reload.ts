import { statSync } from "node:fs";
import { ConfigError } from "./config";
import { readFileOf } from "./files";
import { parseTable, type TableDefinition, TableError } from "./table";

const POLL_MS = 500;

/**
 * The routing table's file, and the only reader of it: reloads on demand and when it changes.
 * Reading is synchronous on purpose: a few kilobytes, and two reloads cannot overtake each other.
 */
export class RoutesFile {
  #identity: string | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(
    private readonly path: string,
    private readonly log: (line: string) => void = console.error,
  ) {}

  /** @throws ConfigError when the file cannot be read or holds no valid table */
  load(): TableDefinition {
    // Before reading: a change in between is then seen by the next poll.
    this.#identity = this.#currentIdentity();
    const text = readFileOf("ROUTES_FILE", this.path);
    try {
      return parseTable(text);
    } catch (error) {
      if (error instanceof TableError) throw new ConfigError("ROUTES_FILE", this.path, `is refused: ${error.message}`);
      throw error;
    }
  }

  /** Hands a good new table to `apply`; a bad one is logged in one line and changes nothing. */
  reload(apply: (table: TableDefinition) => void): void {
    try {
      const table = this.load();
      apply(table);
      this.log(`routing table: version ${table.version} in use`);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      this.log(`routing table: new one not taken, the old one stays in use: ${error.message}`);
    }
  }

  /** Polls, because a rename over the file escapes watches on its inode. */
  watch(apply: (table: TableDefinition) => void, pollMs = POLL_MS): void {
    this.#timer = setInterval(() => {
      const identity = this.#currentIdentity();
      if (identity !== undefined && identity !== this.#identity) this.reload(apply);
    }, pollMs);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Changes with every write and every replacement; `undefined` while there is no file. */
  #currentIdentity(): string | undefined {
    const stat = statSync(this.path, { bigint: true, throwIfNoEntry: false });
    return stat && `${stat.ino}:${stat.size}:${stat.mtimeNs}`;
  }
}
