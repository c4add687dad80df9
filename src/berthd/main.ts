import { randomBytes } from "node:crypto";
import { promises as fs } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { join } from "node:path";
import { Duplex } from "node:stream";
import { parseArgs } from "node:util";
import { isMainThread } from "node:worker_threads";
import { VERSION } from "../contract/version.ts";
import { makeDirectories } from "../files/directories.ts";
import { NODE_ARGV_VARIABLE, OPEN_FILES_VARIABLE } from "../wire/launch-environment.ts";
import { runFileWorker } from "./files/worker-main.ts";
import { runSearchWorker } from "./search/worker-main.ts";
import { createDaemon } from "./server.ts";
import { dropRights } from "./worker.ts";

/** Time without client and process after which the daemon ends by itself. */
const IDLE_EXIT_MS = 10 * 60_000;
/** Exit status when another daemon already serves the directory (EX_TEMPFAIL). */
const EXIT_ALREADY_SERVED = 75;

const USAGE = `berthd ${VERSION}: Berth's daemon inside a place. It is started by Berth.
  berthd serve --dir DIR [--socket-mode OCTAL] [--login-env] [--idle-exit-ms N] [--helper PATH]
  berthd dial SOCKET
  berthd version
`;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      dir: { type: "string" },
      "socket-mode": { type: "string", default: "600" },
      "login-env": { type: "boolean", default: false },
      "idle-exit-ms": { type: "string" },
      helper: { type: "string" },
      uid: { type: "string" },
      gid: { type: "string" },
      groups: { type: "string" },
      home: { type: "string" },
    },
  });
  const [mode, argument] = positionals;
  if (mode === "version") process.stdout.write(`${VERSION}\n`);
  else if (mode === "dial" && argument !== undefined) dial(argument);
  else if (mode === "serve" && values.dir !== undefined) {
    await serve({
      directory: values.dir,
      socketMode: Number.parseInt(values["socket-mode"], 8),
      loginEnvironment: values["login-env"],
      idleExitMs: values["idle-exit-ms"] === undefined ? IDLE_EXIT_MS : Number(values["idle-exit-ms"]),
      helperPath: values.helper,
    });
  } else if (mode === "file-worker" && values.home !== undefined) {
    dropRights({
      uid: Number(values.uid),
      gid: Number(values.gid),
      groups: (values.groups ?? "").split(",").filter(Boolean).map(Number),
    });
    const { home } = values;
    const duplex = Duplex.from({ readable: process.stdin, writable: process.stdout });
    await runFileWorker(duplex, { home, script: process.argv[1] });
    process.exit(0);
  } else {
    process.stderr.write(USAGE);
    process.exitCode = 2;
  }
}

interface ServeOptions {
  readonly directory: string;
  readonly socketMode: number;
  readonly loginEnvironment: boolean;
  readonly idleExitMs: number;
  readonly helperPath: string | undefined;
}

async function serve(options: ServeOptions): Promise<void> {
  const { directory, idleExitMs } = options;
  await makeDirectories(directory, 0o700);
  const socketPath = join(directory, "sock");
  if (await answers(socketPath)) {
    log("another daemon serves this directory", { directory });
    process.exitCode = EXIT_ALREADY_SERVED;
    return;
  }
  const token = await ensureToken(join(directory, "token"));
  let idleTimer: NodeJS.Timeout | undefined;
  const watchIdle = (): void => {
    clearTimeout(idleTimer);
    idleTimer = setTimeout(() => {
      if (daemon.idle()) void exit();
      else watchIdle();
    }, idleExitMs);
  };
  const daemon = await createDaemon({
    directory,
    token,
    helperPath: options.helperPath,
    loginEnvironment: options.loginEnvironment,
    nodeArgv: nodeArgv(),
    script: process.argv[1],
    softFileLimit: softFileLimit(),
    log,
    onActivity: watchIdle,
    onShutdown: () => void exit(),
  });
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => void daemon.accept(socket));
  let ending: Promise<void> | undefined;
  const exit = (): Promise<void> => {
    ending ??= (async () => {
      server.close();
      await fs.rm(socketPath, { force: true });
      await daemon.close();
      process.exit(0);
    })();
    return ending;
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => void exit());
  process.on("SIGHUP", () => {});
  // A defect in one request must not end the processes of all others.
  process.on("uncaughtException", (error) =>
    log("uncaught exception", { error: error.stack ?? String(error) }),
  );
  process.on("unhandledRejection", (reason) => {
    log("unhandled rejection", {
      error: reason instanceof Error ? (reason.stack ?? reason.message) : String(reason),
    });
  });
  await fs.rm(socketPath, { force: true });
  await listen(server, socketPath);
  await fs.chmod(socketPath, options.socketMode);
  watchIdle();
  log("serving", { version: VERSION, bootId: daemon.bootId, pid: process.pid, node: process.version });
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, () => resolve());
  });
}

/** True when something accepts connections there; a socket whose daemon is gone refuses. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

/** The token of the directory; made anew unless the client, or an earlier daemon, put one there before. */
async function ensureToken(path: string): Promise<string> {
  const found = await fs.readFile(path, "utf8").catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== "ENOENT") throw cause;
    return "";
  });
  if (found.trim() !== "") return found.trim();
  const token = randomBytes(32).toString("hex");
  // Renamed when it is whole: a full disk would leave an empty one, with which nobody gets in any more.
  await fs.writeFile(`${path}.new`, token, { mode: 0o600 });
  await fs.rename(`${path}.new`, path);
  return token;
}

/** The launch tells how this Node is started again: with a loader of its own `process.execPath` is that loader. */
function nodeArgv(): string[] {
  const text = process.env[NODE_ARGV_VARIABLE];
  return text === undefined ? [process.execPath, ...process.execArgv] : (JSON.parse(text) as string[]);
}

function softFileLimit(): number {
  const text = process.env[OPEN_FILES_VARIABLE] ?? "";
  return /^\d+$/.test(text) ? Number(text) : 0;
}

function dial(path: string): void {
  const socket = connect({ path, allowHalfOpen: true });
  socket.on("error", (error) => {
    process.stderr.write(`berthd dial: ${error.message}\n`);
    process.exit(3);
  });
  process.stdin.pipe(socket);
  socket.pipe(process.stdout);
  socket.on("end", () => process.exit(0));
}

/** One JSON line on stderr, which the launch sends to daemon.log. No values of environments, no output. */
function log(message: string, data: Record<string, unknown>): void {
  process.stderr.write(`${JSON.stringify({ time: new Date().toISOString(), message, ...data })}\n`);
}

// Not awaited at the top level: the bundle is a script, which starts faster than a module.
if (!isMainThread) runSearchWorker();
else
  main().catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exit(1);
  });
