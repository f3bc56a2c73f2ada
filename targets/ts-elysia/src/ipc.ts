/** What the processes of one service say to each other. Never more than a few messages a second. */

import type { Totals } from "./info";
import type { Share } from "./service";
import type { TableDefinition } from "./table";

export type ToWorker =
  | { readonly kind: "start"; readonly port: number; readonly share: Share; readonly table: TableDefinition }
  | { readonly kind: "table"; readonly table: TableDefinition }
  | { readonly kind: "count"; readonly question: number }
  | { readonly kind: "totals"; readonly question: number; readonly totals: Totals }
  | { readonly kind: "stop" };

export type ToPrimary =
  | { readonly kind: "listening" }
  | { readonly kind: "count"; readonly question: number; readonly answered: number }
  | { readonly kind: "totals"; readonly question: number };

/** Pairs each reply with its question. */
export class Questions<Reply> {
  #last = 0;
  readonly #open = new Map<number, (reply: Reply) => void>();

  ask(send: (question: number) => void): Promise<Reply> {
    const question = ++this.#last;
    const reply = new Promise<Reply>((resolve) => this.#open.set(question, resolve));
    send(question);
    return reply;
  }

  settle(question: number, reply: Reply): void {
    this.#open.get(question)?.(reply);
    this.#open.delete(question);
  }
}
