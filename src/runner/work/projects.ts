import { isAbsolute } from "node:path";
import { projectToJson } from "../../api/json-workspaces.ts";
import { berthError } from "../../contract/errors.ts";
import type { RunnerContext } from "../context.ts";
import type { Handlers } from "../handlers.ts";
import { pageOf } from "../http/page.ts";

/**
 * Directory of a project by its id, or the directory that was given.
 * @throws workspace.not_a_project
 */
export async function projectDirectory(
  { workspaces }: Pick<RunnerContext, "workspaces">,
  project: string,
): Promise<string> {
  const known = (await workspaces.projects()).find(({ id }) => id === project);
  if (known !== undefined) return known.path;
  if (isAbsolute(project)) return project;
  throw berthError("workspace.not_a_project", {
    hop: "runner",
    message: `${project} is neither the id of a project nor an absolute path`,
    hint: "GET /v1/projects lists the projects; another one is given by its directory on the runner's machine.",
    context: { path: project },
  });
}

/** Where berth.yaml is looked for: names are those of a project, never of the directory that the runner was started in. */
export async function namesOf(
  context: Pick<RunnerContext, "workspaces">,
  project: string | undefined,
): Promise<string> {
  return project === undefined ? "/" : await projectDirectory(context, project);
}

export function projectHandlers(context: RunnerContext): Handlers<"listProjects" | "trustProject"> {
  const { workspaces } = context;
  return {
    listProjects: async ({ query, caller }) => {
      const all = await workspaces.projects();
      const known = caller.workspaces;
      const own = known && (await workspaces.list()).filter(({ id }) => known.has(id));
      const seen =
        own === undefined ? all : all.filter(({ id }) => own.some(({ project }) => project.id === id));
      return { status: 200, body: pageOf(seen, query, ({ id }) => id, projectToJson) };
    },
    trustProject: async ({ params, body }) => {
      const directory = await projectDirectory(context, params.project);
      const project = await workspaces.trust(directory, body.trusted);
      context.emit({
        type: body.trusted ? "project.trusted" : "project.distrusted",
        message: `the hooks of ${project.name} ${body.trusted ? "may run from now on" : "do not run any more"}`,
        data: { project: project.id, name: project.name },
      });
      return { status: 200, body: projectToJson(project) };
    },
  };
}
