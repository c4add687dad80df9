import * as z from "zod";
import { pageOf, pageQuery, path, workspaceParams } from "./common.ts";
import type { Route } from "./route.ts";

const fileType = z.enum(["file", "directory", "symlink", "fifo", "socket", "block", "character"]);
const mode = z.int().min(0).max(0o7777).describe("Permission bits as a number: 420 is 0644.");
const as = {
  user: z.string().min(1).max(256).optional().describe("As whom."),
  contained: z
    .boolean()
    .optional()
    .describe(
      "Paths stay inside of the workdir, whatever links there are. Always so for tokens that are limited to workspaces, where the place can.",
    ),
};

const READ_ERRORS = [
  "ENOENT",
  "EACCES",
  "ENOTDIR",
  "ELOOP",
  "ENAMETOOLONG",
  "fs.timeout",
  "fs.outside_workspace",
] as const;
const WRITE_ERRORS = [...READ_ERRORS, "EISDIR", "EEXIST", "EROFS", "ENOSPC", "EPERM", "EBUSY"] as const;

export const fileStat = z
  .object({
    type: fileType,
    size: z.int(),
    mode: z.int().describe("Permission bits."),
    mtime_ms: z.number(),
    uid: z.int(),
    gid: z.int(),
    inode: z.number(),
    links: z.int(),
    symlink_target: z.string().nullable(),
  })
  .meta({ id: "FileStat" });

const directoryEntry = z.object({ name: z.string(), type: fileType }).meta({ id: "DirectoryEntry" });

export const watchEvent = z
  .discriminatedUnion("type", [
    z.object({
      type: z.literal("ready").describe("Changes from now on are told."),
      path: z.string().describe("What is watched, as the paths that are told begin."),
    }),
    z.object({
      type: z.enum(["create", "change", "remove"]),
      path: z.string(),
      inode: z.number().optional(),
      file_type: fileType.optional(),
    }),
    z.object({
      type: z.literal("rescan").describe("Events may have been lost: look at everything again."),
      path: z.string(),
    }),
  ])
  .meta({ id: "WatchEvent" });

