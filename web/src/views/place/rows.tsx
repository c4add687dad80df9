import { useId, useRef } from "react";
import { Button, IconButton } from "../../ui/button.tsx";
import { classes } from "../../ui/classes.ts";
import type { Cells, EnvRow, Problems } from "./draft.ts";
import { isFilled } from "./draft.ts";
import css from "./rows.module.css";

interface Column {
  readonly name: string;
  readonly label: string;
  readonly placeholder?: string;
  readonly kind?: "flag" | "protocol";
  readonly narrow?: boolean;
}

/** Columns of the fields that are lists. */
export const COLUMNS: Readonly<Record<"pathMap" | "mounts" | "ports", readonly Column[]>> = {
  pathMap: [
    { name: "host", label: "On this machine", placeholder: "/home/me/app" },
    { name: "container", label: "In the container", placeholder: "/srv/app" },
  ],
  mounts: [
    { name: "source", label: "Directory or volume", placeholder: "/home/me/cache" },
    { name: "target", label: "In the container", placeholder: "/cache" },
    { name: "readOnly", label: "Read-only", kind: "flag" },
  ],
  ports: [
    { name: "container", label: "In the container", placeholder: "3000", narrow: true },
    { name: "host", label: "Here", placeholder: "any", narrow: true },
    { name: "address", label: "Address", placeholder: "127.0.0.1" },
    { name: "protocol", label: "Protocol", kind: "protocol", narrow: true },
  ],
};

interface RowsProps {
  readonly label: string;
  readonly hint?: string | undefined;
  readonly columns: readonly Column[];
  readonly rows: readonly Cells[];
  readonly onChange: (rows: readonly Cells[]) => void;
  /** By "0.host" of the rows in which something stands. */
  readonly problems: Problems;
  readonly disabled?: boolean;
}

/** A list of things of the same fields. */
export function Rows({ label, hint, columns, rows, onChange, problems, disabled = false }: RowsProps) {
  const root = useRef<HTMLFieldSetElement>(null);
  const blank: Cells = Object.fromEntries(
    columns.map(({ name, kind }) => [name, kind === "flag" ? false : ""]),
  );
  const change = (index: number, column: string, cell: string | boolean) =>
    onChange(rows.map((row, at) => (at === index ? { ...row, [column]: cell } : row)));
  const add = () => {
    onChange([...rows, blank]);
    focusLast(root.current);
  };
  const remove = (index: number) => {
    onChange(rows.filter((_, at) => at !== index));
    focusAdd(root.current);
  };
  const filled = rows.map((_, index) => rows.slice(0, index).filter(isFilled).length);
  return (
    <fieldset ref={root} className={css.rows} disabled={disabled}>
      <legend>{label}</legend>
      {hint !== undefined && <p className={css.hint}>{hint}</p>}
      {problems[""] !== undefined && <p className={css.error}>{problems[""]}</p>}
      {rows.map((row, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a row is its place in the list
        <fieldset key={index} className={css.row} aria-label={`${label} ${index + 1}`}>
          {columns.map((column) => (
            <Cell
              key={column.name}
              column={column}
              value={row[column.name] ?? ""}
              problem={isFilled(row) ? problems[`${filled[index]}.${column.name}`] : undefined}
              onChange={(cell) => change(index, column.name, cell)}
            />
          ))}
          <IconButton
            icon="trash"
            className={css.remove}
            label={`Remove ${label} ${index + 1}`}
            onClick={() => remove(index)}
          />
        </fieldset>
      ))}
      {!disabled && (
        <Button kind="quiet" icon="plus" className={css.add} data-add onClick={add}>
          Add to {label.toLowerCase()}
        </Button>
      )}
      {disabled && rows.length === 0 && <p className={css.hint}>None.</p>}
    </fieldset>
  );
}

interface CellProps {
  readonly column: Column;
  readonly value: string | boolean;
  readonly problem: string | undefined;
  readonly onChange: (value: string | boolean) => void;
}

