import type { FunctionSpec } from '../../../src/model/function/function.ts'
import type { SandboxEvents } from '../../../src/functions/runtime/sandbox.ts'

export function functionSpec(changes: Partial<FunctionSpec> = {}): FunctionSpec {
  return {
    name: 'hello',
    namespace: 'default',
    version: '$LATEST',
    driver: 'process',
    protocol: 'lambda',
    input: 'http',
    command: [],
    handler: 'f.handler',
    directory: '/',
    environment: {},
    secretFiles: {},
    memoryMib: 128,
    timeoutMs: 3000,
    initTimeoutMs: 10_000,
    concurrency: 1,
    scale: {
      min: 0,
      max: 10,
      target: 0.7,
      keepAliveMs: 60_000,
      tier: 'hot',
      pool: 0,
      zero: 'stopped',
    },
    ...changes,
  }
}

/** What a sandbox has told, and its end when that has come. */
export class SandboxRecord implements SandboxEvents {
  readonly lines: string[] = []
  readonly ended: Promise<string>
  #end: (how: string) => void = () => {}
  readonly #waiting: { readonly text: string; readonly resolve: () => void }[] = []

  constructor() {
    this.ended = new Promise(resolve => (this.#end = resolve))
  }

  onLine(stream: 'stdout' | 'stderr', text: string): void {
    this.lines.push(`${stream}: ${text}`)
    for (const { text: awaited, resolve } of this.#waiting) if (text === awaited) resolve()
  }

  onExit(code: number | null, signal: string | null): void {
    this.#end(`exit ${code ?? signal}`)
  }

  onFailure(message: string): void {
    this.#end(message)
  }

  /** Resolves when the line is written. */
  line(text: string): Promise<void> {
    return new Promise(resolve => this.#waiting.push({ text, resolve }))
  }
}

/** Keeps the process groups that it was told of. */
export class GuardRecord {
  readonly groups = new Set<number>()

  add(group: number): void {
    this.groups.add(group)
  }

  remove(group: number): void {
    this.groups.delete(group)
  }
}
