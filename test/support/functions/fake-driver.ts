import type { FunctionSpec } from '../../../src/model/function/function.ts'
import type { Driver, Sandbox, SandboxEvents } from '../../../src/functions/runtime/sandbox.ts'

/** Runs nothing: what is asked of it stands in `calls`, and the test says what happens. */
export class FakeSandbox implements Sandbox {
  pid: number | undefined = 1
  readonly owned: boolean
  canFreeze = true
  readonly calls: string[] = []
  readonly events: SandboxEvents
  readonly environment: Readonly<Record<string, string>>

  constructor(
    owned: boolean,
    events: SandboxEvents,
    environment: Readonly<Record<string, string>>,
  ) {
    this.owned = owned
    this.events = events
    this.environment = environment
  }

  start(): void {
    this.calls.push('start')
  }

  freeze(): boolean {
    this.calls.push('freeze')
    return this.canFreeze
  }

  thaw(): void {
    this.calls.push('thaw')
  }

  terminate(): void {
    this.calls.push('terminate')
  }

  kill(): void {
    this.calls.push('kill')
  }
}

export class FakeDriver implements Driver {
  readonly preparesAhead: boolean
  readonly runtimeApiPort?: number
  readonly sandboxes: FakeSandbox[] = []
  readonly expected: string[] = []
  readonly #owned: boolean

  constructor({ preparesAhead = false, external = false } = {}) {
    this.preparesAhead = preparesAhead
    this.#owned = !external
    if (external) this.runtimeApiPort = 9001
  }

  get last(): FakeSandbox {
    const sandbox = this.sandboxes.at(-1)
    if (sandbox === undefined) throw new Error('no sandbox was created')
    return sandbox
  }

  create(
    _spec: FunctionSpec,
    environment: Readonly<Record<string, string>>,
    events: SandboxEvents,
  ): Sandbox {
    const sandbox = new FakeSandbox(this.#owned, events, environment)
    this.sandboxes.push(sandbox)
    return sandbox
  }

  expect({ handler }: FunctionSpec, count: number): void {
    this.expected.push(`${count} of ${handler}`)
  }

  async close(): Promise<void> {}
}
