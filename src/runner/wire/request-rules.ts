import type { Scope } from "../../api/route.ts";
import { berthError } from "../../contract/errors.ts";
import type { DaemonAccess } from "../../runtimes/daemon/runtime.ts";
import { protocolError } from "../../wire/frame-codec.ts";
import { type Method, methods, type Params } from "../../wire/messages.ts";
import { holds } from "../access/scopes.ts";

/** What a method needs; "none": it is not for clients of a runner. */
const SCOPES: { readonly [M in Method]: Scope | "none" } = {
  "process.start": "operate",
  "process.list": "read",
  "process.ports": "operate",
  "process.get": "read",
  "process.output": "read",
  "process.stdin": "operate",
  "process.events": "read",
  "process.signal": "operate",
  "process.kill": "operate",
  "process.resize": "operate",
  "process.detach": "operate",
  "process.remove": "operate",
  "process.waitPort": "read",
  "fs.stat": "read",
  "fs.read": "read",
  "fs.readText": "read",
  "fs.search": "read",
  "fs.write": "operate",
  "fs.change": "operate",
  "fs.realpath": "read",
  "fs.readdir": "read",
  "fs.mkdir": "operate",
  "fs.rename": "operate",
  "fs.rm": "operate",
  "fs.symlink": "operate",
  "fs.chmod": "operate",
  "fs.watch": "read",
  "fs.upload": "operate",
  "fs.download": "read",
  "port.connect": "operate",
  "port.listen": "operate",
  "port.accept": "operate",
  "daemon.info": "read",
  "daemon.shutdown": "none",
};

/** For whom the requests of one connection are. */
export interface RequestRules {
  readonly scope: Scope;
  readonly workspaceId: string;
  /** The workspace's directory in the place: who may only look looks at nothing outside of it. */
  readonly workdir: string;
  readonly access: Pick<DaemonAccess, "env" | "user" | "processLogDir" | "mapPath">;
}

/** A request that may be passed on, as the daemon gets it. */
export interface CheckedRequest {
  readonly method: Method;
  readonly params: Params<Method>;
}

/**
 * Checks a request of a client and puts it into the workspace. It is taken apart and made anew: what was looked at here
 * is what the daemon gets, and what this version does not know is dropped, as a daemon of this version would.
 * @param message the JSON of a REQUEST frame
 * @throws wire.method_unknown, wire.request_invalid, auth.forbidden; wire.protocol_error when it is no request at all
 */
export function checkRequest(message: unknown, rules: RequestRules): CheckedRequest {
  const { method, params } = (message ?? {}) as { readonly method?: unknown; readonly params?: unknown };
  if (typeof method !== "string" || method.length > 64) throw protocolError("a REQUEST without a method");
  if (!isMethod(method)) {
    throw berthError("wire.method_unknown", {
      hop: "runner",
      message: `the runner does not know the method ${method}`,
      hint: "The runner is older than this client.",
      context: { method },
    });
  }
  const scope = SCOPES[method];
  if (scope === "none") {
    throw berthError("auth.forbidden", {
      hop: "runner",
      message: `${method} is not for clients of a runner`,
      hint: "The daemon of a place ends by itself when nothing runs there.",
      context: { method },
    });
  }
  if (!holds(rules.scope, scope)) {
    throw berthError("auth.forbidden", { hop: "runner", context: { scope, method } });
  }
  const parsed = methods[method].safeParse(params ?? {});
  if (!parsed.success) {
    const fields = [...new Set(parsed.error.issues.map(({ path }) => path.join(".")))].slice(0, 20);
    throw invalid(method, fields);
  }
  return { method, params: placed(method, parsed.data as Params<Method>, rules) };
}

function isMethod(name: string): name is Method {
  return Object.hasOwn(methods, name);
}

function invalid(method: string, fields: string[]) {
  const message = `${method} does not fit its schema: ${fields.join(", ")}`;
  return berthError("wire.request_invalid", { hop: "runner", message, context: { method, fields } });
}

function placed(method: Method, params: Params<Method>, rules: RequestRules): Params<Method> {
  if (method === "process.start") return started(params as Params<"process.start">, rules);
  if (method.startsWith("process.")) {
    const own = { ...params, workspace: rules.workspaceId };
    // It would make the process wait for who only looks.
    return method === "process.output" && rules.scope === "read" ? { ...own, lossless: false } : own;
  }
  return method.startsWith("fs.") ? inFiles(method, params as FileParams, rules) : params;
}

function started(params: Params<"process.start">, rules: RequestRules): Params<"process.start"> {
  const { env: own = {}, user, processLogDir, mapPath } = rules.access;
  const given = new Set(params.env.map(([name]) => name));
  const inherited = Object.entries(own)
    .filter(([name]) => !given.has(name))
    .map(([name, value]): [string, string | null] => [name, value ?? null]);
  return {
    ...params,
    requestId: ownRequestId("process.start", params.requestId, rules),
    workspace: rules.workspaceId,
    cwd: mapped(params.cwd, mapPath),
    env: [...inherited, ...params.env],
    user: params.user ?? user,
    logDirectory: params.logDirectory ?? processLogDir,
  };
}

/** Another workspace's request is another one, whatever a client calls it. */
function ownRequestId(method: Method, given: string, { workspaceId }: RequestRules): string {
  const requestId = `${workspaceId}.${given}`;
  if (requestId.length > 128) throw invalid(method, ["requestId"]);
  return requestId;
}

type FileParams = Params<"fs.read"> &
  Partial<Pick<Params<"fs.stat">, "paths">> &
  Partial<Pick<Params<"fs.change">, "changes" | "requestId">> &
  Partial<Pick<Params<"fs.rename">, "from" | "to">>;

function inFiles(method: Method, params: FileParams, rules: RequestRules): Params<Method> {
  const { user, mapPath } = rules.access;
  const { path, paths, from, to, changes, requestId } = params;
  return {
    ...params,
    ...(path === undefined ? {} : { path: mapped(path, mapPath) }),
    ...(paths === undefined ? {} : { paths: paths.map((one) => mapped(one, mapPath)) }),
    ...(from === undefined ? {} : { from: mapped(from, mapPath) }),
    ...(to === undefined ? {} : { to: mapped(to, mapPath) }),
    ...(requestId === undefined ? {} : { requestId: ownRequestId(method, requestId, rules) }),
    ...(changes === undefined ? {} : { changes: changes.map((change) => mappedChange(change, mapPath)) }),
    ...(rules.scope === "read" ? onlyInside(method, params, rules) : { user: params.user ?? user }),
  };
}

function mappedChange(
  change: Params<"fs.change">["changes"][number],
  mapPath: ((path: string) => string) | undefined,
): Params<"fs.change">["changes"][number] {
  const { path, moveTo } = change;
  return {
    ...change,
    path: mapped(path, mapPath),
    ...(moveTo === undefined ? {} : { moveTo: mapped(moveTo, mapPath) }),
  };
}

/** Who may only look is held inside of the workspace, as the place's own user. */
function onlyInside(method: Method, { user, contained }: FileParams, { access, workdir }: RequestRules) {
  const otherRoot = contained !== undefined && (contained.root !== workdir || contained.extraRoots?.length);
  if (user !== undefined || otherRoot) {
    throw berthError("auth.forbidden", {
      hop: "runner",
      message: "a token that may only look sees the workspace's own directory, as its own user",
      context: { scope: "operate", method },
    });
  }
  return { user: access.user, contained: { root: workdir } };
}

function mapped(path: string, mapPath: ((path: string) => string) | undefined): string {
  return mapPath !== undefined && path.startsWith("/") ? mapPath(path) : path;
}
