import { useMemo, useRef } from "react";
import { useCommands } from "../../shell/commands.ts";
import { useMayReachOut, useOverview, useWorkspaces } from "../../state/context.ts";
import { navigate, useRoute } from "../../state/router.ts";
import { SelectField, TextField } from "../../ui/field.tsx";
import { Icon } from "../../ui/icon.tsx";
import { Link } from "../../ui/link.tsx";
import { Empty, Waiting } from "../../ui/notes.tsx";
import { addressOf, grouped, type ListQuery, queryOf, rowsOf } from "./list-model.ts";
import { type ShownOperation, useShownOperations } from "./operation-card.tsx";
import { counted } from "./operation-words.ts";
import css from "./workspace-list.module.css";
import { WorkspaceRow } from "./workspace-row.tsx";

/** What runs where: every workspace with its place, health, processes and changes, by project. */
export function WorkspaceList() {
  const workspaces = useWorkspaces();
  const overview = useOverview();
  const mayMake = useMayReachOut();
  const operations = useShownOperations();
  const filters = useRef<HTMLElement>(null);
  useRoute();
  const query = queryOf(location.search);
  const change = (part: Partial<ListQuery>) => navigate(addressOf({ ...query, ...part }), { replace: true });
  useCommands([
    {
      id: "find-workspace",
      title: "Find a workspace in the list",
      keys: "/",
      run: () => filters.current?.querySelector("input")?.focus(),
    },
  ]);
  const under = new Map<string, ShownOperation>();
  for (const one of operations) {
    const { workspace, state } = one.operation;
    if (workspace !== null && state === "running") under.set(workspace, one);
  }
  // What an operation tells, ten times a second, changes its own row alone.
  const rows = useMemo(() => rowsOf(workspaces ?? [], overview?.value.places ?? []), [workspaces, overview]);
  const groups = grouped(rows, query);
  const shown = groups.reduce((sum, group) => sum + group.rows.length, 0);
  const isFiltered = query.text !== "" || query.place !== "" || query.state !== "";
  return (
    <div className={css.page}>
      <header className={css.head}>
        <h1>Workspaces</h1>
        <p className={css.soft} role="status">
          {workspaces === undefined
            ? ""
            : isFiltered
              ? `${shown} of ${counted(rows.length, "workspace")}`
              : summary(rows)}
        </p>
        {mayMake && (
          <Link to="/new" className={css.new}>
            <Icon name="plus" /> New workspace
          </Link>
        )}
      </header>
      {workspaces !== undefined && workspaces.length > 0 && (
        <search className={css.filters} ref={filters}>
          <TextField
            type="search"
            label="Find"
            placeholder="Name, branch, place, project"
            value={query.text}
            onChange={(text) => change({ text })}
          />
          <SelectField
            label="Place"
            value={query.place}
            onChange={(place) => change({ place: place as ListQuery["place"] })}
            options={PLACES}
          />
          <SelectField
            label="State"
            value={query.state}
            onChange={(state) => change({ state: state as ListQuery["state"] })}
            options={STATES}
          />
          <SelectField
            label="Sort by"
            value={query.sort}
            onChange={(sort) => change({ sort: sort as ListQuery["sort"] })}
            options={SORTS}
          />
        </search>
      )}
      {workspaces === undefined && <Waiting what="Loading…" />}
      {workspaces?.length === 0 && <First mayMake={mayMake} />}
      {rows.length > 0 && shown === 0 && (
        <Empty icon="search" title="No workspace is like that">
          <Link to="/">Show all</Link>
        </Empty>
      )}
      {groups.map(({ project, rows }) => (
        <section key={project.id} aria-labelledby={`p-${project.id}`} className={css.group}>
          <header className={css.project}>
            <h2 id={`p-${project.id}`}>{project.name}</h2>
            <span className={css.path} title={project.path}>
              {project.path}
            </span>
            {mayMake && (
              <Link
                to={`/new?project=${encodeURIComponent(project.id)}`}
                aria-label={`New workspace of ${project.name}`}
              >
                New
              </Link>
            )}
          </header>
          <ul className={css.rows}>
            {rows.map((row) => (
              <WorkspaceRow key={row.workspace.id} row={row} shown={under.get(row.workspace.id)} />
            ))}
          </ul>
        </section>
      ))}
    </div>
  );
}

const PLACES = [
  { value: "", label: "Any" },
  { value: "local", label: "Local" },
  { value: "worktree", label: "Worktree" },
  { value: "docker", label: "Docker" },
  { value: "ssh", label: "SSH" },
] as const;

const STATES = [
  { value: "", label: "Any" },
  { value: "connected", label: "Connected" },
  { value: "trouble", label: "In trouble" },
  { value: "working", label: "Under way" },
  { value: "idle", label: "Idle" },
  { value: "stopped", label: "Stopped" },
] as const;

const SORTS = [
  { value: "activity", label: "Last activity" },
  { value: "name", label: "Name" },
  { value: "created", label: "Newest" },
] as const;

function summary(rows: ReturnType<typeof rowsOf>): string {
  const trouble = rows.filter(({ health }) => health.kind === "trouble").length;
  const running = rows.reduce((sum, row) => sum + (row.running ?? 0), 0);
  return [
    rows.length === 0 ? "" : counted(rows.length, "workspace"),
    running === 0 ? "" : `${running} running`,
    trouble === 0 ? "" : `${trouble} in trouble`,
  ]
    .filter(Boolean)
    .join(" · ");
}

function First({ mayMake }: { readonly mayMake: boolean }) {
  return (
    <div className={css.first}>
      <Empty icon="worktree" title="No workspaces yet">
        <p>
          A workspace is a checkout of a project with a branch of its own, in a place of its own: a worktree
          on this machine, a container, or a host by SSH.
        </p>
        {mayMake ? (
          <>
            <Link to="/new" className={css.new}>
              <Icon name="plus" /> Make the first one
            </Link>
            <p>
              Or in a project's directory: <code>berth workspace create fix-login</code>
            </p>
          </>
        ) : (
          <p>This token makes none: who has one with the scope operate that is not limited does.</p>
        )}
      </Empty>
    </div>
  );
}
