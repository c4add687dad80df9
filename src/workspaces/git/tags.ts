import { createHash } from "node:crypto";
import { gitArgv } from "./environment.ts";
import type { GitPlace } from "./git-place.ts";
import { isObjectName, isRefName, OBJECTS_AS_THEY_ARE } from "./objects.ts";
import { succeed } from "./places.ts";

/** A tag that stands for a commit. */
export interface Tag {
  /** "refs/tags/…" */
  readonly name: string;
  /** The tag's own object, or the commit itself. */
  readonly object: string;
  readonly commit: string;
}

const FORMAT = "%(objecttype) %(objectname) %(*objecttype) %(*objectname) %(refname)";

/** Tags of a repository that stand for commits. Tags of trees, of blobs and of tags stay where they are. */
export async function listTags(
  git: GitPlace,
  gitDir: string,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<Tag[]> {
  const argv = gitArgv([`--git-dir=${gitDir}`, "for-each-ref", `--format=${FORMAT}`, "refs/tags"]);
  const listed = await succeed(git, argv, { env: OBJECTS_AS_THEY_ARE, signal: options.signal });
  return listed.split("\n").flatMap((line) => {
    const [type, object = "", peeledType, peeled = "", name = ""] = line.split(" ");
    const commit = type === "commit" ? object : type === "tag" && peeledType === "commit" ? peeled : "";
    return isObjectName(commit) && isObjectName(object) && isRefName(name) ? [{ name, object, commit }] : [];
  });
}

/** The same for the same tags: told to a place, which keeps it with what it got, so that both need not list them. */
export function tagsDigest(tags: readonly Tag[]): string {
  const hash = createHash("sha256");
  for (const { name, object } of tags) hash.update(`${object} ${name}\n`);
  return hash.digest("hex");
}

/**
 * Those of the tags whose commits are reachable from `known`. Walks only what the tags have besides.
 */
export async function tagsReachedFrom(
  git: GitPlace,
  gitDir: string,
  tags: readonly Tag[],
  known: readonly string[],
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<Tag[]> {
  if (tags.length === 0 || known.length === 0) return [];
  const settings = { env: OBJECTS_AS_THEY_ARE, signal: options.signal };
  const commits = new Set(tags.map(({ commit }) => commit));
  const lines = [...commits, ...known.map((object) => `^${object}`)].join("\n");
  // What the sender does not have of the place's history says nothing about its own.
  const argv = gitArgv([`--git-dir=${gitDir}`, "rev-list", "--ignore-missing", "--stdin"]);
  const beyond = new Set<string>();
  let rest = "";
  const decoder = new TextDecoder();
  for await (const chunk of git.stream(argv, { ...settings, input: `${lines}\n` })) {
    const text = rest + decoder.decode(chunk, { stream: true });
    const end = text.lastIndexOf("\n");
    rest = text.slice(end + 1);
    for (const line of text.slice(0, Math.max(0, end)).split("\n")) if (commits.has(line)) beyond.add(line);
  }
  return tags.filter(({ commit }) => !beyond.has(commit));
}
