import { resolve } from 'node:path'
import type { FunctionSpec } from '../../../model/function/function.ts'
import type { GroupProcess, ProcessGuard } from '../group-process.ts'
import { ProcessDriver, ProcessSandbox } from '../process-sandbox.ts'
import { programOf } from '../runtime-command.ts'
import type { Driver, Sandbox, SandboxEvents } from '../sandbox.ts'
import { Shelf } from '../shelf.ts'
import { warmCommand, WarmProcess } from './warm-process.ts'

export interface WarmPoolOptions {
  readonly guard: ProcessGuard
  /** What every function inherits of our environment: all that a warm process gets. */
  readonly environment: Readonly<Record<string, string>>
  /** Warm processes of a function can't be made; it starts without them. */
  readonly onTrouble: (spec: FunctionSpec, reason: string) => void
}

/** Read by interpreters and libraries as they start, when a warm process did not have them. */
const readAtStart = /^(?:PYTHON|NODE_(?!ENV$)|LANG|LD_|UV_|OPENSSL_|SSL_|MALLOC_|GLIBC_|LC_)/

/** More would cost more memory than starts cost time. */
const maxShelves = 64

interface Kept {
  readonly shelf: Shelf<WarmProcess>
  readonly command: readonly string[]
  readonly directory: string
  readonly rest: readonly string[]
}

/** Runs functions in processes that have loaded their runtime ahead, and in new ones when there is none. */
export class WarmPool implements Driver {
  readonly preparesAhead = false
  readonly #options: WarmPoolOptions
  readonly #cold: ProcessDriver
  readonly #kept = new Map<string, Kept>()
  readonly #closing = new Set<Promise<void>>()

  constructor(options: WarmPoolOptions) {
    this.#options = options
    this.#cold = new ProcessDriver(options.guard)
  }

  create(
    spec: FunctionSpec,
    environment: Readonly<Record<string, string>>,
    events: SandboxEvents,
  ): Sandbox {
    return new ProcessSandbox(
      () => this.#take(spec, environment, events) ?? this.#cold.begin(spec, environment, events),
    )
  }

  expect(spec: FunctionSpec, count: number): void {
    const wanted = count > 0 ? this.#kindOf(spec) : undefined
    const kept = this.#kept.get(keyOf(spec))
    if (wanted !== undefined && kept !== undefined && isSameKind(kept, wanted))
      return kept.shelf.resize(count)
    if (kept !== undefined) this.#drop(spec, kept)
    if (wanted === undefined || this.#kept.size >= maxShelves) return
    const { guard, environment, onTrouble } = this.#options
    const shelf = new Shelf({
      make: events => new WarmProcess({ ...wanted, guard, environment }, events),
      onTrouble: reason => onTrouble(spec, reason),
    })
    this.#kept.set(keyOf(spec), { ...wanted, shelf })
    shelf.resize(count)
  }

  /** Of those that wait for this function, how many can be taken now. */
  ready(spec: FunctionSpec): number {
    return this.#kept.get(keyOf(spec))?.shelf.ready ?? 0
  }

  async close(): Promise<void> {
    for (const { shelf } of this.#kept.values()) this.#close(shelf)
    this.#kept.clear()
    await Promise.all(this.#closing)
  }

  #take(
    spec: FunctionSpec,
    environment: Readonly<Record<string, string>>,
    events: SandboxEvents,
  ): GroupProcess | undefined {
    const kept = this.#kept.get(keyOf(spec))
    if (kept === undefined || !this.#suits(environment)) return undefined
    return kept.shelf.take()?.become({ environment, arguments: kept.rest }, events)
  }

  /** What a process has read as it started can't be changed any more. */
  #suits(environment: Readonly<Record<string, string>>): boolean {
    const own = this.#options.environment
    return (
      Object.keys(own).every(name => environment[name] === own[name]) &&
      Object.keys(environment).every(name => name in own || !readAtStart.test(name))
    )
  }

  #kindOf(spec: FunctionSpec): Omit<Kept, 'shelf'> | undefined {
    try {
      const warm = warmCommand(programOf(spec))
      return warm && { ...warm, directory: resolve(spec.directory) }
    } catch {
      // Its start will say what is missing.
      return undefined
    }
  }

  #drop(spec: FunctionSpec, { shelf }: Kept): void {
    this.#kept.delete(keyOf(spec))
    this.#close(shelf)
  }

  #close(shelf: Shelf<WarmProcess>): void {
    const closing = shelf.close().finally(() => this.#closing.delete(closing))
    this.#closing.add(closing)
  }
}

function keyOf({ namespace, name, version }: FunctionSpec): string {
  return JSON.stringify([namespace, name, version])
}

function isSameKind(a: Omit<Kept, 'shelf'>, b: Omit<Kept, 'shelf'>): boolean {
  const kind = ({ command, directory, rest }: Omit<Kept, 'shelf'>) =>
    JSON.stringify([command, directory, rest])
  return kind(a) === kind(b)
}
