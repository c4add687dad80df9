import type { FileStat, FileType } from "../../contract/files.ts";
import { nameFromBytes } from "../../files/names.ts";
import type { PlaceTools } from "./tools.ts";

const GNU_FORMAT = "%f %s %u %g %i %h %y";
const BSD_FORMAT = "%p %z %u %g %i %l %Fm";

/**
 * Options of `stat` for lines of `_bst` with what comes behind them: the path ("n"), or that of the directory itself ("-"). Not for places whose tool
 * is ls.
 */
export function statFormat(tools: PlaceTools, behind: "n" | "-"): string {
  const [option, format, name] = tools.stat === "gnu" ? ["-c", GNU_FORMAT, "%n"] : ["-f", BSD_FORMAT, "%N"];
  return `${option} '${format} ${behind === "n" ? name : "."}'`;
}

/** Defines `_bt PATH...`: one line for each path, which exist; a link is followed or not. */
export function statFunction(tools: PlaceTools, follow: boolean): string {
  if (tools.stat === "gnu") return `_bst() { stat ${follow ? "-L " : ""}-c '${GNU_FORMAT}' "$@"; }`;
  if (tools.stat === "bsd") return `_bst() { stat ${follow ? "-L " : ""}-f '${BSD_FORMAT}' "$@"; }`;
  const ls = `ls -l${follow ? "L" : ""}ind ${tools.lsFullTime ? "--full-time " : ""}`;
  // One by one, as ls sorts; only the first line, as a name may have more.
  return `_bst() {
for _bx do
_by=$(${ls}"$_bx") || return 1
printf '%s\\n' "\${_by%%
*}"
done
}`;
}

/** One line of `_bst`. @throws Error for a line that is none */
export function parseStat(line: string, style: PlaceTools["stat"], now = new Date()): FileStat {
  const stat = style === "ls" ? parseLs(line, now) : parseFields(line, style);
  if (stat !== undefined) return stat;
  throw new Error(`the place's ${style === "ls" ? "ls" : "stat"} prints something else`);
}

/** mode size uid gid inode links, then the time: GNU's date with fraction and zone, BSD's seconds with fraction. */
function parseFields(line: string, style: "gnu" | "bsd"): FileStat | undefined {
  const match = /^([0-9a-f]+) (\d+) (\d+) (\d+) (\d+) (\d+) (.+)$/.exec(line);
  if (match === null) return undefined;
  const [, modeText = "", size, uid, gid, inode, links, time = ""] = match;
  const mode = Number.parseInt(modeText, style === "gnu" ? 16 : 8);
  const mtimeMs = style === "gnu" ? parseIsoTime(time) : Math.round(Number(time) * 1000);
  const type = TYPES_BY_MODE[mode >> 12];
  if (type === undefined || !Number.isFinite(mtimeMs)) return undefined;
  return {
    type,
    size: Number(size),
    mode: mode & 0o7777,
    mtimeMs,
    uid: Number(uid),
    gid: Number(gid),
    inode: Number(inode),
    links: Number(links),
  };
}

/** File type bits of st_mode (S_IFMT), in steps of 0o010000. */
const TYPES_BY_MODE: readonly (FileType | undefined)[] = [
  undefined,
  "fifo",
  "character",
  undefined,
  "directory",
  undefined,
  "block",
  undefined,
  "file",
  undefined,
  "symlink",
  undefined,
  "socket",
];

const TYPES_BY_LETTER: Record<string, FileType> = {
  p: "fifo",
  c: "character",
  d: "directory",
  b: "block",
  "-": "file",
  l: "symlink",
  s: "socket",
};

/** `inode perms links uid gid size|major, minor date name`. */
function parseLs(line: string, now: Date): FileStat | undefined {
  const match =
    /^\s*(\d+)\s+([-dlpsbc])([-rwxsStT]{9})\S?\s+(\d+)\s+(\d+)\s+(\d+)\s+(?:(\d+)|\d+,\s*\d+|0x[0-9a-f]+)\s+(.+)$/.exec(
      line,
    );
  if (match === null) return undefined;
  const [, inode, letter = "", permissions = "", links, uid, gid, size, rest = ""] = match;
  const type = TYPES_BY_LETTER[letter];
  const mtimeMs = parseLsTime(rest, now);
  if (type === undefined || mtimeMs === undefined) return undefined;
  return {
    type,
    size: Number(size ?? 0),
    mode: permissionBits(permissions),
    mtimeMs,
    uid: Number(uid),
    gid: Number(gid),
    inode: Number(inode),
    links: Number(links),
  };
}

/** `rwxr-sr-t` as bits. */
export function permissionBits(text: string): number {
  let mode = 0;
  for (let index = 0; index < 9; index++) {
    const letter = text[index];
    const bit = 1 << (8 - index);
    if (letter === "-" || letter === undefined) continue;
    if (letter !== "S" && letter !== "T") mode |= bit;
    if ("sStT".includes(letter)) mode |= [0o4000, 0o2000, 0o1000][Math.floor(index / 3)]!;
  }
  return mode;
}

/** `2026-11-21 10:17:44.933678293 +0000`, fraction optional. */
function parseIsoTime(text: string): number {
  const match = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d+))? ([+-]\d\d)(\d\d)/.exec(text);
  if (match === null) return Number.NaN;
  const [, day, time, fraction = "", hours, minutes] = match;
  const seconds = Date.parse(`${day}T${time}${hours}:${minutes}`);
  return seconds + Math.floor(Number(`0.${fraction || 0}`) * 1000);
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** The time of an ls line, in UTC as the script asks for; without a year it is the last such day. */
function parseLsTime(text: string, now: Date): number | undefined {
  const iso = parseIsoTime(text);
  if (!Number.isNaN(iso)) return iso;
  const match = /^([A-Z][a-z]{2})\s+(\d{1,2})\s+(?:(\d\d):(\d\d)|(\d{4}))\s/.exec(text);
  const month = MONTHS.indexOf(match?.[1] ?? "");
  if (match === null || month === -1) return undefined;
  const [, , day, hours, minutes, year] = match;
  if (year !== undefined) return Date.UTC(Number(year), month, Number(day));
  const at = (inYear: number) => Date.UTC(inYear, month, Number(day), Number(hours), Number(minutes));
  const thisYear = at(now.getUTCFullYear());
  // A clock there that is a little ahead does not put the file a year back.
  return thisYear > now.getTime() + 24 * 60 * 60 * 1000 ? at(now.getUTCFullYear() - 1) : thisYear;
}

/** What the stat script prints: a line, and for a link its target and a newline. */
export function parseStatOutput(output: Buffer, style: PlaceTools["stat"]): FileStat {
  const end = output.indexOf(0x0a);
  const stat = parseStat(output.toString("latin1", 0, end), style);
  if (stat.type !== "symlink" || end + 1 >= output.length) return stat;
  return { ...stat, symlinkTarget: nameFromBytes(output.subarray(end + 1)) };
}
