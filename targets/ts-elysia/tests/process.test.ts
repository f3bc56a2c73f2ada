import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Environment } from "../src/config";
import { MESSAGE, makeKey, makeToken, TABLE_TEXT } from "./fixtures";

const MAIN = join(import.meta.dir, "../src/main.ts");
const key = makeKey("k1");
const token = makeToken(key, { iss: "i", aud: "a", exp: Date.now() / 1000 + 3600 });

let folder: string;
let env: Environment;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "service-"));
  env = {
    PORT: "0",
    CPUS: "1",
    ROUTES_FILE: join(folder, "routes.json"),
    AUTH_KEYS_FILE: join(folder, "jwks.json"),
    AUTH_ISSUER: "i",
    AUTH_AUDIENCE: "a",
  };
  writeFileSync(join(folder, "routes.json"), TABLE_TEXT);
  writeFileSync(join(folder, "jwks.json"), JSON.stringify({ keys: [key.jwk] }));
});

afterAll(() => rmSync(folder, { recursive: true }));

/** The program as a process of its own; ended, whatever happens, with the test. */
async function startService(more: Environment = {}) {
  const child = Bun.spawn([process.execPath, MAIN], { env: { ...env, ...more }, stdout: "pipe", stderr: "pipe" });
  const { value } = await child.stdout.getReader().read();
  const line = new TextDecoder().decode(value);
  const port = /^listening on 127\.0\.0\.1:(\d+)\n$/.exec(line)?.[1];
  if (port === undefined) throw new Error(`no address: ${line}${await new Response(child.stderr).text()}`);
  return {
    child,
    info: async () => (await fetch(`http://127.0.0.1:${port}/info`)).json() as Promise<Record<string, unknown>>,
    post: (headers: Record<string, string> = {}) =>
      fetch(`http://127.0.0.1:${port}/v1/messages/a`, {
        method: "POST",
        headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json", ...headers },
        body: JSON.stringify(MESSAGE),
      }),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}

describe("a bad configuration ends the process with code 2 and one line", () => {
  test.each<[string, Environment]>([
    ["PORT", { PORT: "http" }],
    ["ROUTES_FILE", { ROUTES_FILE: "/nonexistent" }],
    ["AUTH_KEYS_FILE", { AUTH_KEYS_FILE: MAIN }],
  ])("%s", async (variable, bad) => {
    const child = Bun.spawn([process.execPath, MAIN], { env: { ...env, ...bad }, stdout: "pipe", stderr: "pipe" });
    expect(await child.exited).toBe(2);
    expect(await new Response(child.stderr).text()).toMatch(new RegExp(`^${variable}: [^\n]+\n$`));
    expect(await new Response(child.stdout).text()).toBe("");
  });
});

describe.each(["1", "2"])("with CPUS=%s", (cpus) => {
  test("serves, counts over all processes, and accepts 32 KB of headers", async () => {
    await using service = await startService({ CPUS: cpus, AUTH_MAX_CONCURRENT: "7", BACKEND_POOL_SIZE: "3" });
    const padding = Object.fromEntries(Array.from({ length: 8 }, (_, n) => [`X-Padding-${n}`, "p".repeat(3900)]));
    const answers = await Promise.all(Array.from({ length: 20 }, () => service.post(padding)));
    expect(answers.map((answer) => answer.status)).toEqual(Array(20).fill(200));
    const info = await service.info();
    expect(info).toMatchObject({ messages_answered: 20, workers: Number(cpus), permits: 7, pool_size: 3 });
    expect(info["pids"]).toHaveLength(Number(cpus));
  });

  test("finishes what is in flight on SIGTERM, then exits with 0", async () => {
    await using service = await startService({ CPUS: cpus, AUTH_LOOKUP_DELAY_MS: "300" });
    const answers = Promise.all(Array.from({ length: 8 }, () => service.post()));
    // An answer on another connection shows that the slow ones have had time to arrive.
    await service.info();
    service.child.kill("SIGTERM");
    expect((await answers).map((answer) => answer.status)).toEqual(Array(8).fill(200));
    expect(await service.child.exited).toBe(0);
  });

  test("SIGHUP replaces the table in every process", async () => {
    await using service = await startService({ CPUS: cpus });
    writeFileSync(join(folder, "routes.json"), TABLE_TEXT.replace('"version":7', '"version":8'));
    try {
      service.child.kill("SIGHUP");
      const deadline_ms = performance.now() + 5000;
      let seen = 0;
      while (seen < 10) {
        expect(performance.now()).toBeLessThan(deadline_ms);
        seen = (await service.info())["table_version"] === 8 ? seen + 1 : 0;
      }
    } finally {
      writeFileSync(join(folder, "routes.json"), TABLE_TEXT);
    }
  });
});

test("losing a worker ends the service with a failure", async () => {
  await using service = await startService({ CPUS: "2" });
  const [, worker] = (await service.info())["pids"] as number[];
  process.kill(worker as number, "SIGKILL");
  expect(await service.child.exited).toBe(1);
});

test("workers end when the first process is killed", async () => {
  await using service = await startService({ CPUS: "2" });
  const [, worker] = (await service.info())["pids"] as number[];
  service.child.kill("SIGKILL");
  const alive = (): boolean => {
    try {
      return process.kill(worker as number, 0);
    } catch {
      return false;
    }
  };
  const deadline_ms = performance.now() + 4000;
  while (alive()) {
    expect(performance.now()).toBeLessThan(deadline_ms);
    await Bun.sleep(5);
  }
});
