import type { components } from "../../../../src/client/index.ts";
import { CheckField, SelectField, TextField } from "../../ui/field.tsx";
import css from "./new-workspace.module.css";

export type Project = components["schemas"]["Project"];

const OTHER = "other";

interface ProjectFieldProps {
  readonly projects: readonly Project[];
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly error: string | undefined;
}

/** One that is known, or a directory that is typed. */
export function ProjectField({ projects, value, onChange, error }: ProjectFieldProps) {
  const isKnown = projects.some(({ id }) => id === value);
  const text = (
    <TextField
      label={projects.length === 0 ? "Project" : "Directory of the project"}
      mono
      value={isKnown ? "" : value}
      placeholder="/home/me/shop"
      onChange={onChange}
      error={error}
      required
      hint="A git repository on the runner's machine."
    />
  );
  if (projects.length === 0) return text;
  return (
    <div className={css.project}>
      <SelectField
        label="Project"
        value={isKnown ? value : OTHER}
        onChange={(next) => onChange(next === OTHER ? "" : next)}
        options={[
          ...projects.map(({ id, name, path }) => ({ value: id, label: `${name}, ${path}` })),
          { value: OTHER, label: "Another directory…" },
        ]}
      />
      {!isKnown && text}
    </div>
  );
}

interface TrustFieldProps {
  readonly mayTrust: boolean;
  readonly name: string;
  readonly checked: boolean;
  readonly onChange: (checked: boolean) => void;
}

/** What trusting means, for who may. */
export function TrustField({ mayTrust, name, checked, onChange }: TrustFieldProps) {
  if (!mayTrust) {
    return (
      <p className={css.soft}>
        {name} is not trusted, so that its set-up does not run. Who has a token with the scope admin can trust
        it.
      </p>
    );
  }
  return (
    <CheckField
      label={`Trust ${name}: its hooks may run from now on`}
      hint="Hooks such as .berth/init are programs that whoever commits to the project chooses. In a worktree they run on the runner's machine with your rights: read them first."
      checked={checked}
      onChange={onChange}
    />
  );
}
