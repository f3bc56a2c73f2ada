/** Answers that are not successes: `application/problem+json` as in RFC 9457. */

const TITLES = {
  400: "Bad Request",
  401: "Unauthorized",
  404: "Not Found",
  405: "Method Not Allowed",
  413: "Content Too Large",
  415: "Unsupported Media Type",
  500: "Internal Server Error",
  503: "Service Unavailable",
} as const;

export type ProblemStatus = keyof typeof TITLES;

/** Headers that belong to a status whatever its cause. */
const STATUS_HEADERS: Partial<Record<ProblemStatus, Readonly<Record<string, string>>>> = {
  401: { "WWW-Authenticate": "Bearer" },
  // The rest of an oversized body is not worth reading; closing tells the client so.
  413: { Connection: "close" },
  503: { "Retry-After": "1" },
};

/** `detail` is for the caller: it must never carry internal text. */
export function problem(status: ProblemStatus, detail?: string, headers?: Readonly<Record<string, string>>): Response {
  const body = { type: "about:blank", title: TITLES[status], status, detail };
  return new Response(JSON.stringify(body), {
    status,
    headers: { "Content-Type": "application/problem+json", ...STATUS_HEADERS[status], ...headers },
  });
}

export function methodNotAllowed(allowed: string): Response {
  return problem(405, undefined, { Allow: allowed });
}
