import type { Config } from "./config";
import type { Totals } from "./info";
import { type Instance, startInstance } from "./instance";
import { Questions, type ToPrimary, type ToWorker } from "./ipc";
import { RoutingTable } from "./routing";

/** A further process of the service: obeys the primary and nobody else, and does not outlive it. */
export function runWorker(config: Config): void {
  // A terminal's Ctrl-C goes to the whole group, but when to stop is the primary's to say.
  for (const signal of ["SIGHUP", "SIGINT", "SIGTERM"] as const) process.on(signal, () => {});
  process.on("disconnect", () => process.exit(1));

  const questions = new Questions<Totals>();
  const census = (): Promise<Totals> => questions.ask((question) => send({ kind: "totals", question }));
  let instance: Instance | undefined;

  process.on("message", async (message: ToWorker) => {
    switch (message.kind) {
      case "start":
        instance = await startInstance(config, { ...message, shared: true }, message.table, census).catch(fail);
        send({ kind: "listening" });
        break;
      case "table":
        if (instance) instance.service.table = new RoutingTable(message.table);
        break;
      case "count":
        send({ kind: "count", question: message.question, answered: instance?.service.answered ?? 0 });
        break;
      case "totals":
        questions.settle(message.question, message.totals);
        break;
      case "stop":
        await instance?.listener.drain();
        process.exit(0);
    }
  });
}

function send(message: ToPrimary): void {
  process.send?.(message);
}

function fail(error: unknown): never {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
