import { readFileSync } from "node:fs";
import { ConfigError } from "./config";

/**
 * The text of the file that a variable names.
 *
 * @throws ConfigError when it cannot be read
 */
export function readFileOf(variable: string, path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new ConfigError(variable, path, `cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}
