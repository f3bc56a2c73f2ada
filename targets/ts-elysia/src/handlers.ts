import { readBody } from "./body";
import { InvalidMessage, type Message, parseMessage } from "./message";
import { methodNotAllowed, problem } from "./problem";
import type { Route } from "./routing";
import type { Service } from "./service";

const TOPIC = /^[A-Za-z0-9._-]{1,128}$/;
const MESSAGES_PATH = /^\/v1\/messages\/([^/]*)$/;
const JSON_MEDIA_TYPE = /^application\/json[ \t]*(?:;|$)/i;
const JSON_ANSWER = { headers: { "Content-Type": "application/json" } };

interface MessageContext {
  readonly request: Request;
  readonly params: { readonly topic: string };
}

export function healthz(): { status: "ok" } {
  return { status: "ok" };
}

/** `POST /v1/messages/{topic}`. */
export function postMessage(service: Service) {
  return async ({ request, params }: MessageContext): Promise<Response> => {
    if (!TOPIC.test(params.topic) || hasEscape(request.url)) return problem(404);
    const response = await authenticated(service, request, params.topic);
    service.answered += 1;
    return response;
  };
}

/** Whatever no route took: a known path under another method, or nothing of ours. */
export function unrouted({ request }: { request: Request }): Response {
  const path = pathOf(request.url);
  if (path === "/healthz" || path === "/info") return methodNotAllowed("GET, HEAD");
  const topic = MESSAGES_PATH.exec(path)?.[1];
  return topic !== undefined && TOPIC.test(topic) ? methodNotAllowed("POST") : problem(404);
}

/** Nothing of the body is looked at before the caller is known. */
async function authenticated(service: Service, request: Request, topic: string): Promise<Response> {
  const { authenticator, permits, config } = service;
  if (authenticator === undefined) return deliver(service, request, topic);

  const token = authenticator.inspect(request.headers.get("authorization"));
  if (token === undefined) return problem(401);
  if (!(await permits.acquire())) return problem(503, "no authentication permit came free in time");
  try {
    if (config.lookupDelayMs > 0) await Bun.sleep(config.lookupDelayMs);
    if (!(await authenticator.verify(token))) return problem(401);
    if (config.permitScope === "request") return await deliver(service, request, topic);
  } finally {
    permits.release();
  }
  return deliver(service, request, topic);
}

async function deliver(service: Service, request: Request, topic: string): Promise<Response> {
  if (!JSON_MEDIA_TYPE.test(request.headers.get("content-type") ?? "")) return problem(415);
  const body = await readBody(request, service.config.maxBodyBytes);
  if (body === undefined) return problem(413);
  const message = parseMessage(body);
  if (message instanceof InvalidMessage) return problem(400, message.detail);
  const route = service.table.route(topic, message);
  if (route === undefined) return problem(404, "no route for this message");
  if (service.config.backendDelayMs > 0 && !(await backend(service))) {
    return problem(503, "the backend is busy");
  }
  return answer(route, message);
}

/** Stands for the database and the business logic: one wait under a pool permit. */
async function backend({ pool, config }: Service): Promise<boolean> {
  if (!(await pool.acquire())) return false;
  try {
    await Bun.sleep(config.backendDelayMs);
    return true;
  } finally {
    pool.release();
  }
}

/** JSON.parse goes deeper than JSON.stringify, which runs out of stack some 100,000 levels down. */
function answer(route: Route, message: Message): Response {
  try {
    return new Response(JSON.stringify({ route, message }), JSON_ANSWER);
  } catch (error) {
    if (error instanceof RangeError) return problem(400, "the payload is nested too deeply");
    throw error;
  }
}

/** Routers decode `%xx`, but topics have no escaped form: only the query may hold one. */
function hasEscape(url: string): boolean {
  const percent = url.indexOf("%");
  if (percent === -1) return false;
  const query = url.indexOf("?");
  return query === -1 || percent < query;
}

/** The path as sent, which `new URL` would normalise. */
function pathOf(url: string): string {
  const start = url.indexOf("/", url.indexOf("//") + 2);
  const query = url.indexOf("?", start);
  return query === -1 ? url.slice(start) : url.slice(start, query);
}
