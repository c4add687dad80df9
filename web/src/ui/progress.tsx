import { shortBytes } from "./format.ts";
import css from "./progress.module.css";

interface ProgressProps {
  readonly label: string;
  readonly done?: number | undefined;
  readonly total?: number | undefined;
}

/** How far something is; without figures only that it goes on. */
export function Progress({ label, done, total }: ProgressProps) {
  const isKnown = done !== undefined && total !== undefined && total > 0;
  return (
    <div className={css.progress}>
      <span className={css.label}>{label}</span>
      <progress
        aria-label={label}
        max={isKnown ? total : undefined}
        value={isKnown ? Math.min(done, total) : undefined}
      />
      {done !== undefined && (
        <span className={css.figure}>
          {shortBytes(done)}
          {isKnown && ` of ${shortBytes(total)}`}
        </span>
      )}
    </div>
  );
}
