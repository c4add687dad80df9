import type { ReactNode } from "react";
import { type BerthError, isBerthError } from "../../../src/client/index.ts";
import { classes } from "./classes.ts";
import { Icon, type IconName } from "./icon.tsx";
import { Link } from "./link.tsx";
import css from "./notes.module.css";

interface NoteProps {
  readonly kind: "info" | "good" | "warn" | "bad";
  readonly title?: ReactNode;
  readonly children?: ReactNode;
  readonly actions?: ReactNode;
}

const ICONS: Record<NoteProps["kind"], IconName> = {
  info: "info",
  good: "check",
  warn: "warning",
  bad: "warning",
};

export function Note({ kind, title, children, actions }: NoteProps) {
  return (
    <div className={classes(css.note, css[kind])} role={kind === "bad" ? "alert" : undefined}>
      <Icon name={ICONS[kind]} />
      <div className={css.text}>
        {title !== undefined && <p className={css.title}>{title}</p>}
        {children}
        {actions !== undefined && <div className={css.actions}>{actions}</div>}
      </div>
    </div>
  );
}

/** What an error of the API has: a BerthError, or the `error` of an operation or place. */
export interface ToldError {
  readonly code: string;
  readonly message: string;
  readonly hint?: string | undefined;
}

/** Anything that was thrown, as it is told. */
export function toldError(error: unknown): ToldError {
  if (isBerthError(error)) return error satisfies BerthError;
  return { code: "internal", message: error instanceof Error ? error.message : String(error) };
}

/** What went wrong, what to do, and where more is said of it. */
export function ErrorNote({ error, actions }: { readonly error: unknown; readonly actions?: ReactNode }) {
  const { code, message, hint } = isTold(error) ? error : toldError(error);
  return (
    <Note kind="bad" title={message} actions={actions}>
      {hint !== undefined && hint !== "" && <p>{hint}</p>}
      <p className={css.code}>
        <Link to={`/errors/${encodeURIComponent(code)}`}>{code}</Link>
      </p>
    </Note>
  );
}

function isTold(error: unknown): error is ToldError {
  return typeof error === "object" && error !== null && "code" in error && "message" in error;
}

/** In place of a list that has nothing in it. */
export function Empty({
  icon,
  title,
  isPage = false,
  children,
}: {
  readonly icon: IconName;
  readonly title: string;
  /** It stands for a whole view, whose heading it has. */
  readonly isPage?: boolean;
  readonly children?: ReactNode;
}) {
  const Title = isPage ? "h1" : "p";
  return (
    <div className={css.empty}>
      <Icon name={icon} size={28} />
      <Title className={css.title}>{title}</Title>
      {children}
    </div>
  );
}

/** Something is on its way. */
export function Waiting({ what }: { readonly what: string }) {
  return (
    <p className={css.waiting} role="status">
      {what}
    </p>
  );
}
