import { expect, test } from "bun:test";
import { InvalidMessage, parseMessage } from "../src/message";
import { MESSAGE } from "./fixtures";

const parse = (body: string | Uint8Array) => parseMessage(typeof body === "string" ? Buffer.from(body) : body);
const text = JSON.stringify(MESSAGE);

test.each<[string, object]>([
  ["as it is", {}],
  ["an id of 64 code points outside the BMP", { id: "😀".repeat(64) }],
  ["empty strings", { type: "", region: "", attributes: {} }],
  ["attributes named like inherited members", { attributes: { constructor: "a", toString: "b" } }],
  ["any payload but null", { payload: [null, { a: null }] }],
])("accepted: %s", (_name, members) => {
  const message = { ...MESSAGE, ...members };
  expect<unknown>(parse(JSON.stringify(message))).toEqual(message);
});

test("accepted: a payload member named __proto__ stays one", () => {
  const body = text.replace('{"n":1}', '{"__proto__":{"n":1}}');
  expect(JSON.stringify(parse(body))).toBe(body);
});

test.each<[string, string | Uint8Array]>([
  ["nothing", ""],
  ["a byte order mark", `\ufeff${text}`],
  ["two values", `${text}${text}`],
  ["invalid UTF-8 in the payload", Buffer.from(text.replace('{"n":1}', '"\xff"'), "latin1")],
  ["an overlong encoding", Buffer.concat([Buffer.from('"'), Buffer.from([0xc0, 0xaf]), Buffer.from('"')])],
  ["null", "null"],
  ["an array", `[${text}]`],
  ["an id of 65 code points", JSON.stringify({ ...MESSAGE, id: "x".repeat(65) })],
  ["an id of 65 code points outside the BMP", JSON.stringify({ ...MESSAGE, id: "😀".repeat(65) })],
  ["a fraction as priority", JSON.stringify({ ...MESSAGE, priority: 1.5 })],
  ["a seventh member", JSON.stringify({ ...MESSAGE, extra: 1 })],
  ["a seventh member named __proto__", text.replace("{", '{"__proto__":{},')],
  ["a member inherited instead of given", text.replace('"id":"m-1",', '"__proto__":{"id":"m-1"},')],
])("refused: %s", (_name, body) => expect(parse(body)).toBeInstanceOf(InvalidMessage));
