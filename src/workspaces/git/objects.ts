import { berthError } from "../../contract/errors.ts";
import { located } from "../../contract/located.ts";

/** Name of an object: 40 hex digits of SHA-1, or 64 of SHA-256. */
const OBJECT = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;

/** What a place calls an object is only taken for one when it can be nothing else. */
export function isObjectName(text: string): boolean {
  return OBJECT.test(text);
}

/** @throws workspace.git_failed */
export function checkedObject(text: string, description: string): string {
  if (isObjectName(text)) return text;
  throw berthError("workspace.git_failed", {
    message: `git ${located(description)} gave something that is no name of an object`,
  });
}

/** The rules of `git check-ref-format`, for whole names ("refs/…"). */
export function isRefName(name: string): boolean {
  if (!name.startsWith("refs/") || name.length > 1024) return false;
  if (name.endsWith(".") || name.includes("..") || name.includes("@{")) return false;
  if (/[\x00-\x20\x7f~^:?*[\\]/.test(name)) return false;
  const parts = name.split("/");
  return (
    parts.length > 1 && parts.every((part) => part !== "" && !part.startsWith(".") && !part.endsWith(".lock"))
  );
}

/**
 * Environment of every git that reads objects for Berth: history is what it is, without anybody's replacements, and
 * objects that a partial clone lacks are not fetched behind the user's back (GIT_NO_LAZY_FETCH is known from git 2.44;
 * older ones have no way to the remote when they may use no protocol).
 */
export const OBJECTS_AS_THEY_ARE: Readonly<Record<string, string>> = {
  GIT_NO_REPLACE_OBJECTS: "1",
  // A file that can't be: an empty one gets a warning.
  GIT_GRAFT_FILE: "/dev/null/none",
  GIT_NO_LAZY_FETCH: "1",
  GIT_ALLOW_PROTOCOL: "none",
};
