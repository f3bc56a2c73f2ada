import { describe, expect, test } from "bun:test";
import { Permits } from "../src/permits";

const LONG_MS = 60_000;

describe("permits", () => {
  test("are taken at once while any are free", () => {
    const permits = new Permits(2, LONG_MS);
    expect(permits.acquire()).toBeTrue();
    expect(permits.acquire()).toBeTrue();
    expect(permits.tryAcquire()).toBeFalse();
  });

  test("go to whoever waits, in order of arrival", async () => {
    const permits = new Permits(1, LONG_MS);
    permits.tryAcquire();
    const served: string[] = [];
    const waits = ["first", "second", "third"].map(async (name) => {
      expect(await permits.acquire()).toBeTrue();
      served.push(name);
      permits.release();
    });
    permits.release();
    await Promise.all(waits);
    expect(served).toEqual(["first", "second", "third"]);
    expect(permits.tryAcquire()).toBeTrue();
    expect(permits.tryAcquire()).toBeFalse();
  });

  test("are refused when none comes free in time, and none is lost by it", async () => {
    const permits = new Permits(1, 1);
    permits.tryAcquire();
    expect(await permits.acquire()).toBeFalse();
    permits.release();
    expect(permits.acquire()).toBeTrue();
    expect(permits.tryAcquire()).toBeFalse();
  });

  test("are refused at once when waiting is not allowed", () => {
    const permits = new Permits(1, 0);
    permits.tryAcquire();
    expect(permits.acquire()).toBeFalse();
  });
});
