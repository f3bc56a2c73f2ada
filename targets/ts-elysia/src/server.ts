import http from "node:http";
import type { App } from "./app";
import type { Config } from "./config";

/** Headers up to 32 KB are promised; Bun refuses above 16 KB (431) unless told otherwise. */
const MAX_HEADER_BYTES = 65_536;
/** Longer than any wait the service makes itself: Bun's clock also runs while a handler works. */
const IDLE_TIMEOUT_S = 255;
const DRAIN_LIMIT_MS = 10_000;
const DRAIN_POLL_MS = 5;

export interface Listener {
  readonly port: number;
  /** Stops accepting, lets what is in flight finish within 10 s, then closes every connection. */
  drain(): Promise<void>;
}

/**
 * @param port 0 for any free one
 * @param shared whether other processes of the service listen on the same port
 */
export function listen(app: App, config: Config, port: number, shared: boolean): Listener {
  Object.assign(http, { maxHeaderSize: MAX_HEADER_BYTES });
  app.listen({
    hostname: config.bind,
    port,
    reusePort: shared,
    idleTimeout: IDLE_TIMEOUT_S,
    development: false,
    // The limit is ours to enforce: after authentication, with the contract's answer.
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
  });
  const server = app.server;
  if (server === null || server.port === undefined) throw new Error("the server did not start");
  return { port: server.port, drain: () => drain(app, server) };
}

async function drain(app: App, server: NonNullable<App["server"]>): Promise<void> {
  // Connections that stay busy learn with their next answer that it is the last.
  server.reload({
    fetch: async (request: Request) => {
      const response = await app.handle(request);
      response.headers.set("Connection", "close");
      return response;
    },
    routes: {},
  });
  server.stop();
  const deadline_ms = performance.now() + DRAIN_LIMIT_MS;
  while (server.pendingRequests > 0 && performance.now() < deadline_ms) await Bun.sleep(DRAIN_POLL_MS);
  await server.stop(true);
}
