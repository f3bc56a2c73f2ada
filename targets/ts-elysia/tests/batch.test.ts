import { expect, test } from "bun:test";
import { TurnBatch } from "../src/batch";

test("work is done in order, in a later turn", async () => {
  const batch = new TurnBatch();
  const done: number[] = [];
  const results = Array.from({ length: 200 }, (_, n) =>
    batch.run(() => {
      done.push(n);
      return n;
    }),
  );
  expect(done).toBeEmpty();
  const numbers = Array.from({ length: 200 }, (_, n) => n);
  expect(await Promise.all(results)).toEqual(numbers);
  expect(done).toEqual(numbers);
});

test("more than one batch is split over turns, so that others get theirs", async () => {
  const batch = new TurnBatch();
  let done = 0;
  for (let n = 0; n < 200; n++) batch.run(() => done++);
  await new Promise((resolve) => setImmediate(resolve));
  expect(done).toBeGreaterThan(0);
  expect(done).toBeLessThan(200);
});

test("what one throws is its own", async () => {
  const batch = new TurnBatch();
  const results = await Promise.allSettled([
    batch.run(() => 1),
    batch.run(() => {
      throw new Error("broken");
    }),
    batch.run(() => 3),
  ]);
  expect(results.map((result) => result.status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
});
