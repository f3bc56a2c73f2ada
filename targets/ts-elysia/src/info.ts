import { version as elysiaVersion } from "elysia/package.json";
import { PROVIDER_NAMES } from "./keys";
import type { Service } from "./service";

/** Figures that only all processes together can give. */
export interface Totals {
  readonly pids: readonly number[];
  readonly answered: number;
}

/** Asks every process of the service. */
export type Census = () => Promise<Totals>;

/** `GET /info`: what runs here, and how it is set up. */
export async function describe({ config, table }: Service, census: Census) {
  const { pids, answered } = await census();
  return {
    target: "ts-elysia",
    language: "TypeScript",
    contract: 1,
    runtime: { name: "bun", version: Bun.version },
    framework: { name: "elysia", version: elysiaVersion },
    pids,
    cpus: config.cpus,
    workers: pids.length,
    permits: config.permits,
    pool_size: config.poolSize,
    table_version: table.version,
    algorithm: config.auth?.algorithm ?? "none",
    jwt_provider: config.auth ? PROVIDER_NAMES[config.auth.provider] : "none",
    payload: "tree",
    messages_answered: answered,
    details: {
      engine: `JavaScriptCore ${process.versions["webkit"]?.slice(0, 12)}`,
      gc: "JavaScriptCore Riptide (generational, mostly concurrent)",
      allocator: "mimalloc (native), bmalloc (JavaScript heap)",
      sharing: pids.length > 1 ? "SO_REUSEPORT" : "single process",
    },
  };
}
