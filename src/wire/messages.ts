import * as z from "zod/mini";

/**
 * Requests of the client to the daemon: `{ method, params }` in a REQUEST frame that opens a stream. The answer
 * is RESPONSE (JSON `{ result }`) or RESET (JSON error). What flows besides is said at each method. Unknown
 * fields are dropped, unknown methods are `wire.method_unknown`.
 *
 * The daemon has its schemas from zod/mini: 1.3 MiB and 8 ms of start less than with zod itself.
 */
const path = z.string().check(z.minLength(1), z.maxLength(4096 * 4));
const containment = z.object({ root: path, extraRoots: z.optional(z.array(path).check(z.maxLength(64))) });
/** File operations: as whom, inside of what, and how long a file system may take (ms). */
const fileBase = {
  user: z.optional(z.string().check(z.minLength(1), z.maxLength(256))),
  contained: z.optional(containment),
  timeoutMs: z.optional(z.int().check(z.positive())),
};

const size = z.object({
  columns: z.int().check(z.minimum(1), z.maximum(65535)),
  rows: z.int().check(z.minimum(1), z.maximum(65535)),
});
/** Id of a workspace; names of processes are unique in it, and with it no request finds a process of another. */
const workspace = z.optional(z.string().check(z.regex(/^[A-Za-z0-9_-]{1,64}$/)));
const signalName = z.string().check(z.minLength(1), z.maxLength(32));

export const helloSchema = z.object({
  /** Range of protocols that the sender speaks. */
  protocol: z.tuple([z.int(), z.int()]),
  version: z.string(),
  /** Daemon only: identity of this daemon process; another one means that it was restarted. */
  bootId: z.optional(z.string()),
  capabilities: z.optional(z.record(z.string(), z.unknown())),
  platform: z.optional(z.string()),
  /** Client only: proves that it may use the daemon; sent after the daemon's HELLO. */
  token: z.optional(z.string()),
  /** Client only: stays the same over reconnects, so that leases and resumption know the owner. */
  clientId: z.optional(z.string().check(z.maxLength(128))),
  /** Daemon only. */
  user: z.optional(
    z.object({ name: z.string(), uid: z.int(), gid: z.int(), home: z.string(), shell: z.string() }),
  ),
  pid: z.optional(z.int()),
  /** Runner only: the workspace that its gateway leads to. */
  place: z.optional(
    z.object({
      description: z.string(),
      workdir: z.string(),
      isolation: z.record(z.string(), z.string()),
    }),
  ),
});
export type Hello = z.infer<typeof helloSchema>;

/** How a process's output is sent on a stream: `process.start` with `attach`, `process.output`. */
const attach = z.object({
  /** First cursor to send; negative counts from the end. */
  from: z._default(z.int(), 0),
  follow: z._default(z.boolean(), true),
  /** This reader is the lossless one of a process with overflow "pause": it holds the log back. */
  lossless: z._default(z.boolean(), false),
  /**
   * Per stream only the first and last so many bytes are sent (the middle is a gap); the process never waits
   * for this reader. Used by exec's bounded capture.
   */
  capture: z.optional(
    z.object({ headBytes: z.int().check(z.minimum(0)), tailBytes: z.int().check(z.minimum(0)) }),
  ),
});

/** One file of `fs.change`. */
const change = z.object({
  type: z.enum(["edit", "write", "remove"]),
  path,
  /** Of an edit: the new name. */
  moveTo: z.optional(path),
  /** Of a write. */
  mode: z.optional(z.int().check(z.minimum(0), z.maximum(0o7777))),
  /** Version that it has to have; null: there must be nothing. */
  expected: z.optional(z.nullable(z.string().check(z.minLength(1), z.maxLength(200)))),
  bytes: z._default(z.int().check(z.minimum(0), z.maximum(64 * 1024 * 1024)), 0),
});
export type Change = z.infer<typeof change>;

/** What the DATA of an "edit" of `fs.change` is, as JSON. */
export const editsSchema = z.array(
  z.union([
    z.object({
      type: z.literal("replace"),
      oldText: z.string(),
      newText: z.string(),
      all: z.optional(z.boolean()),
    }),
    z.object({ type: z.literal("insert"), line: z.int().check(z.minimum(-1)), text: z.string() }),
    z.object({
      type: z.literal("hunk"),
      lines: z.array(z.object({ kind: z.enum(["context", "remove", "add"]), text: z.string() })),
      line: z.optional(z.int().check(z.minimum(1))),
      anchors: z.optional(z.array(z.string())),
      atEnd: z.optional(z.boolean()),
      finalLineEnd: z.optional(z.boolean()),
    }),
  ]),
);