function Cell({ column: { label, placeholder, kind, narrow }, value, problem, onChange }: CellProps) {
  const id = useId();
  if (typeof value === "boolean") {
    return (
      <label className={css.flag}>
        <input type="checkbox" checked={value} onChange={(event) => onChange(event.target.checked)} />
        {label}
      </label>
    );
  }
  return (
    <div className={classes(css.cell, narrow && css.narrow)}>
      <label htmlFor={id} className={css.caption}>
        {label}
      </label>
      {kind === "protocol" ? (
        <select
          id={id}
          className={css.input}
          value={value}
          onChange={(event) => onChange(event.target.value)}
        >
          <option value="">tcp</option>
          <option value="udp">udp</option>
        </select>
      ) : (
        <input
          id={id}
          className={css.input}
          value={value}
          placeholder={placeholder}
          spellCheck={false}
          autoComplete="off"
          aria-invalid={problem === undefined ? undefined : true}
          aria-describedby={problem === undefined ? undefined : `${id}e`}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
      {problem !== undefined && (
        <span id={`${id}e`} className={css.error}>
          {problem}
        </span>
      )}
    </div>
  );
}

interface EnvRowsProps {
  readonly label: string;
  readonly hint?: string | undefined;
  readonly rows: readonly EnvRow[];
  readonly onChange: (rows: readonly EnvRow[]) => void;
  /** By the name of the variable. */
  readonly problems: Problems;
}

/** Variables. Values that the runner has are told to nobody: they stay, are replaced, or go. */
export function EnvRows({ label, hint, rows, onChange, problems }: EnvRowsProps) {
  const root = useRef<HTMLFieldSetElement>(null);
  const change = (index: number, part: Partial<EnvRow>) =>
    onChange(rows.map((row, at) => (at === index ? { ...row, ...part } : row)));
  return (
    <fieldset ref={root} className={css.rows}>
      <legend>{label}</legend>
      {hint !== undefined && <p className={css.hint}>{hint}</p>}
      {problems[""] !== undefined && <p className={css.error}>{problems[""]}</p>}
      {rows.map((row, index) => {
        const problem = row.name === "" && row.value === "" ? undefined : problems[row.name];
        return (
          // biome-ignore lint/suspicious/noArrayIndexKey: a row is its place in the list
          <fieldset key={index} className={css.row} aria-label={row.name || `Variable ${index + 1}`}>
            <label className={css.cell}>
              <span className={css.caption}>Name</span>
              <input
                className={css.input}
                value={row.name}
                readOnly={row.isKept}
                placeholder="NODE_ENV"
                spellCheck={false}
                autoComplete="off"
                aria-invalid={problem === undefined ? undefined : true}
                onChange={(event) => change(index, { name: event.target.value.trim() })}
              />
              {problem !== undefined && <span className={css.error}>{problem}</span>}
            </label>
            {row.isKept ? (
              <div className={css.kept}>
                <span className={css.hint}>value not shown, stays as it is</span>
                <Button kind="quiet" onClick={() => change(index, { isKept: false, value: "" })}>
                  Replace
                </Button>
              </div>
            ) : (
              <label className={css.cell}>
                <span className={css.caption}>Value</span>
                <input
                  className={css.input}
                  value={row.value}
                  spellCheck={false}
                  autoComplete="off"
                  onChange={(event) => change(index, { value: event.target.value })}
                />
              </label>
            )}
            <IconButton
              icon="trash"
              className={css.remove}
              label={`Remove ${row.name || `variable ${index + 1}`}`}
              onClick={() => {
                onChange(rows.filter((_, at) => at !== index));
                focusAdd(root.current);
              }}
            />
          </fieldset>
        );
      })}
      <Button
        kind="quiet"
        icon="plus"
        className={css.add}
        data-add
        onClick={() => {
          onChange([...rows, { name: "", value: "", isKept: false }]);
          focusLast(root.current);
        }}
      >
        Add a variable
      </Button>
    </fieldset>
  );
}

/** Once it is drawn: the first control of the new row. */
function focusLast(root: HTMLElement | null): void {
  requestAnimationFrame(() => {
    const rows = root?.querySelectorAll<HTMLElement>("fieldset");
    rows?.[rows.length - 1]?.querySelector<HTMLElement>("input")?.focus();
  });
}

function focusAdd(root: HTMLElement | null): void {
  root?.querySelector<HTMLElement>("[data-add]")?.focus();
}
