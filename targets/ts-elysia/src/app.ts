import { Elysia } from "elysia";
import { healthz, postMessage, unrouted } from "./handlers";
import { type Census, describe } from "./info";
import { problem } from "./problem";
import type { Service } from "./service";

/** All routes in one place. The app listens nowhere: tests call `app.handle`. */
export function createApp(service: Service, census: Census) {
  return (
    new Elysia({ strictPath: true, precompile: true })
      .onError(({ error, request }) => {
        // A client that went away mid-body is its own business, not an error of ours.
        if (!request.signal.aborted) console.error(`unexpected: ${error}`);
        return problem(500);
      })
      .get("/healthz", healthz)
      .get("/info", () => describe(service, census))
      // Elysia must not read the body: authentication comes first.
      .post("/v1/messages/:topic", postMessage(service), { parse: "none" })
      .all("/*", unrouted)
  );
}

export type App = ReturnType<typeof createApp>;
