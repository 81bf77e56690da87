import type { Now } from '../../base/clock.ts'
import { LogLimit } from '../../base/log-limit.ts'

/** What of a sidecar's access log is shown. */
interface AccessLine {
  readonly time: string
  readonly direction: string
  readonly method: string
  readonly authority: string
  readonly path: string
  readonly status: number
  readonly reason?: string
  readonly durationMs: number
  readonly endpoint?: string
  readonly attempts: number
  /** Lines, of either direction, that the sidecar has left out before this one. */
  readonly suppressed?: number
}

/** Names for the addresses in access logs, by `host:port`. */
export interface AddressBook {
  /** Of local upstream ports: the service behind. */
  readonly services: ReadonlyMap<string, string>
  /** Of sidecars and applications: the workload. */
  readonly workloads: ReadonlyMap<string, string>
}

const linesPerSecond = 20

/** Turns access logs into one short line a request, a bounded number of them. */
export class TrafficView {
  readonly #write: (line: string) => void
  readonly #addresses: AddressBook
  readonly #now: Now
  readonly #limit = new LogLimit(linesPerSecond)
  #failed = 0
  #unlogged = 0

  constructor(write: (line: string) => void, addresses: AddressBook, now: Now) {
    this.#write = write
    this.#addresses = addresses
    this.#now = now
  }

  /** `line` is one line of the standard output of `workload`'s sidecar. */
  observe(workload: string, line: string): void {
    const entry = parseAccessLine(line)
    this.#unlogged += entry?.suppressed ?? 0
    // Both ends of a call log it: the caller's word includes retries and the mesh between.
    if (entry?.direction !== 'outbound') return
    if (this.#limit.admit(this.#now())) this.#write(this.#format(workload, entry))
    else if (entry.status >= 500) this.#failed++
  }

  /** Called once a second. */
  summarise(): void {
    const more = this.#limit.takeSuppressed()
    if (more > 0 || this.#unlogged > 0) {
      const unlogged =
        this.#unlogged > 0 ? `; sidecars left ${this.#unlogged} lines out of their logs` : ''
      this.#write(`… and ${more} more requests, ${this.#failed} of them failed${unlogged}`)
    }
    this.#failed = 0
    this.#unlogged = 0
  }

  #format(workload: string, entry: AccessLine): string {
    const { services, workloads } = this.#addresses
    const service = services.get(entry.authority) ?? entry.authority
    const { endpoint, attempts, reason } = entry
    const via = endpoint === undefined ? '' : ` via ${workloads.get(endpoint) ?? endpoint}`
    const tries = attempts > 1 ? ` after ${attempts} tries` : ''
    const why = reason === undefined ? '' : ` ${reason}`
    const call = `${workload} → ${service} ${entry.method} ${entry.path}`
    const outcome = `${entry.status}${why} ${entry.durationMs.toFixed(1)} ms`
    return `${clockTime(entry.time)} ${call} ${outcome}${via}${tries}`
  }
}

function parseAccessLine(line: string): AccessLine | undefined {
  if (!line.startsWith('{')) return undefined
  try {
    return JSON.parse(line) as AccessLine
  } catch {
    // Not an access log's line; nothing that is shown.
    return undefined
  }
}

/** Local time of day with milliseconds. */
function clockTime(time: string): string {
  const date = new Date(time)
  return `${date.toTimeString().slice(0, 8)}.${String(date.getMilliseconds()).padStart(3, '0')}`
}