export const fileRoutes = [
  {
    operationId: "readFile",
    place: true,
    method: "GET",
    path: "/v1/workspaces/{workspace}/files/content",
    tag: "files",
    summary: "Reads a file or a range of it",
    headers: { Range: "bytes=0-1023", "If-None-Match": "ETag that the caller has" },
    scope: "read",
    params: workspaceParams,
    query: z.strictObject({
      path,
      ...as,
      special: z.boolean().default(false).describe("Also FIFOs, sockets and devices."),
      download: z.boolean().default(false).describe("As an attachment, which browsers save."),
    }),
    responses: {
      200: { description: "The whole file; its type is told by its name.", contentType: "*/*" },
      206: { description: "The range.", contentType: "*/*" },
      304: { description: "It is as it was (If-None-Match)." },
    },
    errors: [...READ_ERRORS, "EISDIR", "EIO", "fs.not_a_regular_file", "fs.range_invalid", "fs.changed"],
  },
  {
    operationId: "writeFile",
    place: true,
    method: "PUT",
    path: "/v1/workspaces/{workspace}/files/content",
    tag: "files",
    summary: "Writes a file atomically; parents are made",
    headers: {
      "If-Match": "Only while its ETag is this one",
      "If-None-Match": "*: only when it is not there",
    },
    scope: "operate",
    params: workspaceParams,
    query: z.strictObject({
      path,
      ...as,
      mode: mode.optional().describe("Of a new file, as a number: 420 is 0644."),
      durable: z.boolean().default(false).describe("On the disk when it is answered."),
    }),
    bytes: { contentType: "application/octet-stream", maxBytes: 16 * 1024 ** 3 },
    responses: {
      200: {
        description: "It is written.",
        schema: z.object({ atomic: z.boolean(), bytes: z.int(), etag: z.string() }),
      },
    },
    errors: [...WRITE_ERRORS, "fs.changed", "fs.not_a_regular_file"],
  },
  {
    operationId: "listDirectory",
    place: true,
    method: "GET",
    path: "/v1/workspaces/{workspace}/files/entries",
    tag: "files",
    summary: "Entries of a directory, by name",
    scope: "read",
    params: workspaceParams,
    query: z.strictObject({ ...pageQuery, path: path.default("."), ...as }),
    responses: { 200: { description: "A page of them.", schema: pageOf(directoryEntry) } },
    errors: READ_ERRORS,
  },
  {
    operationId: "statFile",
    place: true,
    method: "GET",
    path: "/v1/workspaces/{workspace}/files/stat",
    tag: "files",
    summary: "Type, size, mode and times of a path",
    scope: "read",
    params: workspaceParams,
    query: z.strictObject({
      path,
      ...as,
      follow: z.boolean().default(true).describe("false: of a symlink itself."),
    }),
    responses: { 200: { description: "What it is.", schema: fileStat } },
    errors: READ_ERRORS,
  },
  {
    operationId: "statFiles",
    place: true,
    method: "POST",
    path: "/v1/workspaces/{workspace}/files/stat",
    tag: "files",
    summary: "Many paths at once",
    scope: "read",
    params: workspaceParams,
    body: z.strictObject({ paths: z.array(path).max(10_000), ...as }),
    responses: {
      200: {
        description: "In the order of the paths; null where there is nothing.",
        schema: z.object({ items: z.array(fileStat.nullable()) }),
      },
    },
    errors: READ_ERRORS,
  },
  {
    operationId: "makeDirectory",
    place: true,
    method: "POST",
    path: "/v1/workspaces/{workspace}/files/directories",
    tag: "files",
    summary: "Makes a directory",
    scope: "operate",
    params: workspaceParams,
    body: z.strictObject({ path, ...as, recursive: z.boolean().default(false), mode: mode.optional() }),
    responses: { 204: { description: "It is there." } },
    errors: WRITE_ERRORS,
  },
  {
    operationId: "renameFile",
    place: true,
    method: "POST",
    path: "/v1/workspaces/{workspace}/files/rename",
    tag: "files",
    summary: "Renames; replaces an existing file",
    scope: "operate",
    params: workspaceParams,
    body: z.strictObject({ from: path, to: path, ...as }),
    responses: { 204: { description: "It has the name." } },
    errors: [...WRITE_ERRORS, "ENOTEMPTY"],
  },
  {
    operationId: "removeFile",
    place: true,
    method: "DELETE",
    path: "/v1/workspaces/{workspace}/files",
    tag: "files",
    summary: "Removes a file or a tree",
    scope: "operate",
    params: workspaceParams,
    query: z.strictObject({
      path,
      ...as,
      recursive: z.boolean().default(false),
      force: z.boolean().default(false).describe("Nothing there is a success."),
    }),
    responses: { 204: { description: "It is gone." } },
    errors: [...WRITE_ERRORS, "ENOTEMPTY"],
  },
  {
    operationId: "watchFiles",
    place: true,
    method: "GET",
    path: "/v1/workspaces/{workspace}/files/watch",
    tag: "files",
    summary: "Changes below a path as server-sent events",
    scope: "read",
    params: workspaceParams,
    query: z.strictObject({
      path: path.default("."),
      ...as,
      recursive: z.boolean().default(true),
      ignore: z.array(z.string().min(1).max(1024)).max(100).optional().describe("Glob patterns."),
    }),
    responses: {
      200: {
        description: "Events ready (the watch is in place), create, change, remove, rescan.",
        contentType: "text/event-stream",
        events: watchEvent,
      },
    },
    errors: READ_ERRORS,
  },
  {
    operationId: "downloadArchive",
    place: true,
    method: "GET",
    path: "/v1/workspaces/{workspace}/files/archive",
    tag: "files",
    summary: "A file or tree as a tar archive",
    scope: "read",
    params: workspaceParams,
    query: z.strictObject({ path, ...as }),
    responses: { 200: { description: "The archive.", contentType: "application/x-tar" } },
    errors: READ_ERRORS,
  },
  {
    operationId: "uploadArchive",
    place: true,
    method: "PUT",
    path: "/v1/workspaces/{workspace}/files/archive",
    tag: "files",
    summary: "Unpacks a tar archive; an entry that would land outside is refused",
    scope: "operate",
    params: workspaceParams,
    query: z.strictObject({ path, ...as }),
    bytes: { contentType: "application/x-tar", maxBytes: 64 * 1024 ** 3 },
    responses: {
      200: {
        description: "It is unpacked.",
        schema: z.object({ bytes: z.int(), files: z.int() }),
      },
    },
    errors: [...WRITE_ERRORS, "fs.archive_invalid", "fs.archive_entry_outside"],
  },
] as const satisfies readonly Route[];
