import { nameToBytes } from "../../files/names.ts";
import { shellQuote } from "../shell-quote.ts";

/**
 * Longest script that stands in the command line itself. sshd hands the command line to the login shell as one
 * argument, which Linux bounds at 128 KiB; older tcsh and some sshd bound it at less. A longer one comes by stdin.
 */
const MAX_INLINE_CHARACTERS = 16 * 1024;

/**
 * What names one connection, and differs from one command to the next. A bash that finds it takes itself for the one
 * that sshd started, and reads the user's start-up files again.
 */
const SESSION_VARIABLES = "SSH_CLIENT SSH2_CLIENT SSH_CONNECTION";

export interface CommandLineOptions {
  /** Directory in which the command runs; default: the home directory. */
  readonly cwd?: string | undefined;
  /** The command waits for `GO_LINE` on its stdin: see guarded start-up in login.ts. */
  readonly guarded?: boolean | undefined;
}

export interface CommandLine {
  /** For the login shell of the place. */
  readonly text: string;
  /** Stands on stdout and on stderr right before the command's own output; on stderr first. */
  readonly mark: Buffer;
  /** What is written to stdin once the marks have come, before the command's own input. */
  readonly input: string;
}

/**
 * An argv as a command line that means the same in every login shell (bash, dash, zsh, ksh, fish, tcsh, csh): a
 * word that is only letters which stand for themselves in single quotes everywhere, with all others written for
 * `printf %b`, and which /bin/sh puts together again. Words may hold any byte but NUL, as in file names.
 *
 * The script prints a mark on both streams before it becomes the command, so that what start-up files print can be
 * told from its output. It ends when it cannot print them: then nobody waits for it any more. The mark is put
 * together by printf, so that a shell that shows what it runs (`set -x`) does not show the mark itself.
 *
 * @param nonce letters and digits that nobody can guess
 */
export function commandLine(
  argv: readonly string[],
  nonce: string,
  options: CommandLineOptions = {},
): CommandLine {
  const marks = `printf '\\036%s\\036' ${nonce} >&2 && printf '\\036%s\\036' ${nonce} || exit 125`;
  const guard = `while IFS= read -r _b && [ "$_b" != ${nonce} ]; do :; done`;
  const command = `${changeDirectory(options.cwd)}unset ${SESSION_VARIABLES}\nexec ${argv.map(shellQuote).join(" ")}`;
  const go = options.guarded ? `${nonce}\n` : "";
  const start = options.guarded ? `${marks}\n${guard}` : marks;
  const mark = Buffer.from(`\x1e${nonce}\x1e`);
  const encoded = encode(`${start}\n${command}`);
  if (encoded.length <= MAX_INLINE_CHARACTERS) return { text: line(encoded), mark, input: go };
  const read = `IFS= read -r _b || exit 125\neval "$(printf %b "$_b")"`;
  return { text: line(encode(`${start}\n${read}`)), mark, input: `${go}${encode(command)}\n` };
}

function line(encoded: string): string {
  return `exec /bin/sh -c 'eval "$(printf %b "$0")"' '${encoded}'`;
}

/** CDPATH could lead elsewhere, and `cd -` means the directory before. */
function changeDirectory(cwd: string | undefined): string {
  if (cwd === undefined) return "";
  const path = cwd.startsWith("/") ? cwd : `./${cwd}`;
  return `CDPATH= cd ${shellQuote(path)} || exit 126\n`;
}

/** `printf %b` reads \0 and three octal digits as one byte. */
function encode(script: string): string {
  let text = "";
  for (const byte of nameToBytes(script)) {
    const character = String.fromCharCode(byte);
    text += /[A-Za-z0-9 _@%+=:,./<>|&;"$()[\]{}*?~#-]/.test(character)
      ? character
      : `\\0${byte.toString(8).padStart(3, "0")}`;
  }
  return text;
}
