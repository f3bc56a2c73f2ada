/** Enough to gain what there is to gain, few enough not to hold up the event loop for long. */
const MAX_PER_TURN = 64;

/**
 * Gathers work from the requests that arrive in one turn of the event loop and does it in one go
 * at the turn's end. The same code on the same tables stays in the processor's caches, where
 * alternating with HTTP and JSON would push it out for every request.
 */
export class TurnBatch {
  readonly #waiting: (() => void)[] = [];

  /** Resolves to what `work` returns, or rejects with what it throws. */
  run<T>(work: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      const waiting = this.#waiting.push(() => {
        try {
          resolve(work());
        } catch (error) {
          reject(error);
        }
      });
      if (waiting === 1) setImmediate(this.#work);
    });
  }

  readonly #work = (): void => {
    for (const work of this.#waiting.splice(0, MAX_PER_TURN)) work();
    if (this.#waiting.length > 0) setImmediate(this.#work);
  };
}
