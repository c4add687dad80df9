import { posix } from "node:path";
import { Readable } from "node:stream";
import { extract } from "tar-stream";
import type { DockerImageConfig } from "../../contract/config.ts";
import type { DockerEngine } from "../../transports/docker/engine.ts";
import { apiReason } from "../../transports/docker/errors.ts";
import type { ImageDescription } from "./pull.ts";

/** Links from /etc/passwd to where it really is, at most. */
const MAX_LINKS = 4;

/** The user that a container of an image will run as. */
export interface ImageUser {
  readonly uid: number;
  readonly gid: number;
  /** Absolute. */
  readonly home: string;
}

/**
 * Who a container of an image will run as, by the rules of the engine: the configuration's user or else the image's,
 * looked up in the image's own accounts, which are read from a container that need not run.
 */
export async function imageUser(
  engine: DockerEngine,
  container: string,
  image: ImageDescription,
  config: DockerImageConfig,
  signal: AbortSignal | undefined,
): Promise<ImageUser> {
  const [user = "", group = ""] = (config.user ?? image.Config.User ?? "").split(":");
  const passwd = rows(await readText(engine, container, "/etc/passwd", signal));
  const wanted = user === "" ? "0" : user;
  const account =
    passwd.find(([name]) => name === wanted) ?? passwd.find(([, , uid]) => uid === wanted) ?? [];
  const uid = number(account[2]) ?? number(wanted) ?? 0;
  const own = number(account[3]) ?? 0;
  const gid =
    group === "" ? own : (number(group) ?? (await groupId(engine, container, group, signal)) ?? own);
  return { uid, gid, home: variable(image, config, "HOME") ?? absolute(account[5]) ?? "/" };
}

async function groupId(
  engine: DockerEngine,
  container: string,
  wanted: string,
  signal: AbortSignal | undefined,
): Promise<number | undefined> {
  const groups = rows(await readText(engine, container, "/etc/group", signal));
  return number(groups.find(([name]) => name === wanted)?.[2]);
}

/** The image's own command gets the configuration's environment, and so does the container. */
function variable(image: ImageDescription, config: DockerImageConfig, name: string): string | undefined {
  const own = config.entrypoint === "image" ? config.env?.[name] : undefined;
  const prefix = `${name}=`;
  const inherited = image.Config.Env?.findLast((pair) => pair.startsWith(prefix))?.slice(prefix.length);
  return absolute(own ?? inherited);
}

function absolute(path: string | undefined): string | undefined {
  return path?.startsWith("/") ? posix.normalize(path) : undefined;
}

function number(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

function rows(text: string): string[][] {
  return text.split("\n").map((line) => line.split(":"));
}

/** A file of a container, also of one that does not run; "" when there is none. */
async function readText(
  engine: DockerEngine,
  container: string,
  path: string,
  signal: AbortSignal | undefined,
): Promise<string> {
  let at = path;
  for (let links = 0; links <= MAX_LINKS; links++) {
    const found = await readEntry(engine, container, at, signal);
    if (typeof found === "string") return found;
    if (found === undefined) return "";
    at = posix.resolve(posix.dirname(at), found.link);
  }
  return "";
}

async function readEntry(
  engine: DockerEngine,
  container: string,
  path: string,
  signal: AbortSignal | undefined,
): Promise<string | { readonly link: string } | undefined> {
  let stream: Readable;
  try {
    stream = await engine.stream({
      method: "GET",
      path: `/containers/${container}/archive`,
      query: { path },
      signal,
    });
  } catch (error) {
    if (apiReason(error)?.status === 404) return undefined;
    throw error;
  }
  const archive = extract();
  Readable.from(stream)
    .on("error", (error) => archive.destroy(error))
    .pipe(archive);
  let found: string | { readonly link: string } | undefined;
  for await (const entry of archive) {
    const { type, linkname } = entry.header;
    if (type === "symlink" && linkname) found = { link: linkname };
    const chunks: Buffer[] = [];
    for await (const chunk of entry as AsyncIterable<Buffer>) chunks.push(chunk);
    if (type === "file") found = Buffer.concat(chunks).toString("utf8");
  }
  return found;
}
