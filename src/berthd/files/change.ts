import { deferred } from "../../contract/deferred.ts";
import { berthError } from "../../contract/errors.ts";
import type { ChangedFile } from "../../contract/text.ts";
import { decodeJson } from "../../wire/json.ts";
import { type Change, editsSchema, type Params } from "../../wire/messages.ts";
import type { WireStream } from "../../wire/types.ts";
import { ChangeCommit } from "./change-commit.ts";
import { FileLocks } from "./change-locks.ts";
import { ChangePlan, type RequestedChange } from "./change-plan.ts";
import { ChangeRequests } from "./change-requests.ts";
import type { FileContext } from "./context.ts";

/** Contents and edits of one request together: they are held in memory. */
const MAX_REQUEST_BYTES = 128 * 1024 * 1024;
/** Files that somebody else changes again and again while a change of them is made: so often it is begun anew. */
const MAX_ATTEMPTS = 8;
/** JSON in one EVENT frame, far below the frame's limit. */
const ANSWER_BYTES = 256 * 1024;

/** Makes changes to text files (fs.change); one for all requests of a daemon. */
export class Changes {
  readonly #locks = new FileLocks();
  readonly #requests = new ChangeRequests<readonly ChangedFile[]>((files) =>
    files.reduce((bytes, { diff }) => bytes + 2 * diff.length, 200),
  );

  /** fs.change: DATA and END of the client, then EVENT { files }… and RESPONSE { files }. */
  async handle(context: FileContext, params: Params<"fs.change">, stream: WireStream): Promise<void> {
    const sent = params.changes.reduce((sum, { bytes }) => sum + bytes, 0);
    if (sent > MAX_REQUEST_BYTES) {
      throw berthError("fs.too_large", {
        hop: "berthd",
        message: "the change is too large for one request",
        hint: "Change fewer files at once, or write large ones by themselves.",
        context: { path: params.changes[0]!.path, size: sent },
      });
    }
    const input = new Input(stream, sent);
    if (!(await input.whole)) return;
    const changes = params.changes.map((change): RequestedChange => {
      const content = input.take(change.bytes);
      return change.type === "edit"
        ? { ...change, edits: parseEdits(content, change) }
        : { ...change, content };
    });
    const files = await this.#requests.once(params.requestId, () =>
      this.#make(context, params, changes, input),
    );
    respond(stream, files);
  }

  async #make(
    context: FileContext,
    params: Params<"fs.change">,
    changes: readonly RequestedChange[],
    input: Input,
  ): Promise<readonly ChangedFile[]> {
    for (let attempt = 1; ; attempt++) {
      await using plan = new ChangePlan(context, params, changes, this.#locks);
      await plan.find();
      await plan.compute();
      if (params.dryRun) return plan.results();
      if (input.aborted) throw berthError("operation.aborted", { hop: "berthd" });
      const commit = new ChangeCommit(context, params, plan.subjects, () => input.aborted);
      if (await commit.run(attempt === MAX_ATTEMPTS)) return plan.results();
    }
  }
}

function parseEdits(content: Buffer, { path }: Change) {
  const parsed = editsSchema.safeParse(decodeJson(content));
  if (parsed.success) return parsed.data;
  const fields = parsed.error.issues.map((issue) => issue.path.join(".")).slice(0, 20);
  throw berthError("wire.request_invalid", {
    hop: "berthd",
    message: `the edits of ${path} do not fit their schema: ${fields.join(", ")}`,
    context: { method: "fs.change", path, fields },
  });
}

/** Answers of many files come in parts. */
function respond(stream: WireStream, files: readonly ChangedFile[]): void {
  if (stream.closed) return;
  let part: ChangedFile[] = [];
  let bytes = 0;
  for (const file of files) {
    const size = JSON.stringify(file).length;
    if (part.length > 0 && bytes + size > ANSWER_BYTES) {
      stream.event({ files: part });
      part = [];
      bytes = 0;
    }
    part.push(file);
    bytes += size;
  }
  stream.respond({ files: part });
  stream.end();
}

/** What the client sends: nothing is done before it is whole. */
class Input {
  /** False when the client has gone before its END. */
  readonly whole: Promise<boolean>;
  #chunks: Uint8Array[] = [];
  #bytes = 0;
  #content: Buffer | undefined;
  #at = 0;
  #aborted = false;

  constructor(stream: WireStream, expected: number) {
    const { promise, resolve, reject } = deferred<boolean>();
    this.whole = promise;
    stream.handler = {
      onData: (chunk) => {
        this.#bytes += chunk.length;
        if (this.#bytes > expected) {
          reject(mismatch(expected, this.#bytes));
          return;
        }
        this.#chunks.push(chunk);
        stream.consumed(chunk.length);
      },
      onEnd: () => (this.#bytes === expected ? resolve(true) : reject(mismatch(expected, this.#bytes))),
      onReset: (error) => {
        // A lost connection takes nothing back that had come whole: the client asks for the answer again.
        if (error.code !== "transport.disconnected") this.#aborted = true;
        resolve(false);
      },
    };
  }

  /** The client has taken the request back. */
  get aborted(): boolean {
    return this.#aborted;
  }

  take(bytes: number): Buffer {
    this.#content ??= Buffer.concat(this.#chunks.splice(0));
    const part = this.#content.subarray(this.#at, this.#at + bytes);
    this.#at += bytes;
    return part;
  }
}

function mismatch(expected: number, bytes: number): Error {
  return berthError("wire.request_invalid", {
    hop: "berthd",
    message: `fs.change came with ${bytes} bytes instead of ${expected}`,
    context: { method: "fs.change", fields: ["changes.bytes"] },
  });
}
