import assert from "node:assert/strict";
import type { Capabilities, CapabilityName } from "../../src/contract/capabilities.ts";
import type { CaseContext } from "./case.ts";
import { refused } from "./kit.ts";

/** Whether a place has what a case needs. A process tree is there when more than the group is known. */
export function has(capabilities: Capabilities, name: CapabilityName): boolean {
  const value = capabilities[name];
  return name === "processTree" ? value !== "group" : value === true;
}

type Attempt = (context: CaseContext) => PromiseLike<unknown>;

const startsDetached: Attempt = ({ runtime }) => runtime.spawn(["sleep", "60"], { detached: true });

/** What has to be refused by name where a capability is missing. */
const ATTEMPTS: Record<CapabilityName, readonly Attempt[]> = {
  daemon: [
    startsDetached,
    ({ runtime }) => runtime.exec(["true"], { keepOutput: { aboveBytes: 0 } }),
    ({ runtime }) => runtime.exec(["true"]).background(),
  ],
  spawn: [({ runtime }) => runtime.spawn(["true"])],
  resume: [({ runtime }) => runtime.process("anything"), ({ runtime }) => runtime.processes()],
  tty: [({ runtime }) => runtime.spawn(["true"], { tty: true }), ({ runtime }) => runtime.shell()],
  // No operation is refused for it: an abort ends what is known.
  processTree: [],
  user: [
    ({ runtime }) => runtime.exec(["true"], { user: "0" }),
    ({ runtime }) => runtime.fs.stat("/", { user: "0" }),
    async ({ runtime, directory }) => runtime.fs.writeFile(`${await directory()}/by-root`, "", { user: "0" }),
  ],
  watch: [async ({ runtime, directory }) => runtime.fs.watch(await directory())],
  forward: [({ runtime }) => runtime.forward(80)],
  reverseForward: [({ runtime }) => runtime.reverseForward(80)],
  contained: [
    async ({ runtime, directory }) => {
      const root = await directory();
      return runtime.fs.readFile(`${root}/file`, { contained: { root } });
    },
    async ({ runtime, directory }) => {
      const root = await directory();
      return runtime.fs.writeFile(`${root}/file`, "", { contained: { root } });
    },
  ],
  durableWrite: [
    async ({ runtime, directory }) =>
      runtime.fs.writeFile(`${await directory()}/file`, "", { durable: true }),
  ],
};

/** Fails unless everything that needs the capability is refused with its name, and the reason is told. */
export async function refusedEverywhere(context: CaseContext, name: CapabilityName): Promise<void> {
  const { runtime } = context;
  const reason = runtime.capabilities.reasons[name];
  assert.ok(typeof reason === "string" && reason.length > 5, `it is said why ${name} is missing`);
  for (const attempt of ATTEMPTS[name]) {
    const error = await refused(attempt(context), "runtime.capability_unsupported");
    // What can't start processes at all says that first.
    const named = attempt === startsDetached && !runtime.capabilities.spawn ? "spawn" : name;
    assert.equal(error.context.capability, named);
    assert.ok(error.message.includes(named), error.message);
    assert.equal(error.runtime, runtime.description);
  }
}
