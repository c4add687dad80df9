import { errorToJson } from "../../api/json-errors.ts";
import type { RuntimeConfig } from "../../contract/config.ts";
import { checkRuntime } from "../../runtimes/check.ts";
import { availableKinds } from "../../runtimes/kinds.ts";
import { suggestRuntimes } from "../../runtimes/suggestions.ts";
import type { RunnerContext } from "../context.ts";
import type { Handlers } from "../handlers.ts";
import { answerOfCheck } from "./checks.ts";
import { namesOf, projectDirectory } from "./projects.ts";

export function runtimeHandlers(
  context: RunnerContext,
): Handlers<"listRuntimes" | "checkRuntime" | "suggestRuntimes"> {
  const { stateDirectory } = context.options;
  return {
    listRuntimes: async () => {
      const items = (await availableKinds()).map(({ type, available, detail, hint }) => ({
        type,
        available,
        detail,
        hint: hint ?? null,
      }));
      return { status: 200, body: { items } };
    },
    checkRuntime: async ({ body, headers, signal }) => {
      const directory = await namesOf(context, body.project);
      return await answerOfCheck({ headers, signal }, (options) =>
        checkRuntime(body.runtime as RuntimeConfig | string, {
          stateDirectory,
          projectDirectory: directory,
          // How it is now: who asks tries again.
          maxWaitMs: 0,
          ...options,
        }),
      );
    },
    suggestRuntimes: async ({ query }) => {
      const { project } = query;
      const directory = project === undefined ? undefined : await projectDirectory(context, project);
      const found = await suggestRuntimes(directory);
      return {
        status: 200,
        body: {
          ssh_hosts: found.sshHosts.map(({ alias, hostname, user, port }) => ({
            name: alias,
            hostname: hostname ?? null,
            user: user ?? null,
            port: port ?? null,
          })),
          docker_containers: [...found.containers],
          docker_images: found.images.map(({ reference, bytes, createdAt }) => ({
            reference,
            bytes,
            created_at: createdAt,
          })),
          docker_error: found.dockerError === undefined ? null : errorToJson(found.dockerError),
          named: [...found.named],
          named_error: found.namedError === undefined ? null : errorToJson(found.namedError),
        },
      };
    },
  };
}
