import { describe, expect, test } from "bun:test";
import { MESSAGE, makeApp, post, TABLE_TEXT } from "./fixtures";

const OPEN = { AUTH_ALGORITHM: "none" };

describe("the answer", () => {
  test("carries the route and the whole message, and is counted", async () => {
    const { app, service } = await makeApp(OPEN, TABLE_TEXT);
    const response = await app.handle(post("/v1/messages/a.b", MESSAGE));
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(await response.json()).toEqual({
      route: { rule: "all", destination: "everywhere", partition: expect.any(Number), table_version: 7 },
      message: MESSAGE,
    });
    expect(service.answered).toBe(1);
  });

  test("is counted whatever its status, but only under a valid topic", async () => {
    const { app, service } = await makeApp(OPEN, TABLE_TEXT);
    await app.handle(post("/v1/messages/a", "{"));
    await app.handle(post("/v1/messages/a!b", MESSAGE));
    await app.handle(post("/v1/elsewhere", MESSAGE));
    expect(service.answered).toBe(1);
  });
});

describe("paths", () => {
  test.each([
    ["/v1/messages/a%2eb", 404],
    ["/v1/messages/a.b?x=%20", 200],
    ["/v1/messages/a/", 404],
    ["/v1/messages/", 404],
    ["/v1/messages/ab%", 404],
    ["/v1//messages/ab", 404],
    [`/v1/messages/${"x".repeat(128)}`, 200],
    [`/v1/messages/${"x".repeat(129)}`, 404],
    ["/info/", 404],
  ])("%s: %i", async (target, status) => {
    const { app } = await makeApp(OPEN, TABLE_TEXT);
    expect((await app.handle(post(target, MESSAGE))).status).toBe(status);
  });

  test.each([
    ["PUT", "/v1/messages/a", "POST"],
    ["GET", "/v1/messages/a", "POST"],
    ["POST", "/healthz", "GET, HEAD"],
    ["DELETE", "/info", "GET, HEAD"],
  ])("%s %s is not allowed, %s is", async (method, target, allowed) => {
    const { app } = await makeApp(OPEN, TABLE_TEXT);
    const response = await app.handle(new Request(`http://localhost${target}`, { method }));
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toBe(allowed);
  });
});

describe("bodies over the limit", () => {
  const env = { ...OPEN, MAX_BODY_BYTES: "1000" };

  test("are refused by their declared length alone", async () => {
    const { app } = await makeApp(env, TABLE_TEXT);
    const response = await app.handle(post("/v1/messages/a", MESSAGE, { "Content-Length": "1001" }));
    expect(response.status).toBe(413);
    expect(response.headers.get("connection")).toBe("close");
  });

  test("are refused while they arrive, without reading on", async () => {
    const { app } = await makeApp(env, TABLE_TEXT);
    let chunks = 0;
    const endless = new ReadableStream({
      pull(controller) {
        chunks += 1;
        controller.enqueue(new Uint8Array(400));
      },
    });
    const headers = { "Content-Type": "application/json" };
    const request = new Request("http://localhost/v1/messages/a", { method: "POST", headers, body: endless });
    expect((await app.handle(request)).status).toBe(413);
    expect(chunks).toBeLessThan(10);
  });
});

describe("the backend pool", () => {
  test("refuses what cannot enter in time, with Retry-After", async () => {
    const env = { ...OPEN, BACKEND_DELAY_MS: "50", BACKEND_POOL_SIZE: "1", BACKEND_ACQUIRE_TIMEOUT_MS: "0" };
    const { app } = await makeApp(env, TABLE_TEXT);
    const answers = await Promise.all([1, 2, 3].map(() => app.handle(post("/v1/messages/a", MESSAGE))));
    expect(answers.map((answer) => answer.status)).toEqual([200, 503, 503]);
    expect(answers[1]?.headers.get("retry-after")).toBe("1");
  });

  test("is left alone when there is nothing to wait for", async () => {
    const { app, service } = await makeApp({ ...OPEN, BACKEND_POOL_SIZE: "1" }, TABLE_TEXT);
    service.pool.tryAcquire();
    expect((await app.handle(post("/v1/messages/a", MESSAGE))).status).toBe(200);
  });
});

test("a nesting that JSON.stringify cannot follow is the caller's fault", async () => {
  const depth = 400_000;
  const { app } = await makeApp({ ...OPEN, MAX_BODY_BYTES: "1000000" }, TABLE_TEXT);
  const body = JSON.stringify(MESSAGE).replace('{"n":1}', "[".repeat(depth) + "]".repeat(depth));
  expect((await app.handle(post("/v1/messages/a", body))).status).toBe(400);
});

test("an unexpected error tells the caller nothing", async () => {
  const { app, service } = await makeApp(OPEN, TABLE_TEXT);
  service.table.route = () => {
    throw new Error("secret");
  };
  const response = await app.handle(post("/v1/messages/a", MESSAGE));
  expect(response.status).toBe(500);
  expect(await response.text()).not.toContain("secret");
});
