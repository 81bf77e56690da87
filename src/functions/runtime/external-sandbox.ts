import type { Driver, Sandbox } from './sandbox.ts'

/** Where AWS's runtime clients look for the Runtime API when nobody tells them, and AWS's emulator listens. */
export const externalRuntimePort = 9001

/**
 * For code that runs in a container beside ours, and shares our loopback: Docker or Kubernetes starts it, ends it, and
 * starts it again. There is one, whatever is asked for; when it has asked for its first event, it is ready.
 */
export class ExternalDriver implements Driver {
  readonly preparesAhead = false
  readonly runtimeApiPort: number

  constructor(runtimeApiPort = externalRuntimePort) {
    this.runtimeApiPort = runtimeApiPort
  }

  create(): Sandbox {
    return externalSandbox
  }

  expect(): void {}

  async close(): Promise<void> {}
}

const externalSandbox: Sandbox = {
  pid: undefined,
  owned: false,
  start: () => {},
  freeze: () => false,
  thaw: () => {},
  terminate: () => {},
  kill: () => {},
}
