import { parseRuntimeConfig, type RuntimeConfig, type SshConfig } from "../../contract/config.ts";
import { berthError } from "../../contract/errors.ts";
import { resolveRuntime } from "../../runtimes/open.ts";
import { showHostKey, trustHostKey } from "../../runtimes/ssh/trust.ts";
import { typeForPeople } from "../../transports/ssh/known-hosts.ts";
import { resolveSshTarget } from "../../transports/ssh/resolve.ts";
import type { RunnerContext } from "../context.ts";
import type { Handlers } from "../handlers.ts";
import { namesOf } from "./projects.ts";

/** The keys of SSH hosts, in the known_hosts of who runs the runner. */
export function hostKeyHandlers(context: RunnerContext): Handlers<"trustHostKey"> {
  return {
    trustHostKey: async ({ body, signal }) => {
      const { config } = await resolveRuntime(body.runtime as RuntimeConfig | string, {
        projectDirectory: await namesOf(context, body.project),
      });
      if (config.type !== "ssh") {
        throw berthError("config.invalid", {
          hop: "runner",
          message: `a ${config.type} has no host key`,
          hint: "Give the configuration of a host: { type: ssh, host: … }.",
          context: { fields: ["runtime.type"] },
        });
      }
      const shown = await showHostKey(await configOf(config, body.host, signal), { signal });
      const { host, keyType, fingerprint, file, added } = await trustHostKey(shown, body.fingerprint);
      if (added) {
        context.emit({
          type: "ssh.host_key_trusted",
          message: `the ${typeForPeople(keyType)} key of ${host} is known from now on: ${fingerprint}`,
          data: { host, keyType, fingerprint, file },
        });
      }
      return { status: 200, body: { host, key_type: keyType, fingerprint, file, added } };
    },
  };
}

/** Of a host on the way nothing counts that is said of the host behind it, and its key is in the user's own known_hosts. */
async function configOf(
  config: SshConfig,
  host: string | undefined,
  signal: AbortSignal,
): Promise<SshConfig> {
  if (host === undefined || host === (await resolveSshTarget(config, { signal })).name) return config;
  const { configFile } = config;
  const files = configFile === undefined ? {} : { configFile };
  return parseRuntimeConfig({ type: "ssh", host, ...files }, "host") as SshConfig;
}
