import type { RuntimeConfig } from "./config.ts";
import { parseRuntimeConfig } from "./config.ts";
import { parseRunnerUri } from "./config-remote.ts";
import { parseSshHost } from "./config-ssh.ts";
import { berthError } from "./errors.ts";

/**
 * The grammar of runtime URIs (docs/cli.md), on purpose not that of `new URL`:
 *
 *     local:                            this machine, the current directory
 *     local:/srv/app                    this machine, that directory
 *     worktree:                         a git worktree below Berth's state directory, for workspaces
 *     docker://CONTAINER                a running container of the user's
 *     docker://CONTAINER/workdir
 *     docker-image:NAME[:TAG|@DIGEST]   a container made from an image
 *     ssh://[USER@]HOST[:PORT]          a host by SSH, the home directory there; HOST may be an alias of ~/.ssh/config
 *     ssh://HOST/workdir, ssh://HOST/~/workdir
 *     runner://HOST[:PORT]/WORKSPACE    a workspace of a runner; TLS for every host but this machine
 *
 * A percent sign, blanks and every other character of a path mean themselves. A word without one of these
 * prefixes is a name of berth.yaml, never a URI.
 */
const PREFIXES = ["local:", "worktree:", "docker://", "docker-image:", "ssh://", "runner://"] as const;

export function isRuntimeUri(text: string): boolean {
  return /^[a-z][a-z0-9+.-]*:/.test(text);
}

/** @throws runtime.uri_invalid, runtime.type_unsupported, config.invalid */
export function parseRuntimeUri(uri: string): RuntimeConfig {
  const invalid = (reason: string) =>
    berthError("runtime.uri_invalid", {
      message: `${JSON.stringify(uri)} is not a runtime: ${reason}`,
      context: { uri },
    });
  if (uri.startsWith("ssh:")) {
    const parsed = uri.startsWith("ssh://") ? parseSshHost(uri) : "two slashes are missing: ssh://HOST";
    // The text is not shown: it may hold a password.
    if (typeof parsed === "string") {
      throw berthError("runtime.uri_invalid", { message: `the ssh:// URI is not valid: ${parsed}` });
    }
    return parseRuntimeConfig({ type: "ssh", ...parsed }, `ssh://${parsed.host}`);
  }
  if (uri.startsWith("runner:")) {
    const parsed = uri.startsWith("runner://")
      ? parseRunnerUri(uri)
      : "two slashes are missing: runner://HOST[:PORT]/WORKSPACE";
    // The text is not shown: it may hold a token.
    if (typeof parsed === "string") {
      throw berthError("runtime.uri_invalid", { message: `the runner:// URI is not valid: ${parsed}` });
    }
    return parseRuntimeConfig({ type: "remote", ...parsed }, parsed.url);
  }
  if (uri.includes("\0")) throw invalid("it has a NUL character");
  if (uri.startsWith("local:")) {
    const path = uri.slice("local:".length);
    if (path === "") return { type: "local" };
    if (path.startsWith("//") || !path.startsWith("/"))
      throw invalid("the path has to be absolute: local:/srv/app");
    return { type: "local", workdir: path };
  }
  if (uri.startsWith("worktree:")) {
    if (uri !== "worktree:") throw invalid("nothing follows worktree:");
    return { type: "worktree" };
  }
  if (uri.startsWith("docker://")) {
    const rest = uri.slice("docker://".length);
    const slash = rest.indexOf("/");
    const containerId = slash === -1 ? rest : rest.slice(0, slash);
    const workdir = slash === -1 ? "" : rest.slice(slash);
    if (containerId === "") throw invalid("the container is missing: docker://CONTAINER[/workdir]");
    return parseRuntimeConfig(
      { type: "docker", containerId, ...(workdir.length > 1 ? { workdir } : {}) },
      uri,
    );
  }
  if (uri.startsWith("docker-image:")) {
    const image = uri.slice("docker-image:".length);
    if (image === "") throw invalid("the image is missing: docker-image:debian:12");
    if (image.startsWith("//"))
      throw invalid("there are no slashes behind the colon: docker-image:debian:12");
    return parseRuntimeConfig({ type: "docker", image }, uri);
  }
  const scheme = uri.slice(0, uri.indexOf(":"));
  if (scheme === "docker") throw invalid("two slashes are missing: docker://CONTAINER");
  throw invalid(`it starts with none of ${PREFIXES.join(" ")}`);
}
