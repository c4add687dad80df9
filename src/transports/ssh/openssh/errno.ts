/** Whether something thrown is the system's error of this name. */
export function isErrno(cause: unknown, name: string): boolean {
  return (cause as NodeJS.ErrnoException | null)?.code === name;
}
