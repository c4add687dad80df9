import { type ReactNode, useId, useState } from "react";
import type { components } from "../../../../src/client/index.ts";
import { CheckField, Field, SelectField, TextField } from "../../ui/field.tsx";
import type { Cells, Draft, DraftValue, EnvRow, Problems, SecretDraft } from "./draft.ts";
import { FIELDS, type FieldSpec, type FormKind } from "./fields.ts";
import { COLUMNS, EnvRows, Rows } from "./rows.tsx";
import css from "./runtime-form.module.css";
import { problemsIn } from "./use-problems.ts";

export type Suggestions = components["schemas"]["RuntimeSuggestions"];

interface RuntimeFormProps {
  readonly kind: FormKind;
  readonly draft: Draft;
  readonly onChange: (draft: Draft) => void;
  readonly problems: Problems;
  readonly suggestions: Suggestions | undefined;
  /** The workspace is made: what says where it stands is shown and can't be changed. */
  readonly isMade?: boolean;
  /** Missing ones are told, too: somebody wanted to go on. */
  readonly isAsked?: boolean;
}

/** The settings of a place: those that most need, and the others behind "More". */
export function RuntimeForm(props: RuntimeFormProps) {
  const { kind, draft, problems } = props;
  const [touched, setTouched] = useState<ReadonlySet<string>>(new Set());
  // What was left to the default when it was made can't be given now.
  const fields = FIELDS[kind].filter(({ name, fixed }) => !props.isMade || !fixed || isGiven(draft[name]));
  const rare = fields.filter(({ more }) => more);
  const isUsed = rare.some((field) => isGiven(draft[field.name]));
  const isWrong = rare.some(({ name }) => Object.keys(problemsIn(problems, name)).length > 0);
  const show = (field: FieldSpec) => (
    <OneField
      key={field.name}
      {...props}
      field={field}
      isTold={touched.has(field.name) || props.isAsked === true || isGiven(draft[field.name])}
      onTouched={() => setTouched(new Set([...touched, field.name]))}
    />
  );
  return (
    <div className={css.form}>
      <div className={css.fields}>{fields.filter(({ more }) => !more).map(show)}</div>
      {rare.length > 0 && (
        <details className={css.more} open={isUsed || isWrong || undefined}>
          <summary>More settings</summary>
          <div className={css.fields}>{rare.map(show)}</div>
        </details>
      )}
    </div>
  );
}

function isGiven(value: DraftValue | undefined): boolean {
  if (value === undefined || value === "" || value === false) return false;
  if (Array.isArray(value)) return value.length > 0;
  return typeof value !== "object" || (value as SecretDraft).from !== "";
}

interface OneFieldProps extends RuntimeFormProps {
  readonly field: FieldSpec;
  readonly isTold: boolean;
  readonly onTouched: () => void;
}

const FIXED = "Fixed: it says where the workspace stands.";

function OneField({
  field,
  draft,
  onChange,
  problems,
  suggestions,
  isMade = false,
  isTold,
  onTouched,
}: OneFieldProps) {
  const { name, label, kind, placeholder, required } = field;
  const isFixed = isMade && field.fixed === true;
  const hint = isFixed ? FIXED : field.hint;
  const value = draft[name];
  const inside = problemsIn(problems, name);
  const error = isTold ? inside[""] : undefined;
  const change = (next: DraftValue) => onChange({ ...draft, [name]: next });
  switch (kind) {
    case "flag":
      return (
        <CheckField label={label} hint={hint} checked={value === true} disabled={isFixed} onChange={change} />
      );
    case "choice":
      return (
        <SelectField
          label={label}
          hint={hint}
          error={error}
          value={String(value ?? "")}
          disabled={isFixed}
          onChange={change}
          options={field.options ?? []}
        />
      );
    case "pathMap":
    case "mounts":
    case "ports":
      return (
        <Wide>
          <Rows
            label={label}
            hint={hint}
            columns={COLUMNS[kind]}
            rows={value as readonly Cells[]}
            onChange={change}
            problems={inside}
            disabled={isFixed}
          />
        </Wide>
      );
    case "env":
      return (
        <Wide>
          <EnvRows
            label={label}
            hint={hint}
            rows={value as readonly EnvRow[]}
            onChange={change}
            problems={inside}
          />
        </Wide>
      );
    case "secret":
      return (
        <Wide>
          <Secret
            label={label}
            hint={hint}
            value={value as SecretDraft}
            onChange={change}
            problems={inside}
          />
        </Wide>
      );
    default:
      return (
        <TextField
          label={label}
          hint={hint}
          error={error}
          optional={required !== true && !isFixed}
          required={required}
          mono
          value={String(value ?? "")}
          placeholder={placeholder}
          readOnly={isFixed}
          inputMode={kind === "number" ? "decimal" : undefined}
          onChange={change}
          onBlur={onTouched}
          {...(isFixed ? {} : { suggestions: suggested(field, suggestions) })}
        />
      );
  }
}

function suggested({ suggest }: FieldSpec, found: Suggestions | undefined) {
  if (found === undefined) return [];
  switch (suggest) {
    case "hosts":
      return found.ssh_hosts.map(({ name, hostname, user, port }) => ({
        value: name,
        label: [user === null ? "" : `${user}@`, hostname ?? "", port === null ? "" : `:${port}`].join(""),
      }));
    case "containers":
      return found.docker_containers.map(({ name, image, state }) => ({
        value: name,
        label: `${image}, ${state}`,
      }));
    case "images":
      return found.docker_images.map(({ reference }) => ({ value: reference }));
    default:
      return [];
  }
}

function Wide({ children }: { readonly children: ReactNode }) {
  return <div className={css.wide}>{children}</div>;
}

interface SecretProps {
  readonly label: string;
  readonly hint?: string | undefined;
  readonly value: SecretDraft;
  readonly onChange: (value: SecretDraft) => void;
  readonly problems: Problems;
}

const SOURCES = [
  { value: "", label: "None" },
  { value: "env", label: "A variable of the runner's environment" },
  { value: "file", label: "A file that only its owner can read" },
  { value: "command", label: "A program that prints it" },
] as const;

const EXAMPLES = { env: "BOX_PASSWORD", file: "~/.secrets/box", command: "pass\nshow\nbox" } as const;

function Secret({ label, hint, value, onChange, problems }: SecretProps) {
  const id = useId();
  const { from, text } = value;
  const error = Object.values(problems)[0];
  return (
    <div className={css.secret}>
      <SelectField
        label={label}
        hint={hint}
        error={error}
        value={from}
        onChange={(next) => onChange({ from: next as SecretDraft["from"], text })}
        options={SOURCES}
      />
      {(from === "env" || from === "file") && (
        <TextField
          label={from === "env" ? "Name of the variable" : "Path of the file"}
          mono
          value={text}
          placeholder={EXAMPLES[from]}
          onChange={(next) => onChange({ from, text: next })}
        />
      )}
      {from === "command" && (
        <Field label="Program and arguments, one a line">
          {(ids) => (
            <textarea
              {...ids}
              key={id}
              className={css.area}
              rows={3}
              spellCheck={false}
              value={text}
              placeholder={EXAMPLES.command}
              onChange={(event) => onChange({ from, text: event.target.value })}
            />
          )}
        </Field>
      )}
    </div>
  );
}
