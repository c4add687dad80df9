import type { ReactNode } from "react";
import css from "./badge.module.css";
import { classes } from "./classes.ts";

type Tone = "good" | "warn" | "bad" | "accent" | "soft";

/** A state: a dot and a word, so that colour alone says nothing. */
export function StateBadge({
  tone,
  children,
  title,
}: {
  readonly tone: Tone;
  readonly children: ReactNode;
  readonly title?: string | undefined;
}) {
  return (
    <span className={css.state} title={title}>
      <span className={classes(css.dot, css[`${tone}Dot`])} aria-hidden="true" />
      <span>{children}</span>
    </span>
  );
}

export function Badge({ tone = "soft", children }: { readonly tone?: Tone; readonly children: ReactNode }) {
  return <span className={classes(css.badge, css[tone])}>{children}</span>;
}
