import type { Totals } from "./info";
import { Questions, type ToPrimary, type ToWorker } from "./ipc";
import type { Share } from "./service";
import type { TableDefinition } from "./table";

/** The last argument of a process that is a worker. */
export const WORKER_ARGUMENT = "worker";

interface CrewEvents {
  /** A worker asks for the whole service's figures. */
  readonly totals: () => Promise<Totals>;
  /** A worker ended before it was told to. */
  readonly lost: (pid: number, cause: string) => void;
}

/** The primary's view of its workers: further processes of this program, spoken to over IPC. */
export class Crew {
  readonly #workers: Bun.Subprocess[] = [];
  readonly #counts = new Questions<number>();
  #listening = 0;
  #allListening: () => void = () => {};
  #stopping = false;

  constructor(private readonly events: CrewEvents) {}

  get pids(): number[] {
    return this.#workers.map((worker) => worker.pid);
  }

  /** Resolves when a worker per share listens on `port`. */
  async start(shares: readonly Share[], port: number, table: TableDefinition): Promise<void> {
    if (shares.length === 0) return;
    const ready = new Promise<void>((resolve) => {
      this.#allListening = resolve;
    });
    for (const share of shares) {
      const worker = this.#spawn();
      this.#workers.push(worker);
      send(worker, { kind: "start", port, share, table });
    }
    await ready;
  }

  replaceTable(table: TableDefinition): void {
    for (const worker of this.#workers) send(worker, { kind: "table", table });
  }

  /** Answers so far by each worker. */
  counts(): Promise<number[]> {
    return Promise.all(
      this.#workers.map((worker) => this.#counts.ask((question) => send(worker, { kind: "count", question }))),
    );
  }

  /** Resolves when every worker has finished what it had in flight and is gone. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const worker of this.#workers) send(worker, { kind: "stop" });
    await Promise.all(this.#workers.map((worker) => worker.exited));
  }

  #spawn(): Bun.Subprocess {
    // Compiled into one executable, the program finds its own name as one more argument and ignores it.
    return Bun.spawn([process.execPath, Bun.main, WORKER_ARGUMENT], {
      env: process.env,
      stdio: ["ignore", "inherit", "inherit"],
      serialization: "json",
      ipc: (message: ToPrimary, worker) => this.#receive(message, worker),
      onExit: (worker, exitCode, signal) => {
        if (!this.#stopping) this.events.lost(worker.pid, signal === null ? `code ${exitCode}` : `signal ${signal}`);
      },
    });
  }

  async #receive(message: ToPrimary, worker: Bun.Subprocess): Promise<void> {
    switch (message.kind) {
      case "listening":
        this.#listening += 1;
        if (this.#listening === this.#workers.length) this.#allListening();
        break;
      case "count":
        this.#counts.settle(message.question, message.answered);
        break;
      case "totals":
        send(worker, { kind: "totals", question: message.question, totals: await this.events.totals() });
        break;
    }
  }
}

function send(worker: Bun.Subprocess, message: ToWorker): void {
  // One that is gone needs no message: its end is reported by itself.
  if (worker.exitCode === null && worker.signalCode === null) worker.send(message);
}
