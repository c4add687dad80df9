import type { Duplex } from "node:stream";
import { type BerthError, berthError, isBerthError } from "../../contract/errors.ts";
import { throwIfAborted } from "../abort.ts";
import type { RawProcess } from "../transport.ts";
import { rememberingAnswers } from "./answers.ts";
import { Attempt, type Caller, type Connected, connectInTime } from "./attempt.ts";
import type { Clock } from "./clock.ts";
import { canBeAnswered, type SshConnector } from "./connect.ts";
import type { SshConnection } from "./connection.ts";
import { backoffMs, HostHealth, type SshHealth } from "./pool-health.ts";
import { PooledConnection } from "./pooled-connection.ts";
import { Sessions } from "./sessions.ts";
import type { SshTarget } from "./target.ts";

/** Refusals in a row while nothing is open on the connection, until all who wait are told: 3 s. */
const MAX_REFUSALS = 6;

/** What the session of `#hurry` runs: nothing, in every shell. */
export const FIRST_SESSION = "true";
/** Start-up files of a login shell that take longer hang. */
const HURRY_DEADLINE_MS = 10_000;

export interface PoolWait extends Caller {
  /** Longest wait for the end of a backoff, in milliseconds; 0 fails at once. Default: as long as `signal` allows. */
  readonly maxWaitMs?: number | undefined;
  /** Told when a backoff is waited for, with the milliseconds until the next attempt. */
  readonly onWait?: ((milliseconds: number) => void) | undefined;
}

export interface SessionWait extends PoolWait {
  /** It ends other sessions: goes before those that don't. */
  readonly urgent?: boolean | undefined;
}

export interface PooledHostOptions {
  readonly connect: SshConnector;
  readonly clock: Clock;
  readonly random: () => number;
}

/** What the pool has of one host. */
export class PooledHost {
  readonly target: SshTarget;
  readonly #options: PooledHostOptions;
  readonly #health: HostHealth;
  readonly #sessions: Sessions;
  readonly #connections = new Set<PooledConnection>();
  #attempt: Attempt | undefined;
  /** Nobody could be asked in the attempt that failed last. */
  #failedUnasked = false;
  #last: PooledConnection | undefined;
  readonly #hurried = new WeakSet<PooledConnection>();
  #turns = 0;
  #growing: AbortController | undefined;
  #growFailures = 0;
  #growAfter = 0;
  #cancelGrow: (() => void) | undefined;

  constructor(target: SshTarget, options: PooledHostOptions) {
    this.target = target;
    this.#options = { ...options, connect: rememberingAnswers(options.connect) };
    this.#health = new HostHealth(options.clock, options.random);
    this.#sessions = new Sessions({ clock: options.clock, grow: (urgent) => this.#grow(urgent) });
  }

