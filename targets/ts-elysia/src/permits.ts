/** A bulkhead: at most `total` holders at a time, the others wait in order of arrival. */
export class Permits {
  #free: number;
  /** Insertion order is arrival order, and a waiter that gives up leaves in O(1). */
  readonly #waiting = new Set<() => void>();

  constructor(
    readonly total: number,
    private readonly timeoutMs: number,
  ) {
    this.#free = total;
  }

  /** Takes a permit if one is free. Nobody overtakes: waiters exist only when none is free. */
  tryAcquire(): boolean {
    if (this.#free === 0) return false;
    this.#free -= 1;
    return true;
  }

  /** Takes a permit, waiting for one if need be; `false` when none came in time. */
  acquire(): boolean | Promise<boolean> {
    return this.tryAcquire() || (this.timeoutMs > 0 && this.#wait());
  }

  /** Gives the permit to whoever has waited longest, else back. */
  release(): void {
    const [next] = this.#waiting;
    if (next === undefined) this.#free += 1;
    else next();
  }

  #wait(): Promise<boolean> {
    return new Promise((resolve) => {
      const granted = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(granted);
        resolve(true);
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(granted);
        resolve(false);
      }, this.timeoutMs);
      this.#waiting.add(granted);
    });
  }
}
