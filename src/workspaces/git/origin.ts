/** What of a remote's URL may go to another place: no credentials, and nothing that is only meant for this machine. */
export type PortableUrl =
  | { readonly url: string; readonly leftOut?: undefined }
  | { readonly url?: undefined; readonly leftOut: string };

const WITH_SCHEME = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)([^?#]*)/i;
const HOST = /^(?:\[[0-9a-f:.%]+\]|[^@:[\]\s]+)(?::\d*)?$/i;
const LIKE_SCP = /^(?:([^@/\s]+)@)?(\[[^\]/]+\]|[^@:/[\]\s]+):(?!:)(.*)$/s;
const SSH_SCHEMES = new Set(["ssh", "git+ssh", "ssh+git"]);
const OTHER_SCHEMES = new Set(["http", "https", "git", "ftp", "ftps"]);

/**
 * A remote's URL without its credentials. HTTP loses all of its user info, SSH keeps the name of the account, which is
 * part of the address there ("git@"), and loses a password. Paths of this machine, `file://` and transport helpers
 * (`ext::…`) mean nothing elsewhere and are left out.
 */
export function portableUrl(url: string): PortableUrl {
  const parts = WITH_SCHEME.exec(url);
  if (parts !== null) {
    const scheme = (parts[1] as string).toLowerCase();
    const authority = parts[2] as string;
    const path = parts[3] as string;
    if (scheme === "file") return { leftOut: "it is a path of this machine" };
    const ssh = SSH_SCHEMES.has(scheme);
    if (!ssh && !OTHER_SCHEMES.has(scheme))
      return { leftOut: "its scheme is not one that git has by itself" };
    const at = authority.lastIndexOf("@");
    const host = authority.slice(at + 1);
    if (!HOST.test(host)) return { leftOut: "its host can't be told from its credentials" };
    const user = at < 0 ? "" : (authority.slice(0, at).split(":", 1)[0] as string);
    return { url: `${scheme}://${ssh && user !== "" ? `${user}@` : ""}${host}${path}` };
  }
  if (/^[a-z][a-z0-9+.-]*::/i.test(url)) return { leftOut: "it needs a program of this machine" };
  // "user:password@host:path", which no git understands, but a password all the same.
  const like = /^([^@:/\s]+):[^@/\s]*@([^@:/\s]+:.*)$/s.exec(url);
  const scp = LIKE_SCP.exec(like === null ? url : `${like[1]}@${like[2]}`);
  if (scp === null) return { leftOut: "it is a path of this machine" };
  const user = scp[1] === undefined ? "" : `${scp[1].split(":", 1)[0]}@`;
  return { url: `${user}${scp[2]}:${scp[3]}` };
}

/**
 * Resolves a shorthand ("gh:name/project") by the user's `url.<base>.insteadOf`, the longest first, as git does. A
 * whole URL stays as it is written: what replaces it is this machine's affair.
 */
export function expandShorthand(url: string, config: ReadonlyMap<string, readonly string[]>): string {
  if (WITH_SCHEME.test(url) || /^[^@/\s]+@[^:/\s]+:/.test(url)) return url;
  let best: { readonly base: string; readonly prefix: string } | undefined;
  for (const [key, prefixes] of config) {
    const base = /^url\.(.*)\.insteadof$/s.exec(key)?.[1];
    if (base === undefined) continue;
    for (const prefix of prefixes) {
      if (url.startsWith(prefix) && prefix.length > (best?.prefix.length ?? 0)) best = { base, prefix };
    }
  }
  return best === undefined ? url : best.base + url.slice(best.prefix.length);
}
