import { shellQuote } from "../../transports/shell-quote.ts";
import { FOLLOW, octal, onPath, readLinkFunction } from "./file-scripts.ts";
import type { PlaceTools } from "./tools.ts";

/** Unpacks the archive on stdin. Owners are not kept: what is unpacked belongs to who unpacks. */
export function unpackBody(path: string, tools: PlaceTools): string {
  return onPath(
    path,
    readLinkFunction(tools),
    FOLLOW,
    `if [ -e "$_bp" ] && [ ! -d "$_bp" ]; then _bE ENOTDIR; fi
mkdir -p "$_bp" || _bF "$_bp"
tar -x -p -o -f - -C "$_bp" || _bF "$_bp"`,
  );
}

/**
 * Prints "d" and an archive of the directory, "-" and nothing for a file. GNU tar's status 1 means that a file was
 * changed while it was read.
 */
export function packBody(path: string, tools: PlaceTools): string {
  const pack =
    tools.tar === "gnu"
      ? 'tar -c --format=posix -f - -C "$_bp" . || { [ "$?" = 1 ] || _bF "$_bp"; }'
      : tools.tar === "none"
        ? ":"
        : 'tar -c -f - -C "$_bp" . || _bF "$_bp"';
  return onPath(
    path,
    `if [ ! -e "$_bp" ]; then _bF "$_bp"; fi
if [ ! -d "$_bp" ]; then
if [ ! -f "$_bp" ]; then _bE fs.not_a_regular_file; fi
printf -- -
exit 0
fi
if [ ! -r "$_bp" ] || [ ! -x "$_bp" ]; then _bE EACCES; fi
printf d
${pack}`,
  );
}

/** Mode and time of something that is there already. `touch -t` of POSIX has whole seconds. */
export function attributesBody(path: string, mode: number, mtimeMs: number, tools: PlaceTools): string {
  const time = tools.coreutils
    ? `-d @${(mtimeMs / 1000).toFixed(3)}`
    : `-t ${new Date(mtimeMs).toISOString().replace(/^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d).*$/, "$1$2$3$4$5.$6")}`;
  return onPath(path, `chmod ${octal(mode)} "$_bp" || _bF "$_bp"\ntouch ${time} "$_bp" || _bF "$_bp"`);
}

/** A directory to put entries into; a link to one may only be the top itself. */
export function directoryBody(path: string, top: boolean): string {
  return onPath(
    path,
    top ? ":" : 'if [ -L "$_bp" ]; then _bE fs.archive_entry_outside; fi',
    'if [ ! -d "$_bp" ]; then mkdir -p "$_bp" || _bF "$_bp"; fi',
  );
}

/** Makes room for a file that is not to be written through a link. */
export function removeLinkBody(path: string): string {
  return onPath(path, 'if [ -L "$_bp" ]; then rm -f "$_bp" || _bF "$_bp"; fi');
}

/** A link in the place of whatever is there, but for a directory. */
export function replaceLinkBody(target: string, path: string): string {
  return onPath(
    path,
    `if [ -d "$_bp" ] && [ ! -L "$_bp" ]; then _bE EISDIR; fi
rm -f "$_bp" || _bF "$_bp"
ln -s -- ${shellQuote(target)} "$_bp" || _bF "$_bp"`,
  );
}
