export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [name: string]: Json;
}

/** Exactly these six members, all required. */
export interface Message {
  readonly id: string;
  readonly type: string;
  readonly priority: number;
  readonly region: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly payload: Exclude<Json, null>;
}

/** Why a body is no message, in words fit for the caller. */
export class InvalidMessage {
  constructor(readonly detail: string) {}
}

const MEMBERS = ["id", "type", "priority", "region", "attributes", "payload"] as const;
const MAX_ID_CODE_POINTS = 64;

/** Strict: invalid UTF-8 throws instead of turning into U+FFFD, and a byte order mark stays visible to JSON.parse. */
export const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function parseMessage(body: Uint8Array): Message | InvalidMessage {
  let value: unknown;
  try {
    value = JSON.parse(utf8.decode(body));
  } catch {
    return new InvalidMessage("the body is not JSON in UTF-8");
  }
  return checkMessage(value);
}

/** `value` comes from JSON.parse: its objects have own members only, and none is undefined. */
function checkMessage(value: unknown): Message | InvalidMessage {
  if (!isObject(value)) return new InvalidMessage("the body is not a JSON object");
  const { id, type, priority, region, attributes, payload } = value;
  if (typeof id !== "string" || !isId(id)) return new InvalidMessage("id must be a string of 1 to 64 characters");
  if (typeof type !== "string") return new InvalidMessage("type must be a string");
  if (!isPriority(priority)) return new InvalidMessage("priority must be an integer from 0 to 9");
  if (typeof region !== "string") return new InvalidMessage("region must be a string");
  if (!isStringMap(attributes)) return new InvalidMessage("attributes must be an object of strings");
  if (payload === undefined || payload === null) return new InvalidMessage("payload must not be missing or null");
  // All six are there, so one more member than that is one too many.
  if (Object.keys(value).length !== MEMBERS.length) return new InvalidMessage("unknown members are not allowed");
  return value as unknown as Message;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Counts code points only where the number of UTF-16 units leaves a doubt. */
function isId(id: string): boolean {
  if (id.length <= MAX_ID_CODE_POINTS) return id.length > 0;
  return id.length <= 2 * MAX_ID_CODE_POINTS && [...id].length <= MAX_ID_CODE_POINTS;
}

function isPriority(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 9;
}

function isStringMap(value: unknown): value is Record<string, string> {
  if (!isObject(value)) return false;
  for (const name in value) {
    if (typeof value[name] !== "string") return false;
  }
  return true;
}
