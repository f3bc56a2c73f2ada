import type { Config } from "./config";
import { Crew } from "./crew";
import type { Totals } from "./info";
import { divide, type Instance, startInstance } from "./instance";
import { RoutesFile } from "./reload";
import { RoutingTable } from "./routing";
import type { TableDefinition } from "./table";

/**
 * The first process: serves like every other, and is the one that signals and the routing
 * table's file reach. It starts one worker per further core; losing one ends the service.
 *
 * @throws ConfigError for a bad table or keys, another error when the address cannot be listened on
 */
export async function runPrimary(config: Config): Promise<void> {
  const routes = new RoutesFile(config.routesFile);
  const table = routes.load();
  const [share, ...workerShares] = divide(config);
  if (share === undefined) throw new Error("no process to run");

  const crew = new Crew({ totals, lost });
  const place = { port: config.port, shared: workerShares.length > 0, share };
  const instance: Instance = await startInstance(config, place, table, totals);
  await crew.start(workerShares, instance.listener.port, table);

  async function totals(): Promise<Totals> {
    const counts = await crew.counts();
    const answered = counts.reduce((sum, count) => sum + count, instance.service.answered);
    return { pids: [process.pid, ...crew.pids], answered };
  }

  function replaceTable(next: TableDefinition): void {
    instance.service.table = new RoutingTable(next);
    crew.replaceTable(next);
  }

  async function stop(): Promise<void> {
    routes.close();
    await Promise.all([instance.listener.drain(), crew.stop()]);
    process.exit(0);
  }

  routes.watch(replaceTable);
  process.on("SIGHUP", () => routes.reload(replaceTable));
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
  console.log(`listening on ${config.bind}:${instance.listener.port}`);
}

function lost(pid: number, cause: string): never {
  console.error(`worker ${pid} ended unexpectedly (${cause})`);
  process.exit(1);
}
