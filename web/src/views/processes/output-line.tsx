import type { CSSProperties, ReactNode } from "react";
import { classes } from "../../ui/classes.ts";
import type { AnsiColour, TextStyle } from "./ansi.ts";
import css from "./output.module.css";
import type { Line, Span } from "./output-lines.ts";
import { lineText } from "./output-lines.ts";

/** Where a text is in the line: from, to. */
export type Range = readonly [from: number, to: number];

const MARKS: Readonly<Record<Line["source"], { readonly mark: string; readonly name: string }>> = {
  stdout: { mark: "", name: "" },
  tty: { mark: "", name: "" },
  stderr: { mark: "E", name: "stderr: " },
  input: { mark: "›", name: "input: " },
  note: { mark: "·", name: "" },
};

interface OutputLineProps {
  readonly line: Line;
  readonly found?: readonly Range[] | undefined;
  /** Which of them one is at. */
  readonly current?: number | undefined;
}

/** A line; what stands before it tells where it comes from. */
export function OutputLine({ line, found = [], current }: OutputLineProps) {
  const { mark, name } = MARKS[line.source];
  return (
    <div className={classes(css.line, css[line.source])} data-line={line.number}>
      <span className={css.mark} aria-hidden="true" title={mark === "E" ? "stderr" : undefined}>
        {mark}
      </span>
      <span className={css.text}>
        {name !== "" && <span className="unseen">{name}</span>}
        {found.length === 0 ? line.spans.map((span, at) => spanOf(span, at)) : marked(line, found, current)}
      </span>
    </div>
  );
}

function spanOf({ text, style }: Span, key: number): ReactNode {
  const given = lookOf(style);
  if (given === undefined) return text;
  return (
    <span key={key} {...given}>
      {text}
    </span>
  );
}

/** What was found is shown over the line's own styles. */
function marked(line: Line, found: readonly Range[], current: number | undefined): ReactNode {
  const text = lineText(line);
  const pieces: ReactNode[] = [];
  let at = 0;
  for (const [index, [from, to]] of found.entries()) {
    if (from > at) pieces.push(text.slice(at, from));
    pieces.push(
      <mark key={from} className={classes(css.found, index === current && css.current)}>
        {text.slice(from, to)}
      </mark>,
    );
    at = to;
  }
  pieces.push(text.slice(at));
  return pieces;
}

type Look = { readonly className?: string; readonly style?: CSSProperties };
/** Styles are the same objects as long as they do not change. */
const looks = new WeakMap<TextStyle, Look | "plain">();

function lookOf(style: TextStyle): Look | undefined {
  let look = looks.get(style);
  if (look === undefined) {
    look = newLook(style) ?? "plain";
    looks.set(style, look);
  }
  return look === "plain" ? undefined : look;
}

function newLook(style: TextStyle): Look | undefined {
  if (Object.keys(style).length === 0) return undefined;
  const { bold, dim, italic, underline, strike, hidden } = style;
  const [front, back] = coloursOf(style);
  return {
    className: classes(
      bold && css.bold,
      dim && front === undefined && css.dim,
      italic && css.italic,
      underline && css.underline,
      strike && css.strike,
      hidden && css.hidden,
    ),
    style: {
      ...(front === undefined || hidden ? {} : { color: front }),
      ...(back === undefined ? {} : { background: back }),
    },
  };
}

/** Of the text and behind it, as CSS; undefined: the page's own. */
function coloursOf({ colour, background, inverse }: TextStyle): readonly (string | undefined)[] {
  const [front, back] = inverse
    ? [background ?? "var(--surface)", colour ?? "var(--ink)"]
    : [colour, background];
  if (back === undefined) return [front === undefined ? undefined : onSurface(front), undefined];
  return [front === undefined ? contrasting(back) : plain(front), plain(back)];
}

function plain(colour: AnsiColour | string): string {
  return typeof colour === "number" ? `var(--ansi-${colour})` : colour;
}

/** Programs do not know whether the page is light or dark: what they choose is made so light or dark that it can be read. */
function onSurface(colour: AnsiColour | string): string {
  if (typeof colour === "number") return plain(colour);
  return `light-dark(oklch(from ${colour} min(l, 0.52) c h), oklch(from ${colour} max(l, 0.72) c h))`;
}

function contrasting(background: AnsiColour | string): string {
  if (typeof background === "number") return "var(--surface)";
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) =>
    Number.parseInt(background.slice(at, at + 2), 16),
  );
  // Weights of brightness: ITU-R BT.709.
  return red * 0.2126 + green * 0.7152 + blue * 0.0722 > 128 ? "black" : "white";
}
