import { createApp } from "./app";
import { Authenticator } from "./auth";
import type { Config } from "./config";
import type { Census } from "./info";
import { loadKeys } from "./keys";
import { RoutingTable } from "./routing";
import { type Listener, listen } from "./server";
import { Service, type Share } from "./service";
import type { TableDefinition } from "./table";

/** One process's serving half: the service behind a listening socket. */
export interface Instance {
  readonly service: Service;
  readonly listener: Listener;
}

export interface Place {
  readonly port: number;
  /** Whether other processes of the service listen on the same port. */
  readonly shared: boolean;
  readonly share: Share;
}

/** @throws ConfigError for unusable keys, another error when the address cannot be listened on */
export async function startInstance(
  config: Config,
  { port, shared, share }: Place,
  table: TableDefinition,
  census: Census,
): Promise<Instance> {
  const authenticator = config.auth && new Authenticator(config.auth, await loadKeys(config.auth));
  const service = new Service(config, authenticator, new RoutingTable(table), share);
  const listener = listen(createApp(service, census), config, port, shared);
  return { service, listener };
}

/** The processes' shares: sums are exact, and no process goes without. */
export function divide(config: Pick<Config, "cpus" | "permits" | "poolSize">): Share[] {
  const processes = Math.min(config.cpus, config.permits, config.poolSize);
  const part = (total: number, index: number): number =>
    Math.floor(total / processes) + (index < total % processes ? 1 : 0);
  return Array.from({ length: processes }, (_, index) => ({
    permits: part(config.permits, index),
    poolSize: part(config.poolSize, index),
  }));
}
