import { execFile } from "node:child_process";
import { promises as fs } from "node:fs";
import { berthError } from "../../contract/errors.ts";

/** A user of the place, as processes are started and files are touched for it. */
export interface PlaceUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  /** All groups, the primary one included. */
  readonly groups: readonly number[];
  readonly home: string;
  readonly shell: string;
}

/**
 * Finds "name", "uid", "uid:gid" or "name:group" in the place's user database: its files, else `getent`, which
 * knows directory services too. A uid without an entry is a user with HOME "/" and no name of its own.
 * @throws process.user_not_found
 */
export async function findUser(text: string): Promise<PlaceUser> {
  const [userPart = "", groupPart] = text.split(":", 2);
  const entry = await passwdEntry(userPart);
  if (entry === undefined && !isId(userPart)) {
    throw berthError("process.user_not_found", { hop: "berthd", context: { user: text } });
  }
  const groups = parseGroups(await readOr("/etc/group"));
  const base = entry ?? { name: userPart, uid: Number(userPart), gid: 0, home: "/", shell: "/bin/sh" };
  let gid = base.gid;
  if (groupPart !== undefined) {
    const group = groups.find((candidate) => candidate.name === groupPart);
    if (group === undefined && !isId(groupPart)) {
      throw berthError("process.user_not_found", { hop: "berthd", context: { user: text } });
    }
    gid = group?.gid ?? Number(groupPart);
  }
  const supplementary = groups.filter((group) => group.members.includes(base.name)).map((group) => group.gid);
  return { ...base, gid, groups: [...new Set([gid, ...supplementary])] };
}

/** A number that the kernel takes: the largest one means "unchanged" there. */
function isId(text: string): boolean {
  return /^\d{1,10}$/.test(text) && Number(text) < 2 ** 32 - 1;
}

type PasswdEntry = Omit<PlaceUser, "groups">;

async function passwdEntry(nameOrUid: string): Promise<PasswdEntry | undefined> {
  const find = (text: string): PasswdEntry | undefined =>
    parsePasswd(text).find((entry) => entry.name === nameOrUid || String(entry.uid) === nameOrUid);
  return find(await readOr("/etc/passwd")) ?? find(await getent(nameOrUid));
}

export function parsePasswd(text: string): PasswdEntry[] {
  return text.split("\n").flatMap((line) => {
    const [name, , uid, gid, , home, shell] = line.split(":");
    if (name === undefined || !/^\d+$/.test(uid ?? "") || !/^\d+$/.test(gid ?? "")) return [];
    return [{ name, uid: Number(uid), gid: Number(gid), home: home || "/", shell: shell || "/bin/sh" }];
  });
}

function parseGroups(text: string): { name: string; gid: number; members: string[] }[] {
  return text.split("\n").flatMap((line) => {
    const [name, , gid, members] = line.split(":");
    if (name === undefined || !/^\d+$/.test(gid ?? "")) return [];
    return [{ name, gid: Number(gid), members: (members ?? "").split(",") }];
  });
}

async function readOr(path: string): Promise<string> {
  try {
    return await fs.readFile(path, "utf8");
  } catch {
    // A place without this file has no named users.
    return "";
  }
}

function getent(nameOrUid: string): Promise<string> {
  return new Promise((resolve) => {
    execFile("getent", ["passwd", nameOrUid], { timeout: 5000 }, (error, stdout) =>
      resolve(error === null ? stdout : ""),
    );
  });
}
