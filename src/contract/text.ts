import type { FileOptions } from "./files.ts";

/**
 * State of a file's content, to say "as I saw it" by: the same string means the same bytes, another one that they were
 * changed. Opaque.
 */
export type FileVersion = string;

export interface ReadTextOptions extends FileOptions {
  /** First line, from 1; negative counts from the end (-1 is the last). Default 1. */
  readonly startLine?: number;
  /** Lines at most. Default 2,000. */
  readonly maxLines?: number;
  /** Bytes of text at most; whole lines are left away behind it, and told by `nextLine`. Default 256 KiB. */
  readonly maxBytes?: number;
  /** A longer line is cut at a character. Default 2,000. */
  readonly maxLineBytes?: number;
  /** Content of an image up to this size comes along. Default 0: none. */
  readonly maxImageBytes?: number;
}

export interface TextLine {
  /** From 1. */
  readonly number: number;
  /** Without its line end; bytes that are no UTF-8 are U+FFFD. */
  readonly text: string;
  /** Bytes that were cut from its end. */
  readonly cutBytes?: number | undefined;
}

interface Looked {
  /** Absolute path in the place, as it was asked for. */
  readonly path: string;
  /** Bytes of the file. */
  readonly size: number;
  readonly mtimeMs: number;
  readonly version: FileVersion;
}

/** What a file is, and the part of it that was asked for. */
export type TextRead =
  | (Looked & {
      readonly kind: "text";
      readonly lines: readonly TextLine[];
      /** Lines of the whole file. */
      readonly totalLines: number;
      /** First line that was asked for and is not in `lines`; missing when everything is. */
      readonly nextLine?: number | undefined;
      readonly lineEnd: "lf" | "crlf" | "mixed" | "none";
      readonly finalLineEnd: boolean;
      /** It begins with a byte order mark, which is not part of `lines`. */
      readonly byteOrderMark: boolean;
      /** Some of its bytes are no UTF-8. */
      readonly invalidUtf8: boolean;
    })
  | (Looked & { readonly kind: "image"; readonly mediaType: string; readonly data?: Uint8Array | undefined })
  | (Looked & { readonly kind: "binary"; readonly mediaType?: string | undefined });

/** One change to the text of a file. Line ends of `\n` in what is given stand for the file's own. */
export type TextEdit =
  /** `oldText` has to be there exactly once, unless `all`. */
  | {
      readonly type: "replace";
      readonly oldText: string;
      readonly newText: string;
      readonly all?: boolean | undefined;
    }
  /** Whole lines behind line `line`; 0: at the start, -1: at the end. */
  | { readonly type: "insert"; readonly line: number; readonly text: string }
  /** Lines of a patch: context and removed ones are looked for, exactly first, then without regard to blanks. */
  | {
      readonly type: "hunk";
      readonly lines: readonly {
        readonly kind: "context" | "remove" | "add";
        readonly text: string;
      }[];
      /**
       * Where the old lines are said to begin, from 1, in the file before the change: of several places the nearest one is
       * meant. Without old lines: in front of which line the new ones go.
       */
      readonly line?: number | undefined;
      /** Lines that come before it in this order, such as the head of a class and of a method. */
      readonly anchors?: readonly string[] | undefined;
      /** Its old lines are the last ones of the file. */
      readonly atEnd?: boolean | undefined;
      /** Whether the last line of the file has a line end afterwards; it stays as it is without it. Only with `atEnd`. */
      readonly finalLineEnd?: boolean | undefined;
    };

/** A change to a file. `expected`: the version that it was when it was looked at; another one is fs.changed. */
export type FileChange =
  /** The edits are applied in order, each to what the one before left, all or none. */
  | {
      readonly type: "edit";
      readonly path: string;
      readonly edits: readonly TextEdit[];
      /** Also renames it. */
      readonly moveTo?: string | undefined;
      readonly expected?: FileVersion | undefined;
    }
  /** The whole content. `expected: null`: there must be no such file. */
  | {
      readonly type: "write";
      readonly path: string;
      readonly content: string;
      readonly mode?: number | undefined;
      readonly expected?: FileVersion | null | undefined;
    }
  | { readonly type: "remove"; readonly path: string; readonly expected?: FileVersion | undefined };

export interface ChangeOptions extends FileOptions {
  /** Only looks whether it could be done, and what would come of it. Default false. */
  readonly dryRun?: boolean;
  /** fsync before each rename. */
  readonly durable?: boolean;
}

