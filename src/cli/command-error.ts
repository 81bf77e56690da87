/** The command line is at fault, as shells have it. */
export const usageErrorCode = 2

/** A failure that its reader can mend: the message is shown alone, without a stack. */
export class CommandError extends Error {
  readonly exitCode: number

  constructor(message: string, exitCode = 1) {
    super(message)
    this.name = 'CommandError'
    this.exitCode = exitCode
  }
}

/** The same for a refusal of the operating system, whose message names the call and the file; undefined for a bug. */
export function toCommandError(error: unknown): CommandError | undefined {
  if (error instanceof CommandError) return error
  return error instanceof Error && 'syscall' in error ? new CommandError(error.message) : undefined
}
