import type { FunctionSpec } from '../../model/function/function.ts'

/** What an instance is told of the code that runs for it. Its end is `onExit` or `onFailure`, once, and last. */
export interface SandboxEvents {
  onLine(stream: 'stdout' | 'stderr', text: string): void
  /** `code` null: it was ended by `signal`. */
  onExit(code: number | null, signal: string | null): void
  /** It never ran. The message reaches the function's callers: no secret stands in it. */
  onFailure(message: string): void
}

/** What runs the code of one instance, apart from the Runtime API that the code talks to. */
export interface Sandbox {
  /** Leader of its process group, as this machine counts; undefined while nothing runs. */
  readonly pid: number | undefined
  /**
   * False: someone else starts and ends what runs in it. It may come late, come back after its end, and is neither
   * frozen nor ended from here.
   */
  readonly owned: boolean
  /** Runs the code. Once. */
  start(): void
  /** Takes its processor away. @returns false where that is not possible: it goes on. */
  freeze(): boolean
  thaw(): void
  /** Asks it to end; thawed or not, it hears that. */
  terminate(): void
  /** Ends it and all that it has started. */
  kill(): void
}

/** A way to run functions. */
export interface Driver {
  /** A sandbox costs less to start when it was made ahead: it is worth keeping some. */
  readonly preparesAhead: boolean
  /** Where code that others start expects the Runtime API. Absent: each instance is told its own port. */
  readonly runtimeApiPort?: number
  /** Never throws: what fails is told by `events`, after this call. */
  create(
    spec: FunctionSpec,
    environment: Readonly<Record<string, string>>,
    events: SandboxEvents,
  ): Sandbox
  /**
   * Sandboxes of this function will be wanted: what can be made ready for up to `count` of them at once is. 0: no
   * more. The last call counts.
   */
  expect(spec: FunctionSpec, count: number): void
  /** Ends what it keeps ahead. Sandboxes are ended by those who made them. */
  close(): Promise<void>
}
