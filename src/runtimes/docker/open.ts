import type { DockerConfig } from "../../contract/config.ts";
import type { Runtime } from "../../contract/runtime.ts";
import type { RuntimeContext } from "../context.ts";

/** A container: a running one of the user's, or one that Berth makes of an image. */
export async function openDocker(config: DockerConfig, context: RuntimeContext): Promise<Runtime> {
  if ("containerId" in config) {
    const { openUserContainer } = await import("./user-container.ts");
    return openUserContainer(config, context);
  }
  const { openImage } = await import("./image-container.ts");
  return openImage(config, context);
}
