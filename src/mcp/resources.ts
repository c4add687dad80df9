import { isUtf8 } from "node:buffer";
import {
  type ListResourcesResult,
  type ListResourceTemplatesResult,
  ProtocolError,
  ProtocolErrorCode,
  type ReadResourceResult,
  ResourceNotFoundError,
} from "@modelcontextprotocol/server";
import { berthError, isBerthError } from "../contract/errors.ts";
import type { ProcessInfo } from "../contract/process.ts";
import { cleanText } from "../tools/ansi.ts";
import { commandText } from "../tools/bash/say.ts";
import { placeOptions } from "../tools/files/place.ts";
import { sealed } from "../tools/files/sealed.ts";
import { readablePath } from "../tools/paths.ts";
import type { ToolContext, Tools } from "../tools/tool.ts";
import type { Conversation } from "./conversation.ts";
import {
  FILE_TEMPLATE,
  fileUri,
  LOG_TEMPLATE,
  logUri,
  mimeTypeOf,
  parseResourceUri,
} from "./resource-names.ts";
import { toldError } from "./result.ts";

/** What a list names at most: the newest. Everything else is reached by its template. */
const MAX_FILES = 100;
const MAX_LOGS = 50;
const MAX_FILE_BYTES = 1024 * 1024;
/** Of a log its end is read. */
const LOG_BYTES = 64 * 1024;
const MAX_COMMAND_CHARACTERS = 200;

type Resource = ListResourcesResult["resources"][number];
type Contents = ReadResourceResult["contents"][number];

export const RESOURCE_TEMPLATES: ListResourceTemplatesResult = {
  resourceTemplates: [
    {
      uriTemplate: FILE_TEMPLATE,
      name: "file",
      title: "File",
      description: "A file of the workspace, by its path below the root of the tools; at most 1 MiB.",
    },
    {
      uriTemplate: LOG_TEMPLATE,
      name: "log",
      title: "Process log",
      description: "The last 64 KiB that a process has written, by its id or name.",
      mimeType: "text/plain",
    },
  ],
};

/** The files that were changed last, and what processes have written. @throws ProtocolError */
export async function listResources(
  conversation: Conversation,
  signal: AbortSignal,
): Promise<ListResourcesResult> {
  return await told(async () => {
    const tools = await conversation.tools();
    const [logs, files] = await Promise.all([listLogs(tools, signal), listFiles(tools, signal)]);
    return { resources: [...logs, ...files] };
  });
}

/** @throws ProtocolError, ResourceNotFoundError */
export async function readResource(
  conversation: Pick<Conversation, "tools">,
  uri: string,
  signal: AbortSignal,
): Promise<ReadResourceResult> {
  const name = parseResourceUri(uri);
  if (name === undefined) throw new ResourceNotFoundError(uri);
  return await told(async () => {
    const { context } = await conversation.tools();
    try {
      const contents =
        name.type === "file"
          ? await readFile(context, uri, name.path, signal)
          : await readLog(context, uri, name.id, signal);
      return { contents: [contents] };
    } catch (error) {
      const isMissing = ["ENOENT", "process.unknown", "process.reaped"] as const;
      if (isMissing.some((code) => isBerthError(error, code))) throw new ResourceNotFoundError(uri);
      throw error;
    }
  });
}

async function listLogs({ context }: Tools, signal: AbortSignal): Promise<Resource[]> {
  const { runtime } = context;
  if (!runtime.capabilities.spawn) return [];
  const processes = await runtime.processes({ signal });
  return processes
    .toSorted((a, b) => b.startedAt.localeCompare(a.startedAt))
    .slice(0, MAX_LOGS)
    .map((one) => logResource(context, one));
}

function logResource(context: ToolContext, { id, name, command, state, outputEnd }: ProcessInfo): Resource {
  const words = commandText({ command }).replace(/\s+/g, " ");
  return {
    uri: logUri(id),
    name: name ?? id,
    title: `Log of ${name ?? id}`,
    description: context.mask(`${words.slice(0, MAX_COMMAND_CHARACTERS)} (${state})`),
    mimeType: "text/plain",
    size: Math.min(outputEnd, LOG_BYTES),
  };
}

async function listFiles({ context }: Tools, signal: AbortSignal): Promise<Resource[]> {
  const { root, runtime } = context;
  try {
    const { files } = await runtime.fs.search({
      ...placeOptions(context, { signal }),
      paths: [root],
      types: ["file"],
      maxResults: MAX_FILES,
      sort: "modified",
    });
    return files.map(({ path, size }) => {
      const mimeType = mimeTypeOf(path);
      const uri = fileUri(root, path);
      return {
        uri,
        name: path.startsWith(`${root}/`) ? path.slice(root.length + 1) : path,
        ...(mimeType === undefined ? {} : { mimeType }),
        ...(size === undefined ? {} : { size }),
      };
    });
  } catch (error) {
    // Nothing to list by there; files are read by their names all the same.
    if (isBerthError(error, "runtime.capability_unsupported")) return [];
    throw error;
  }
}

async function readFile(
  context: ToolContext,
  uri: string,
  path: string,
  signal: AbortSignal,
): Promise<Contents> {
  const whole = readablePath(context, path);
  const bytes = await context.runtime.fs.readFile(whole, {
    ...placeOptions(context, { signal }, whole),
    start: 0,
    end: MAX_FILE_BYTES,
  });
  if (bytes.length > MAX_FILE_BYTES) {
    throw berthError("request.too_large", {
      message: `${path} is larger than ${MAX_FILE_BYTES} bytes`,
      hint: "Read a part of it by the tool file_read.",
    });
  }
  const mimeType = mimeTypeOf(path);
  const content = Buffer.from(bytes).toString("utf8");
  const text = context.maskOutput(content);
  if (isUtf8(bytes) && !bytes.includes(0)) return { uri, mimeType: mimeType ?? "text/plain", text };
  // Bytes can't be masked: what holds a secret is given as the text that is left of it.
  if (text !== content) return { uri, mimeType: "text/plain", text };
  return {
    uri,
    mimeType: mimeType ?? "application/octet-stream",
    blob: Buffer.from(bytes).toString("base64"),
  };
}

async function readLog(
  context: ToolContext,
  uri: string,
  id: string,
  signal: AbortSignal,
): Promise<Contents> {
  const process = await context.runtime.process(id, { signal });
  try {
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    let end = 0;
    for await (const chunk of process.output({ from: -LOG_BYTES, follow: false, signal })) {
      if (chunk.type !== "data") continue;
      chunks.push(chunk.data);
      bytes += chunk.data.length;
      end = chunk.cursor;
    }
    const tail = Buffer.concat(chunks);
    // Where it begins may be in the middle of a character or of a secret.
    const cut = end > bytes;
    const text = (cut ? tail.subarray(tail.indexOf("\n") + 1) : tail).toString("utf8");
    // Cleaned first: colours in the middle of a secret do not hide it.
    const clean = sealed(context, cleanText(text, "strip"), {
      start: cut,
      end: process.found.state === "running",
    });
    return { uri, mimeType: "text/plain", text: context.maskOutput(clean) };
  } finally {
    process.release();
  }
}

/** Errors with their codes, as an answer to a request. */
async function told<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ProtocolError) throw error;
    const { code, message, hint } = toldError(error);
    const text = `${message} (${code})${hint === "" ? "" : ` ${hint}`}`;
    throw new ProtocolError(ProtocolErrorCode.InternalError, text, { code, message, hint });
  }
}