export interface ChangedFile {
  readonly path: string;
  readonly movedTo?: string | undefined;
  readonly created: boolean;
  readonly removed: boolean;
  /** Of the new content; null when it was removed. */
  readonly version: FileVersion | null;
  /** Lines, as in the diff. */
  readonly additions: number;
  readonly deletions: number;
  /** Unified diff with three lines of context, at most 64 KiB; `diffCut` when there is more of it. */
  readonly diff: string;
  readonly diffCut: boolean;
  /** A hunk was found only without regard to blanks or to quotes and dashes that look alike. */
  readonly fuzzy: boolean;
  /** False when it had to be written in place (SEMANTICS, Files 1). */
  readonly atomic: boolean;
}

export interface SearchOptions extends FileOptions {
  /** Directories and files to look in. Default: the workdir. */
  readonly paths?: readonly string[];
  /**
   * Regular expression that a line has to match; without it files are found by their names alone. ripgrep's dialect; Berth's
   * own engine has looks around and references back besides, and may take time that grows with the square of a line's length
   * (`(\w+)x`) or worse: `deadlineMs` ends that. Without a daemon and without ripgrep it is what an extended expression of
   * grep can say, byte by byte: no `multiline`, looks around, references back or Unicode properties, and only ASCII without
   * regard to case (search.pattern_invalid).
   */
  readonly pattern?: string;
  /** `pattern` is plain text. Default false. */
  readonly literal?: boolean;
  /** Default false. "smart": when the pattern has no capital letter. */
  readonly ignoreCase?: boolean | "smart";
  /** Matches are whole words. */
  readonly word?: boolean;
  /** A match may go over several lines, and `.` matches line ends. */
  readonly multiline?: boolean;
  /** Path patterns: one without "/" matches names, `**` any number of directories, `!` in front leaves out. */
  readonly globs?: readonly string[];
  /** Of entries found by name. Default ["file"]. */
  readonly types?: readonly ("file" | "directory" | "symlink")[];
  /** Levels below each path. Default: all. */
  readonly maxDepth?: number;
  /** Also names with a leading dot (.git never, unless it is one of `paths`). Default false. */
  readonly hidden?: boolean;
  /** Also what .gitignore, .ignore and .rgignore leave out. Default false. */
  readonly ignored?: boolean;
  /**
   * What is told of a file: its matching lines, that it has some, or how many. Default "lines". With "files" and "count"
   * each file is one result, for `maxResults` and `SearchResult.results`.
   */
  readonly show?: "lines" | "files" | "count";
  /** Lines of context. Default 0. */
  readonly before?: number;
  readonly after?: number;
  /** Matching lines (files, when `show` is not "lines"; entries, when there is no pattern) at most. Default 1,000. */
  readonly maxResults?: number;
  /** Matching lines of one file that are told, or counted, at most: what is behind them is not `truncated`. Default: all. */
  readonly maxPerFile?: number;
  /** Text of lines at most, in bytes. Default 256 KiB. */
  readonly maxBytes?: number;
  /** A longer line is cut around its match. Default 500. */
  readonly maxLineBytes?: number;
  /** Larger files are left out. Default: none. */
  readonly maxFileBytes?: number;
  /** Milliseconds that the search as a whole may take: operation.timeout. Default 60,000. */
  readonly deadlineMs?: number;
  /** "modified": the newest first. Default "path". */
  readonly sort?: "path" | "modified";
}

export interface SearchLine {
  /** From 1. */
  readonly number: number;
  readonly text: string;
  readonly match: boolean;
  /** Something of it was cut. */
  readonly cut?: boolean | undefined;
}

export interface SearchedFile {
  /** Absolute path in the place. */
  readonly path: string;
  readonly type: "file" | "directory" | "symlink";
  /** Bytes, and milliseconds since the epoch; of entries found by name. */
  readonly size?: number | undefined;
  readonly mtimeMs?: number | undefined;
  /** Matching lines, as far as they were counted. */
  readonly matches: number;
  /** In order, with context. */
  readonly lines: readonly SearchLine[];
}

export interface SearchResult {
  readonly files: readonly SearchedFile[];
  /** Of what `maxResults` counts, so much is in `files`. */
  readonly results: number;
  /** There is more than the limits let through. */
  readonly truncated: boolean;
  /** What could not be looked at, the first 20, with the errno as reason. */
  readonly skipped: readonly { readonly path: string; readonly reason: string }[];
  /** What looked: ripgrep of the place, Berth, or, where Berth has no daemon, find and grep of the place. */
  readonly engine: "ripgrep" | "berth" | "grep";
}
