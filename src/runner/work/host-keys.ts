import { parseRuntimeConfig, type RuntimeConfig, type SshConfig } from "../../contract/config.ts";
import { berthError } from "../../contract/errors.ts";
import { resolveRuntime } from "../../runtimes/open.ts";
import { showHostKey, trustHostKey } from "../../runtimes/ssh/trust.ts";
import { typeForPeople } from "../../transports/ssh/known-hosts.ts";
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
      const shown = await showHostKey(body.host === undefined ? config : onTheWay(config, body.host), {
        signal,
      });
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

/** A jump host is known by the same files, and by nothing else that is said of the host behind it. */
function onTheWay({ configFile, knownHostsFile }: SshConfig, host: string): SshConfig {
  const files = {
    ...(configFile === undefined ? {} : { configFile }),
    ...(knownHostsFile === undefined ? {} : { knownHostsFile }),
  };
  return parseRuntimeConfig({ type: "ssh", host, ...files }, "host") as SshConfig;
}
