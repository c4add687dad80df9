import { execFile } from "node:child_process";

/**
 * Tells systemd (`Type=notify`) how the service is: its socket takes datagrams, which Node has not, so that systemd's own
 * program sends them. Does nothing where no service manager asks for it.
 */
export async function notifyServiceManager(
  state: "ready" | "reloading" | "stopping",
  status: string,
  onTrouble: (error: Error) => void,
): Promise<void> {
  if (!process.env.NOTIFY_SOCKET) return;
  await new Promise<void>((resolve) => {
    const args = [`--pid=${process.pid}`, `--status=${status}`, `--${state}`];
    execFile("systemd-notify", args, { timeout: 10_000 }, (error) => {
      if (error !== null) onTrouble(error);
      resolve();
    });
  });
}
