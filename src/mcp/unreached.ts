import { berthError } from "../contract/errors.ts";
import type { Runtime } from "../contract/runtime.ts";
import { createTools } from "../tools/create.ts";
import type { Tool, ToolOptions } from "../tools/tool.ts";

/**
 * The tools of a place that could not be reached yet, to be listed and never called: clients ask for the list once, when
 * they start, and show none of a server that has none then.
 */
export async function unreachedTools(where: string, options: ToolOptions): Promise<readonly Tool[]> {
  const tools = await createTools(unreachedRuntime(where), options);
  const note = `Not reached yet: ${where}. A call tries again, and says why where it fails.`;
  return tools.list.map((tool) => ({ ...tool, description: `${tool.title}. ${note}` }));
}

function unreachedRuntime(description: string): Runtime {
  const unreached = () => berthError("runtime.closed", { message: "the place has not been reached" });
  const nothing = async (): Promise<never> => {
    throw unreached();
  };
  const missing = new Proxy(Object.create(null) as Runtime["fs"], { get: () => nothing });
  const capabilities = new Proxy({ reasons: {} } as Runtime["capabilities"], {
    get: (target, name) => (name === "reasons" ? target.reasons : true),
  });
  const runtime = {
    kind: "local",
    description,
    isolation: "none",
    workdir: "/",
    capabilities,
    fs: missing,
    // Which shell there is, is not known either.
    exec: async () => ({ stdout: "" }),
  };
  return runtime as unknown as Runtime;
}
