import { useEffect, useState } from "react";
import type { components } from "../../../../src/client/index.ts";
import { useClient } from "../../state/context.ts";
import { classes } from "../../ui/classes.ts";
import { Icon, type IconName } from "../../ui/icon.tsx";
import { typeOfKind } from "./fields.ts";
import css from "./kind-choice.module.css";
import { KINDS } from "./kinds.ts";
import type { Suggestions } from "./runtime-form.tsx";

type RuntimeKind = components["schemas"]["RuntimeKind"];

interface KindChoiceProps {
  /** A kind, or "named:" and a name of berth.yaml. */
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly named: Suggestions["named"];
}

/** Which kind of place: what each is, and why one can't be had now. */
export function KindChoice({ value, onChange, named }: KindChoiceProps) {
  const client = useClient();
  const [runtimes, setRuntimes] = useState<readonly RuntimeKind[]>([]);
  useEffect(() => {
    const stop = new AbortController();
    client.get("/v1/runtimes", { signal: stop.signal }).then(
      ({ items }) => setRuntimes(items),
      () => undefined,
    );
    return () => stop.abort();
  }, [client]);
  return (
    <fieldset className={css.kinds}>
      <legend>Place</legend>
      <div className={css.cards}>
        {named.map(({ name, type }) => (
          <Card
            key={name}
            value={`named:${name}`}
            selected={value}
            onChange={onChange}
            label={name}
            icon={ICONS[type] ?? "settings"}
            words={`As the project's berth.yaml says: ${type}.`}
            trouble={undefined}
          />
        ))}
        {KINDS.map(({ kind, label, icon, words }) => {
          const found = runtimes.find(({ type }) => type === typeOfKind(kind));
          return (
            <Card
              key={kind}
              value={kind}
              selected={value}
              onChange={onChange}
              label={label}
              icon={icon}
              words={words}
              trouble={found?.available === false ? found : undefined}
            />
          );
        })}
      </div>
    </fieldset>
  );
}

const ICONS: Readonly<Partial<Record<string, IconName>>> = {
  local: "local",
  worktree: "worktree",
  docker: "docker",
  ssh: "ssh",
};

interface CardProps {
  readonly value: string;
  readonly selected: string;
  readonly onChange: (value: string) => void;
  readonly label: string;
  readonly icon: IconName;
  readonly words: string;
  readonly trouble: RuntimeKind | undefined;
}

function Card({ value, selected, onChange, label, icon, words, trouble }: CardProps) {
  const isChosen = value === selected;
  return (
    <label className={classes(css.card, isChosen && css.chosen)}>
      <input
        type="radio"
        name="kind"
        value={value}
        checked={isChosen}
        onChange={() => onChange(value)}
        className={css.radio}
      />
      <span className={css.label}>
        <Icon name={icon} size={18} />
        {label}
      </span>
      <span className={css.words}>{words}</span>
      {trouble !== undefined && (
        <span className={css.trouble}>
          Not there now: {trouble.detail}
          {trouble.hint !== null && `. ${trouble.hint}`}
        </span>
      )}
    </label>
  );
}
