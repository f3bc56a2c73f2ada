import http from "node:http";
import type { App } from "./app";
import type { Config } from "./config";

/** Headers up to 32 KB are promised; Bun refuses above 16 KB (431) unless told otherwise. */
const MAX_HEADER_BYTES = 65_536;
/** Longer than any wait the service makes itself: Bun's clock also runs while a handler works. */
const IDLE_TIMEOUT_S = 255;
const DRAIN_LIMIT_MS = 10_000;
/** Saying goodbye ends when nobody has asked for anything this long, */
const QUIET_MS = 50;
/** or when this is over. */
const GOODBYE_LIMIT_MS = 1000;
const POLL_MS = 5;

export interface Listener {
  readonly port: number;
  /** Stops accepting, lets what is in flight finish within 10 s, then closes every connection. */
  drain(): Promise<void>;
}

/**
 * @param port 0 for any free one
 * @param shared whether other processes of the service listen on the same port
 * @throws Error when the address cannot be listened on
 */
export function listen(app: App, config: Config, port: number, shared: boolean): Listener {
  Object.assign(http, { maxHeaderSize: MAX_HEADER_BYTES });
  try {
    app.listen({
      hostname: config.bind,
      port,
      reusePort: shared,
      idleTimeout: IDLE_TIMEOUT_S,
      development: false,
      // The limit is ours to enforce: after authentication, with the contract's answer.
      maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    });
  } catch (error) {
    throw new Error(`cannot listen on ${config.bind}:${port}: ${(error as NodeJS.ErrnoException).code}`);
  }
  const server = app.server;
  if (server?.port === undefined) throw new Error("the server did not start");
  return { port: server.port, drain: () => drain(app, server) };
}

type Server = NonNullable<App["server"]>;

async function drain(app: App, server: Server): Promise<void> {
  const start_ms = performance.now();
  await sayGoodbye(app, server, start_ms + GOODBYE_LIMIT_MS);
  server.stop();
  const deadline_ms = start_ms + DRAIN_LIMIT_MS;
  while (server.pendingRequests > 0 && performance.now() < deadline_ms) await Bun.sleep(POLL_MS);
  await server.stop(true);
}

/**
 * Bun's stop() closes idle connections although a request may be on its way in them. So first
 * every answer carries `Connection: close`, which takes busy clients off without losing one.
 */
async function sayGoodbye(app: App, server: Server, deadline_ms: number): Promise<void> {
  let arrival_ms = performance.now();
  server.reload({
    fetch: async (request: Request) => {
      arrival_ms = performance.now();
      const response = await app.handle(request);
      response.headers.set("Connection", "close");
      return response;
    },
    routes: {},
  });
  while (performance.now() < Math.min(arrival_ms + QUIET_MS, deadline_ms)) await Bun.sleep(POLL_MS);
}
