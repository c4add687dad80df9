import type { Duplex } from "node:stream";
import { berthError } from "../../contract/errors.ts";
import { VERSION } from "../../contract/version.ts";
import { connectWire } from "../../wire/connection.ts";
import { flowOf } from "../../wire/flow.ts";
import type { Method, Params } from "../../wire/messages.ts";
import type { WireClient, WireStream } from "../../wire/types.ts";
import type { EarlyInput } from "../early-input.ts";
import { findUser } from "../process/users.ts";
import { relay } from "./relay.ts";

/** A worker without requests ends after this long. */
const IDLE_MS = 60_000;

/** Both ends of a pipe that nobody else has: there is nothing to prove. */
export const WORKER_TOKEN = "the pipe of a file worker";

export interface UserWorkersOptions {
  readonly startWorker: (user: string) => Promise<Duplex>;
  /** Default 60 s. */
  readonly idleMs?: number;
}

interface Worker {
  readonly client: Promise<WireClient>;
  active: number;
  idle: NodeJS.Timeout | undefined;
}

/**
 * File operations as other users: a worker process per user gets the requests as they are. The kernel then decides
 * what that user may do; nothing is imitated here.
 */
export class UserWorkers {
  readonly #options: UserWorkersOptions;
  readonly #workers = new Map<string, Worker>();

  constructor(options: UserWorkersOptions) {
    this.#options = options;
  }

  /**
   * Whether operations as this user are the daemon's own.
   * @throws process.user_not_found, process.user_not_permitted
   */
  async isOwn(user: string): Promise<boolean> {
    if (this.#workers.has(user)) return false;
    const found = await findUser(user);
    if (found.uid === process.getuid?.() && found.gid === process.getgid?.()) return true;
    if (process.getuid?.() === 0) return false;
    throw berthError("process.user_not_permitted", {
      hop: "berthd",
      message: `the daemon may not use files as ${user}`,
      context: { user },
    });
  }

  /** Hands a request to the user's worker, which is started when there is none. */
  async forward<M extends Method>(
    user: string,
    method: M,
    params: Params<M>,
    stream: WireStream,
    early: EarlyInput,
  ): Promise<void> {
    const worker = this.#workers.get(user) ?? this.#start(user);
    worker.active += 1;
    clearTimeout(worker.idle);
    try {
      const client = await worker.client;
      if (early.aborted) {
        this.#release(user, worker);
        return;
      }
      const request = { ...params, user: undefined };
      relay(stream, early, (handler) => client.request(method, request as never, handler), {
        endsWithResponse: flowOf(method, request).lastIsResponse,
        explain: (error) =>
          error.code === "transport.disconnected"
            ? berthError("internal", {
                hop: "berthd",
                message: `the file worker of ${user} ended`,
                cause: error,
              })
            : error,
        onClosed: () => this.#release(user, worker),
      });
    } catch (error) {
      this.#release(user, worker);
      throw error;
    }
  }

  async close(): Promise<void> {
    for (const [user, worker] of this.#workers) {
      clearTimeout(worker.idle);
      this.#workers.delete(user);
      (await worker.client.catch(() => undefined))?.close();
    }
  }

  #start(user: string): Worker {
    const client = this.#options
      .startWorker(user)
      .then((duplex) => connectWire(duplex, { token: WORKER_TOKEN, clientId: "berthd", version: VERSION }));
    const worker: Worker = { client, active: 0, idle: undefined };
    this.#workers.set(user, worker);
    const forget = (): void => {
      if (this.#workers.get(user) === worker) this.#workers.delete(user);
    };
    client.then((connected) => connected.ended.then(forget), forget);
    return worker;
  }

  #release(user: string, worker: Worker): void {
    worker.active -= 1;
    if (worker.active > 0 || this.#workers.get(user) !== worker) return;
    worker.idle = setTimeout(() => {
      // A dead one may have been replaced meanwhile.
      if (this.#workers.get(user) === worker) this.#workers.delete(user);
      void worker.client.then((client) => client.close());
    }, this.#options.idleMs ?? IDLE_MS);
    worker.idle.unref();
  }
}
