import { describe, expect, test } from "bun:test";
import { makeApp } from "./fixtures";
import { type KitExpectation, type KitRequest, readKit } from "./kit";

const kit = readKit();

for (const [setting, env] of kit.settings) {
  const cases = kit.cases.filter((each) => !each.wire && each.settings.includes(setting));

  describe(`shared cases, ${setting}`, async () => {
    const { app } = await makeApp(env);
    test("there are some", () => expect(cases).not.toBeEmpty());
    for (const { name, requests } of cases) {
      test(name, async () => {
        for (const request of requests) await check(await app.handle(toRequest(request)), request.expect);
      });
    }
  });
}

function toRequest({ method, target, headers, body_base64, chunked }: KitRequest): Request {
  const body = Buffer.from(body_base64, "base64");
  const sent = new Headers();
  for (const [name, value] of headers) sent.append(name, value);
  if (method === "GET") return new Request(`http://localhost${target}`, { method, headers: sent });
  if (!chunked) sent.set("Content-Length", `${body.length}`);
  return new Request(`http://localhost${target}`, { method, headers: sent, body });
}

async function check(response: Response, expected: KitExpectation): Promise<void> {
  expect(expected.status).toContain(response.status);
  for (const [name, text] of Object.entries(expected.headers ?? {})) {
    expect(response.headers.get(name)).toContain(text);
  }
  if (expected.json === undefined && !expected.problem) return;
  const body = (await response.json()) as Record<string, unknown>;
  if (expected.json !== undefined) expect<unknown>(body).toEqual(expected.json);
  if (!expected.problem) return;
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  expect(body).toMatchObject({ type: "about:blank", status: response.status });
  expect(body["title"]).toBeString();
}
