import { ConfigError, readConfig } from "./config";
import { WORKER_ARGUMENT } from "./crew";
import { runPrimary } from "./primary";
import { runWorker } from "./worker";

const EXIT_FAILED = 1;
const EXIT_BAD_CONFIGURATION = 2;

try {
  const config = readConfig(process.env);
  if (process.argv.at(-1) === WORKER_ARGUMENT) runWorker(config);
  else await runPrimary(config);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(error instanceof ConfigError ? EXIT_BAD_CONFIGURATION : EXIT_FAILED);
}
