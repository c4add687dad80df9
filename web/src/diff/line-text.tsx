import { Fragment, type ReactNode } from "react";
import css from "./diff.module.css";
import type { DiffLine } from "./model.ts";
import { count, SHOWN_CHARACTERS } from "./rows.ts";
import { diffWords, type LinePart } from "./words.ts";

/** Words of a pair of lines: what is scrolled away and back is not compared again. */
const known = new WeakMap<
  DiffLine,
  { readonly other: DiffLine; readonly parts: readonly LinePart[] | null }
>();

function partsOf(line: DiffLine, other: DiffLine | undefined): readonly LinePart[] | null {
  if (other === undefined || line.kind === " ") return null;
  const found = known.get(line);
  if (found?.other === other) return found.parts;
  const [before, after] = line.kind === "-" ? [line, other] : [other, line];
  const words = diffWords(before.text, after.text);
  known.set(before, { other: after, parts: words?.before ?? null });
  known.set(after, { other: before, parts: words?.after ?? null });
  return known.get(line)?.parts ?? null;
}

/** Text of a line, with the words marked that the other one has not. */
export function LineText({ line, other }: { readonly line: DiffLine; readonly other: DiffLine | undefined }) {
  const parts = partsOf(line, other);
  const { text } = line;
  const rest = text.length - SHOWN_CHARACTERS + (line.left ?? 0);
  return (
    <span className={css.text}>
      {parts === null
        ? shown(rest > 0 ? text.slice(0, SHOWN_CHARACTERS) : text)
        : parts.map((part, index) =>
            part.changed ? (
              // biome-ignore lint/suspicious/noArrayIndexKey: parts have nothing but their place
              <mark key={index} className={css.word}>
                {shown(part.text)}
              </mark>
            ) : (
              // biome-ignore lint/suspicious/noArrayIndexKey: parts have nothing but their place
              <Fragment key={index}>{shown(part.text)}</Fragment>
            ),
          )}
      {rest > 0 && <span className={css.remark}> … {count(rest, "more character")}</span>}
      {line.noNewline === true && <span className={css.remark}> No line end at the end of the file</span>}
    </span>
  );
}

/** What would turn the order of letters round, or not be seen at all: what stands there has to be what is read. */
const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

function shown(text: string): ReactNode {
  if (text.search(UNSEEN) < 0) return text;
  const result: ReactNode[] = [];
  let at = 0;
  for (const match of text.matchAll(UNSEEN)) {
    result.push(text.slice(at, match.index));
    const code = match[0].charCodeAt(0);
    const name = code === 13 ? "␍" : `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
    result.push(
      <span key={match.index} className={css.unseen}>
        {name}
      </span>,
    );
    at = match.index + 1;
  }
  result.push(text.slice(at));
  return result;
}
