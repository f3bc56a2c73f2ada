import type { Authenticator } from "./auth";
import type { Config } from "./config";
import { Permits } from "./permits";
import type { RoutingTable } from "./routing";

/** A process's part of the permits and the pool. */
export interface Share {
  readonly permits: number;
  readonly poolSize: number;
}

/** What the handlers of one process work with. */
export class Service {
  readonly permits: Permits;
  readonly pool: Permits;
  /** Answers of every status to `POST /v1/messages/{topic}` by this process. */
  answered = 0;

  constructor(
    readonly config: Config,
    /** Absent when `AUTH_ALGORITHM` is `none`. */
    readonly authenticator: Authenticator | undefined,
    /** Replaced as a whole by a reload; a request reads it once. */
    public table: RoutingTable,
    share: Share,
  ) {
    this.permits = new Permits(share.permits, config.acquireTimeoutMs);
    this.pool = new Permits(share.poolSize, config.poolAcquireTimeoutMs);
  }
}
