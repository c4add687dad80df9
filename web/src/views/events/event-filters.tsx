import { useRef, useState } from "react";
import { useCommands } from "../../shell/commands.ts";
import { useWorkspaces } from "../../state/context.ts";
import { Button } from "../../ui/button.tsx";
import { Icon } from "../../ui/icon.tsx";
import type { EventFilter } from "./event-filter.ts";
import css from "./events.module.css";
import { TypeChooser } from "./type-chooser.tsx";

interface EventFiltersProps {
  readonly filter: EventFilter;
  readonly onFilter: (filter: EventFilter) => void;
  readonly scope: "workspace" | "all";
  readonly isLive: boolean;
  readonly onLive: (isLive: boolean) => void;
  readonly waiting: number;
}

/** What is looked for; each filter that is set can be taken away by itself. */
export function EventFilters({ filter, onFilter, scope, isLive, onLive, waiting }: EventFiltersProps) {
  const [isChoosing, setChoosing] = useState(false);
  const text = useRef<HTMLInputElement>(null);
  const workspaces = useWorkspaces() ?? [];
  useCommands([
    {
      id: "event-text",
      title: "Filter events",
      keys: "/",
      group: "Events",
      run: () => text.current?.focus(),
    },
    {
      id: "event-types",
      title: "Choose types of events",
      keys: "t",
      group: "Events",
      run: () => setChoosing(true),
    },
  ]);
  const set = (change: Partial<EventFilter>) => onFilter({ ...filter, ...change });
  const { types, process, cause, since, until } = filter;
  const chips: readonly (readonly [string, Partial<EventFilter>])[] = [
    ...types.map((type) => [type, { types: types.filter((one) => one !== type) }] as const),
    ...(process === undefined ? [] : [[`process ${process}`, { process: undefined }] as const]),
    ...(cause === undefined ? [] : [[`cause ${cause}`, { cause: undefined }] as const]),
  ];
  return (
    <div className={css.filters}>
      <div className={css.controls}>
        <input
          ref={text}
          type="search"
          className={css.text}
          aria-label="Words in events"
          placeholder="Words"
          value={filter.text}
          onChange={(event) => set({ text: event.target.value })}
        />
        <Button icon="events" onClick={() => setChoosing(true)}>
          {types.length === 0 ? "All types" : `${types.length} ${types.length === 1 ? "type" : "types"}`}
        </Button>
        {scope === "all" && (
          <select
            className={css.control}
            aria-label="Workspace"
            value={filter.workspace ?? ""}
            onChange={(event) => set({ workspace: event.target.value || undefined })}
          >
            <option value="">all workspaces</option>
            {filter.workspace !== undefined && !workspaces.some(({ id }) => id === filter.workspace) && (
              <option value={filter.workspace}>{filter.workspace}</option>
            )}
            {workspaces.map(({ id, name, project }) => (
              <option key={id} value={id}>
                {project.name}/{name}
              </option>
            ))}
          </select>
        )}
        <Moment label="From" value={since} onChange={(time) => set({ since: time })} />
        <Moment label="Until" value={until} onChange={(time) => set({ until: time })} />
        <label className={css.live}>
          <input type="checkbox" checked={isLive} onChange={(event) => onLive(event.target.checked)} />
          Live
        </label>
        {!isLive && waiting > 0 && (
          <Button kind="primary" onClick={() => onLive(true)}>
            {waiting.toLocaleString("en")} new
          </Button>
        )}
      </div>
      {chips.length > 0 && (
        <ul className={css.chips} aria-label="Filters that are set">
          {chips.map(([name, without]) => (
            <li key={name}>
              <button
                type="button"
                className={css.chip}
                aria-label={`${name}: take this filter away`}
                onClick={() => set(without)}
              >
                {name} <Icon name="close" size={12} />
              </button>
            </li>
          ))}
        </ul>
      )}
      {isChoosing && (
        <TypeChooser
          chosen={types}
          onChosen={(next) => set({ types: next })}
          onClose={() => setChoosing(false)}
        />
      )}
    </div>
  );
}

interface MomentProps {
  readonly label: string;
  /** ISO */
  readonly value: string | undefined;
  readonly onChange: (value: string | undefined) => void;
}

/** A time of this browser's own zone. */
function Moment({ label, value, onChange }: MomentProps) {
  return (
    <label className={css.moment}>
      {label}
      <input
        type="datetime-local"
        className={css.control}
        value={value === undefined ? "" : localTime(value)}
        onChange={({ target }) => {
          const ms = Date.parse(target.value);
          onChange(Number.isNaN(ms) ? undefined : new Date(ms).toISOString());
        }}
      />
    </label>
  );
}

/** As the control has it: YYYY-MM-DDTHH:MM. */
function localTime(iso: string): string {
  const time = new Date(iso);
  return new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