export const methods = {
  /**
   * Starts a process. Flow: RESPONSE { process }, then with `attach` the output as for process.output.
   * With `stdin: "pipe"` DATA frames of the client on this stream are its input and END its end; the daemon
   * grants window as the process reads. Repeated with the same requestId it returns the same process:
   * `attach.from` says where to go on, RESPONSE carries `stdinAccepted`, the number of input bytes taken over.
   */
  "process.start": z.object({
    requestId: z.string().check(z.minLength(1), z.maxLength(128)),
    command: z.array(z.string()).check(z.minLength(1)),
    cwd: z.string().check(z.minLength(1)),
    /** Caller's environment; null removes. */
    env: z._default(z.array(z.tuple([z.string(), z.nullable(z.string())])), []),
    user: z.optional(z.string().check(z.minLength(1), z.maxLength(256))),
    name: z.optional(z.string().check(z.maxLength(64))),
    workspace,
    /** Where its log is kept, absolute or from `~/`. */
    logDirectory: z.optional(path),
    stdin: z._default(z.enum(["ignore", "pipe"]), "ignore"),
    stderr: z._default(z.enum(["separate", "merge"]), "separate"),
    tty: z.optional(size),
    /** First word of `command` is to be found as a shell: "bash" of PATH, or the user's own with "$SHELL". */
    shellLookup: z._default(z.boolean(), false),
    timeoutMs: z.optional(z.int().check(z.positive())),
    killGraceMs: z._default(z.int().check(z.minimum(0)), 2000),
    drainMs: z._default(z.int().check(z.minimum(0)), 0),
    overflow: z._default(z.enum(["pause", "drop"]), "drop"),
    logLimitBytes: z.optional(z.int().check(z.positive())),
    detached: z._default(z.boolean(), false),
    leaseMs: z.optional(z.int().check(z.positive())),
    /** Whose absence the lease counts: that of the client which starts it and of all readers, or of the readers alone. */
    keptBy: z._default(z.enum(["client", "readers"]), "client"),
    /** Longer output is also in a plain file of the place, `outputFile` of the process. */
    keepOutput: z.optional(z.object({ aboveBytes: z.int().check(z.minimum(0)) })),
    attach: z.optional(attach),
  }),
  /** RESPONSE { processes: ProcessInfo[] }, lost ones of earlier daemons included; with `workspace` only its own. */
  "process.list": z.object({ workspace }),
  /** RESPONSE { ports: { port, host, processId?, command? }[] }: what listens in the place by TCP. */
  "process.ports": z.object({ workspace }),
  /** RESPONSE { process }. `id` may be a name. With `workspace` only one of it. */
  "process.get": z.object({ id: z.string(), workspace }),
  /**
   * Flow: RESPONSE { process, from }, then DATA frames: `u16 LE n`, then n runs of `u8 channel (1 stdout,
   * 2 stderr, 3 tty), u32 LE length`, then the bytes of the runs in order; EVENT `{ gap: { from, to } }`;
   * at the end EVENT `{ exit: ExitStatus, cursor, outputFile?, outputFileCut? }` and END. Without `follow`: END at the
   * end of the log.
   */
  "process.output": z.object({ id: z.string(), workspace, ...attach.shape }),
  /** Like the input half of process.start: RESPONSE { accepted }, then DATA and END of the client, then RESPONSE-less END. */
  "process.stdin": z.object({ id: z.string(), workspace }),
  /**
   * What happens to all processes of the daemon, or of a workspace, from number `since` on (default: from now on). Flow: RESPONSE
   * { next }, then EVENT { sequence, time, type, message, processId, data, own } each, or `{ gap: { from, to } }`
   * where they are no longer kept, until the client resets.
   */
  "process.events": z.object({ since: z.optional(z.int().check(z.minimum(0))), workspace }),
  "process.signal": z.object({ id: z.string(), workspace, signal: signalName }),
  /** RESPONSE { left } when the tree is ended. Finished: success. `signal` default SIGTERM (tty: SIGHUP). */
  "process.kill": z.object({
    id: z.string(),
    workspace,
    signal: z.optional(signalName),
    graceMs: z.optional(z.int().check(z.minimum(0))),
  }),
  "process.resize": z.object({ id: z.string(), workspace, ...size.shape }),
  /**
   * RESPONSE { process }. `withoutTimeout`: into the background, as one step: its timeout is lifted, it waits for no
   * reader, and one that has ended is a success. Once its timeout has begun to end it, it is process.finished. With
   * `keepsLease` it stays bound to the client that started it, from now on by `leaseMs` where that is given.
   * `endsOutput` is the stream of this connection whose process.start reads its output: that ends with EVENT
   * `{ background: { cursor, process } }` and END; a bounded capture sends its tail before.
   */
  "process.detach": z.object({
    id: z.string(),
    workspace,
    withoutTimeout: z._default(z.boolean(), false),
    keepsLease: z._default(z.boolean(), false),
    leaseMs: z.optional(z.int().check(z.positive())),
    endsOutput: z.optional(z.int().check(z.positive())),
  }),
  "process.remove": z.object({ id: z.string(), workspace }),
  /** RESPONSE {} when the port accepts a connection; process.ended_before_ready when `id` ends before. */
  "process.waitPort": z.object({
    id: z.optional(z.string()),
    workspace,
    port: z.int().check(z.minimum(1), z.maximum(65535)),
    timeoutMs: z.int().check(z.positive(), z.maximum(2 ** 31 - 1)),
  }),

  /**
   * RESPONSE { stats: ({ ok: FileStat } | { error })[] } in the order of the paths; of more than 1,000 paths the
   * first ones come as EVENT { stats } frames before it.
   */
  "fs.stat": z.object({
    ...fileBase,
    paths: z.array(path).check(z.minLength(1), z.maxLength(10_000)),
    follow: z._default(z.boolean(), true),
  }),
  /** RESPONSE { stat }, then DATA, END. `start`, `end` inclusive. `maxBytes`: more is fs.too_large before any DATA. */
  "fs.read": z.object({
    ...fileBase,
    path,
    start: z.optional(z.int().check(z.minimum(0))),
    end: z.optional(z.int().check(z.minimum(0))),
    special: z._default(z.boolean(), false),
    maxBytes: z.optional(z.int().check(z.minimum(0))),
  }),
  /** DATA of the client, END, then RESPONSE { atomic, bytes }. A RESET of the client leaves the old content. */
  "fs.write": z.object({
    ...fileBase,
    path,
    mode: z.optional(z.int().check(z.minimum(0), z.maximum(0o7777))),
    durable: z._default(z.boolean(), false),
  }),
  /**
   * Lines of a text file. Flow: RESPONSE `{ kind: "text", size, mtimeMs, version, totalLines, lineEnd, finalLineEnd,
   * byteOrderMark, invalidUtf8, firstLine, nextLine? }`, then DATA: JSON, for each line its text or `[text, cutBytes]`; or
   * `{ kind: "image" | "binary", size, mtimeMs, version, mediaType?, hasData }`, then the image as DATA; END.
   */
  "fs.readText": z.object({
    ...fileBase,
    path,
    startLine: z._default(z.int(), 1),
    maxLines: z._default(z.int().check(z.minimum(1)), 2_000),
    maxBytes: z._default(z.int().check(z.minimum(1), z.maximum(64 * 1024 * 1024)), 256 * 1024),
    maxLineBytes: z._default(z.int().check(z.minimum(1)), 2_000),
    maxImageBytes: z._default(z.int().check(z.minimum(0), z.maximum(64 * 1024 * 1024)), 0),
  }),
  /**
   * Changes files, all or none. DATA of the client: for each change in order its `bytes` bytes, which are the content of a
   * "write", and JSON of the edits of an "edit"; END. Then EVENT { files }… and RESPONSE { files } with the last part of them.
   * Nothing is done before END has come; after it the change is made also when the connection is lost, and the same
   * requestId gets the same answer.
   */
  "fs.change": z.object({
    ...fileBase,
    requestId: z.string().check(z.minLength(1), z.maxLength(128)),
    changes: z.array(change).check(z.minLength(1), z.maxLength(1_000)),
    dryRun: z._default(z.boolean(), false),
    durable: z._default(z.boolean(), false),
  }),
  "fs.realpath": z.object({ ...fileBase, path }),
  /**
   * RESPONSE { files: SearchedFile[], results, truncated, skipped, engine }; of long results the first files come as
   * EVENT { files } frames before it, and a file that begins as the last one ended is the same one.
   */
  "fs.search": z.object({
    ...fileBase,
    paths: z.array(path).check(z.minLength(1), z.maxLength(256)),
    pattern: z.optional(z.string().check(z.maxLength(64 * 1024))),
    literal: z._default(z.boolean(), false),
    ignoreCase: z._default(z.union([z.boolean(), z.literal("smart")]), false),
    word: z._default(z.boolean(), false),
    multiline: z._default(z.boolean(), false),
    globs: z._default(z.array(z.string().check(z.maxLength(4096))).check(z.maxLength(256)), []),
    types: z._default(z.array(z.enum(["file", "directory", "symlink"])), ["file"]),
    maxDepth: z.optional(z.int().check(z.positive())),
    hidden: z._default(z.boolean(), false),
    ignored: z._default(z.boolean(), false),
    show: z._default(z.enum(["lines", "files", "count"]), "lines"),
    before: z._default(z.int().check(z.minimum(0), z.maximum(1000)), 0),
    after: z._default(z.int().check(z.minimum(0), z.maximum(1000)), 0),
    maxResults: z.optional(z.int().check(z.positive(), z.maximum(100_000))),
    maxPerFile: z.optional(z.int().check(z.positive())),
    maxBytes: z.optional(z.int().check(z.positive(), z.maximum(16 * 1024 * 1024))),
    maxLineBytes: z.optional(z.int().check(z.positive(), z.maximum(64 * 1024))),
    maxFileBytes: z.optional(z.int().check(z.positive())),
    sort: z._default(z.enum(["path", "modified"]), "path"),
    /** For the search as a whole (ms); `timeoutMs` is for one call of a file system. */
    deadlineMs: z.optional(z.int().check(z.positive(), z.maximum(2 ** 31 - 1))),
  }),
  /** RESPONSE { entries: [name, type][] ... }; long lists come as EVENT { entries } frames before it. */
  "fs.readdir": z.object({ ...fileBase, path }),
  "fs.mkdir": z.object({
    ...fileBase,
    path,
    recursive: z._default(z.boolean(), false),
    mode: z.optional(z.int()),
  }),
  "fs.rename": z.object({ ...fileBase, from: path, to: path }),
  "fs.rm": z.object({
    ...fileBase,
    path,
    recursive: z._default(z.boolean(), false),
    force: z._default(z.boolean(), false),
  }),
  "fs.symlink": z.object({ ...fileBase, target: z.string().check(z.minLength(1)), path }),
  "fs.chmod": z.object({ ...fileBase, path, mode: z.int().check(z.minimum(0), z.maximum(0o7777)) }),
  /**
   * RESPONSE {} once the watch is in place, then EVENT { events: WatchEvent[] } until the client resets. When the
   * watched directory itself goes: its "remove", then RESET with ENOENT.
   */
  "fs.watch": z.object({
    ...fileBase,
    path,
    recursive: z._default(z.boolean(), true),
    ignore: z._default(z.array(z.string()), []),
  }),
  /**
   * DATA of the client: a tar of entries relative to `path`, whose own entry is "."; END; RESPONSE { files, bytes,
   * skipped: { path, reason }[] }.
   */
  "fs.upload": z.object({ ...fileBase, path }),
  /** RESPONSE { type, totalBytes? }, then DATA: a tar of the tree as for fs.upload; EVENT { skipped } if any; END. */
  "fs.download": z.object({ ...fileBase, path }),

  /** RESPONSE {} when connected, then DATA both ways; END is half-close. */
  "port.connect": z.object({
    port: z.int().check(z.minimum(1), z.maximum(65535)),
    host: z.optional(z.string()),
  }),
  /** RESPONSE { port }, then EVENT { connection: id }; each is taken by port.accept. Ends with the stream. */
  "port.listen": z.object({
    port: z.int().check(z.minimum(0), z.maximum(65535)),
    host: z.optional(z.string()),
  }),
  "port.accept": z.object({ connection: z.string() }),

  /** RESPONSE { bootId, version, pid, uptimeMs, processes, clients, memory, limits, … }. */
  "daemon.info": z.object({}),
  /** Ends the daemon; refused with process.running while processes live, unless `force`. */
  "daemon.shutdown": z.object({ force: z._default(z.boolean(), false) }),
} as const;

export type Method = keyof typeof methods;
export type Params<M extends Method> = z.infer<(typeof methods)[M]>;
export type ParamsInput<M extends Method> = z.input<(typeof methods)[M]>;

export const requestSchema = z.object({ method: z.string().check(z.maxLength(64)), params: z.unknown() });

/** Channels of output runs. */
export const CHANNEL = { stdout: 1, stderr: 2, tty: 3 } as const;