  /**
   * A connection that is up, or that of the next attempt, which all that wait share. While a failure may pass, the
   * attempt after it is waited for as well, as long as `maxWaitMs` allows.
   * @throws the failure of the last attempt; ssh.waiting when the next one comes later than `maxWaitMs` allows;
   *   operation.aborted
   */
  async connect(wait: PoolWait): Promise<PooledConnection> {
    const until = this.#options.clock.now() + (wait.maxWaitMs ?? Number.POSITIVE_INFINITY);
    const canWait = (milliseconds: number) =>
      milliseconds === 0 || this.#options.clock.now() + milliseconds <= until;
    const answers = wait.onPrompt !== undefined;
    for (;;) {
      throwIfAborted(wait.signal);
      const live = this.#live();
      if (live !== undefined) return live;
      const waitMs = this.#waitMs(answers);
      const current = this.#attempt?.abandoned === false ? this.#attempt : undefined;
      if (!canWait(current?.waitMs ?? waitMs)) throw this.#waiting(waitMs);
      const attempt = current ?? this.#begin(waitMs);
      if (waitMs === 0) attempt.hurry();
      if (attempt.waitMs > 0) wait.onWait?.(attempt.waitMs);
      try {
        await attempt.join(wait);
      } catch (error) {
        if (wait.signal?.aborted) throw error;
        const askNow = answers && !attempt.asks && canBeAnswered(error);
        if (!askNow && !(this.#mayPass(error) && canWait(this.#waitMs(answers)))) throw error;
      }
    }
  }

  exec(commandLine: string, wait: SessionWait): Promise<RawProcess> {
    return this.#session(
      wait,
      (connection) => connection.exec(commandLine, wait),
      (process) => process.exit,
    );
  }

  sftp(wait: SessionWait): Promise<Duplex> {
    return this.#session(wait, (connection) => connection.sftp(wait), closed);
  }

  async dialUnix(socketPath: string, wait: PoolWait): Promise<Duplex> {
    for (let again = false; ; again = true) {
      const pooled = await this.connect(wait);
      const release = pooled.hold();
      try {
        const dialled = pooled.connection.dialUnix(socketPath, wait);
        this.#hurry(pooled);
        const stream = await dialled;
        this.#health.succeeded();
        void closed(stream).then(release);
        return stream;
      } catch (error) {
        release();
        // The connection may have been gone before anybody noticed, and a dial is made twice without harm.
        if (again || !isBerthError(error, "transport.disconnected")) throw error;
      }
    }
  }

  /**
   * sshd sends small packets at once (TCP_NODELAY) only behind the first session of a connection (do_exec_no_pty of its
   * session.c). With streams alone, the end of a short command would wait there for the acknowledgement of what came
   * before it: one more round trip. So a connection that had no session gets one of no consequence, for which nobody
   * waits.
   */
  #hurry(pooled: PooledConnection): void {
    if (pooled.hadSessions || this.#hurried.has(pooled)) return;
    this.#hurried.add(pooled);
    const signal = AbortSignal.timeout(HURRY_DEADLINE_MS);
    pooled.connection.exec(FIRST_SESSION, { signal }).then(
      (process) => {
        process.stdin.on("error", () => {}).end();
        process.stdout.resume();
        process.stderr.resume();
        signal.addEventListener("abort", () => process.close(), { once: true });
        process.exit.catch(() => {});
      },
      () => {},
    );
  }

  health(): SshHealth {
    const connections = [...this.#connections].filter(({ connection }) => !connection.closed);
    return {
      name: this.target.name,
      key: this.target.key,
      ...this.#health.record(connections.length),
      transport: this.#last?.connection.transport,
      reason: this.#last?.reason,
      connections: connections.length,
      sessions: connections.reduce((sum, pooled) => sum + pooled.sessions, 0),
      queued: this.#sessions.queued,
    };
  }

  /** A key was recorded as known, of this host or of one on the way. */
  keyTrusted(): void {
    if (isBerthError(this.#health.lastError, "ssh.host_key_unknown")) this.#health.mended();
  }

  /** Ends everything. */
  async close(): Promise<void> {
    this.#attempt?.abandon();
    this.#growing?.abort();
    this.#cancelGrow?.();
    await Promise.all([...this.#connections].map(({ connection }) => connection.close()));
  }

  async #session<T>(
    wait: SessionWait,
    open: (connection: SshConnection) => Promise<T>,
    ended: (opened: T) => Promise<unknown>,
  ): Promise<T> {
    const turn = this.#turns++;
    for (;;) {
      await this.connect(wait);
      const room = await this.#sessions.enter({
        turn,
        urgent: wait.urgent === true,
        signal: wait.signal,
      });
      if (room === undefined) continue;
      try {
        const opened = await open(room.pooled.connection);
        room.accepted();
        this.#health.succeeded();
        ended(opened).then(room.leave, room.leave);
        return opened;
      } catch (error) {
        if (!isBerthError(error, "ssh.sessions_refused")) {
          room.leave();
          throw error;
        }
        // Where something is open on another connection, that can be waited for.
        const hopeless = room.refused() >= MAX_REFUSALS;
        if (!hopeless || [...this.#connections].some(({ sessions }) => sessions > 0)) continue;
        this.#sessions.fail(error);
        throw error;
      }
    }
  }

  #live(): PooledConnection | undefined {
    for (const pooled of this.#connections) if (!pooled.connection.closed) return pooled;
    return undefined;
  }

  /** Milliseconds until the next attempt; none for who can answer what nobody could be asked in the last one. */
  #waitMs(answers: boolean): number {
    const answerable = answers && this.#failedUnasked && canBeAnswered(this.#health.lastError);
    return answerable ? 0 : this.#health.waitMs;
  }

  /** A name that was never known is more likely mistyped than not known for now. */
  #mayPass(error: unknown): boolean {
    if (isBerthError(error, "ssh.name_not_found")) return this.#last !== undefined;
    return isBerthError(error) && error.retryable;
  }

  /** Why nothing is tried now: the last failure itself where no waiting heals it. */
  #waiting(waitMs: number): BerthError {
    const last = this.#health.lastError;
    if (last !== undefined && !last.retryable) return last;
    const { name } = this.target;
    const { attemptsLastMinute } = this.health();
    const attempts = attemptsLastMinute === 1 ? "one attempt" : `${attemptsLastMinute} attempts`;
    return berthError("ssh.waiting", {
      hop: "transport",
      message: `${name} is tried again in ${(waitMs / 1000).toFixed(1)} s, ${attempts} in the last minute: ${last?.message}`,
      context: {
        attemptsLastMinute,
        host: name,
        lastCode: last?.code,
        retryAt: new Date(this.#options.clock.now() + waitMs).toISOString(),
        retryInMs: Math.round(waitMs),
      },
      cause: last,
    });
  }

  #begin(waitMs: number): Attempt {
    const { clock, connect } = this.#options;
    const onStart = () => this.#health.attempt();
    const attempt = new Attempt({ target: this.target, connect, clock, waitMs, onStart });
    this.#attempt = attempt;
    const over = () => {
      if (this.#attempt === attempt) this.#attempt = undefined;
    };
    attempt.result.then(
      (connected) => {
        over();
        this.#health.connected();
        this.#adopt(connected);
      },
      (error: BerthError) => {
        over();
        // Nobody waited any more, or a person did not answer: that says nothing about the host.
        if (isBerthError(error, "operation.aborted")) return;
        this.#failedUnasked = !attempt.asks;
        this.#health.attemptFailed(error);
      },
    );
    return attempt;
  }

  #adopt({ connection, reason }: Connected, reserved = false): void {
    const pooled = new PooledConnection(connection, reason, this.#options.clock, reserved);
    this.#last = pooled;
    this.#connections.add(pooled);
    void connection.ended.then((error) => {
      pooled.forget();
      this.#connections.delete(pooled);
      // One less than there may be: the one that was made beyond the limit is one of them now.
      for (const left of this.#connections) left.reserved = false;
      if (error !== undefined) this.#health.lost(error, pooled.madeAt);
      this.#sessions.remove(pooled);
    });
    this.#sessions.add(pooled);
  }

  /** One further connection at a time; that it cannot be had is no failure of those who wait for a session. */
  #grow(urgent: boolean): void {
    const { clock, connect, random } = this.#options;
    const { size } = this.#connections;
    if (this.#growing !== undefined || size === 0 || size > this.target.maxConnections) return;
    // What ends others must not wait for them.
    const reserved = size === this.target.maxConnections;
    if (reserved && !urgent) return;
    const waitMs = this.#growAfter - clock.now();
    if (waitMs > 0) {
      this.#cancelGrow?.();
      this.#cancelGrow = clock.after(waitMs, () => this.#sessions.give(), { background: true });
      return;
    }
    const growing = new AbortController();
    this.#growing = growing;
    this.#health.attempt();
    connectInTime({ target: this.target, connect, clock, signal: growing.signal })
      .then(
        (connected) => {
          this.#growFailures = 0;
          this.#adopt(connected, reserved);
        },
        () => {
          this.#growAfter = clock.now() + backoffMs(++this.#growFailures, random);
        },
      )
      .finally(() => {
        this.#growing = undefined;
        this.#sessions.give();
      });
  }
}

function closed(stream: Duplex): Promise<void> {
  if (stream.closed) return Promise.resolve();
  return new Promise((resolve) => stream.once("close", () => resolve()));
}
