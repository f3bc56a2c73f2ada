import { generateKeyPairSync, sign } from "node:crypto";
import { createApp } from "../src/app";
import { Authenticator } from "../src/auth";
import { type Environment, readConfig } from "../src/config";
import { loadKeys } from "../src/keys";
import { RoutesFile } from "../src/reload";
import { RoutingTable } from "../src/routing";
import { Service } from "../src/service";
import { parseTable } from "../src/table";

export const MESSAGE = {
  id: "m-1",
  type: "created",
  priority: 5,
  region: "eu-west",
  attributes: { tier: "gold" },
  payload: { n: 1 },
};

export const TABLE_TEXT = JSON.stringify({
  version: 7,
  rules: [{ name: "all", topic: "#", destination: "everywhere", partitions: 4 }],
});

/** An ES256 key pair with its public half as a JWK. */
export function makeKey(kid: string) {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return { kid, privateKey, jwk: { ...publicKey.export({ format: "jwk" }), kid } };
}

export type Key = ReturnType<typeof makeKey>;

const base64url = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");

/** A signed compact JWS with any header and claims. */
export function makeToken(key: Key, claims: object, header: object = { alg: "ES256", kid: key.kid }): string {
  const signed = `${base64url(header)}.${base64url(claims)}`;
  const signature = sign("sha256", Buffer.from(signed), { key: key.privateKey, dsaEncoding: "ieee-p1363" });
  return `${signed}.${signature.toString("base64url")}`;
}

/** One process's service and app in front of it, as `env` configures them. */
export async function makeApp(env: Environment, tableText?: string) {
  const config = readConfig({ ROUTES_FILE: "unused", ...env });
  const table = tableText === undefined ? new RoutesFile(config.routesFile).load() : parseTable(tableText);
  const authenticator = config.auth && new Authenticator(config.auth, await loadKeys(config.auth));
  const share = { permits: config.permits, poolSize: config.poolSize };
  const service = new Service(config, authenticator, new RoutingTable(table), share);
  const app = createApp(service, async () => ({ pids: [process.pid], answered: service.answered }));
  return { app, service };
}

/** A `POST` as a client on a socket would send it, `Content-Length` included. */
export function post(target: string, body: unknown, headers: Record<string, string> = {}): Request {
  const bytes = Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
  return new Request(`http://localhost${target}`, {
    method: "POST",
    headers: { "Content-Type": "application/json", "Content-Length": `${bytes.length}`, ...headers },
    body: bytes,
  });
}
