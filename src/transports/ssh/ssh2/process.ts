import { finished, type Readable } from "node:stream";
import type { ClientChannel } from "ssh2";
import { type BerthError, berthError } from "../../../contract/errors.ts";
import type { RawProcess } from "../../transport.ts";
import { ChannelInput, ChannelOutput } from "./channel-streams.ts";

interface Exit {
  readonly exitCode: number | null;
  readonly signal: string | null;
}

/** A command on a channel of its own. */
export class ChannelProcess implements RawProcess {
  readonly stdin: ChannelInput;
  readonly stdout: ChannelOutput;
  readonly stderr: ChannelOutput;
  readonly exit: Promise<Exit>;
  readonly #channel: ClientChannel;
  readonly #exit = Promise.withResolvers<Exit>();
  #said: Exit | undefined;

  constructor(channel: ClientChannel, host: string) {
    this.#channel = channel;
    this.stdin = new ChannelInput(channel);
    this.stdout = new ChannelOutput(channel);
    this.stderr = new ChannelOutput(channel.stderr);
    this.stdout.intake.pair(this.stderr.intake);
    channel.once("exit", (exitCode: number | null, signal?: string) => {
      this.#said = { exitCode, signal: signal ?? null };
      this.stdin.outlet.close();
    });
    channel.once("close", () => {
      this.stdin.outlet.close();
      if (this.#said !== undefined) this.#exit.resolve(this.#said);
      else this.#exit.reject(unsaid(host));
    });
    this.exit = Promise.all([this.#exit.promise, over(this.stdout), over(this.stderr)]).then(
      ([exit]) => exit,
    );
    this.exit.catch(() => {});
  }

  close(): void {
    this.#exit.resolve({ exitCode: null, signal: null });
    this.stdin.outlet.close();
    this.#channel.close();
    this.stdin.destroy();
    this.stdout.destroy();
    this.stderr.destroy();
  }

  /** The connection is gone before the session's end came. */
  fail(error: BerthError): void {
    this.stdin.outlet.close();
    this.#exit.reject(error);
    this.stdout.intake.fail(error);
    this.stderr.intake.fail(error);
    this.stdin.destroy();
  }
}

function over(stream: Readable): Promise<void> {
  return new Promise((resolve) => void finished(stream, () => resolve()));
}

function unsaid(host: string): BerthError {
  return berthError("transport.disconnected", {
    hop: "transport",
    message: `${host} ended a session without saying how its command ended`,
  });
}
