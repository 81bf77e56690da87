import { resolve } from 'node:path'
import { GroupProcess, type ProcessGuard } from '../group-process.ts'
import type { SandboxEvents } from '../sandbox.ts'
import type { ShelfEvents, ShelfItem } from '../shelf.ts'

/** What a warm process becomes, in the directory that it stands in already. */
export interface WarmOrder {
  readonly environment: Readonly<Record<string, string>>
  /** Of the runtime client. */
  readonly arguments: readonly string[]
}

export interface WarmProcessOptions {
  /** As of {@link warmCommand}. */
  readonly command: readonly string[]
  readonly directory: string
  readonly environment: Readonly<Record<string, string>>
  readonly guard: ProcessGuard
}

const longestReason = 500

/**
 * The program that loads what `command` would run, and waits; undefined: there is none. Known are AWS's clients for
 * Python and Node.
 */
export function warmCommand(
  command: readonly string[],
): { readonly command: readonly string[]; readonly rest: readonly string[] } | undefined {
  const [program = '', first = '', second, ...others] = command
  if (first === '-m' && second === 'awslambdaric')
    return { command: [program, resolve(import.meta.dirname, 'warm-python.py')], rest: others }
  if (/[\\/]aws-lambda-ric[\\/](?:bin[\\/])?index\.mjs$/.test(first))
    return {
      command: [program, resolve(import.meta.dirname, 'warm-node.mjs'), first],
      rest: command.slice(2),
    }
  return undefined
}

/** A process with a runtime loaded that is nobody's yet, and knows nothing of any function. */
export class WarmProcess implements ShelfItem {
  readonly #process: GroupProcess
  #events: SandboxEvents | undefined
  #loaded = false
  #lastWords = ''

  constructor({ command, ...options }: WarmProcessOptions, { onReady, onLost }: ShelfEvents) {
    this.#process = new GroupProcess({
      ...options,
      command: () => command,
      stdin: 'pipe',
      events: {
        onLine: (stream, text) => {
          if (this.#events !== undefined) return this.#events.onLine(stream, text)
          if (stream === 'stderr') this.#lastWords = text.slice(0, longestReason)
          if (stream !== 'stdout' || this.#loaded) return
          this.#loaded = true
          onReady()
        },
        onExit: (code, signal) => {
          if (this.#events !== undefined) return this.#events.onExit(code, signal)
          onLost(this.#lastWords || (code === null ? `signal ${signal}` : `exit status ${code}`))
        },
        onFailure: onLost,
      },
    })
  }

  /** It waits for its order. */
  get ready(): boolean {
    return this.#loaded && this.#process.pid !== undefined
  }

  /** Once. @returns what its function's sandbox is from then on. */
  become(order: WarmOrder, events: SandboxEvents): GroupProcess {
    this.#events = events
    this.#process.stdin?.end(`${JSON.stringify(order)}\n`)
    return this.#process
  }

  end(): void {
    this.#process.signal('SIGKILL')
  }
}
