import { nextTick } from 'node:process'

/** Outgoing bytes that wait for more. */
export interface Corked {
  /** Lets them go. */
  uncork(): void
}

const waiting: Corked[] = []
let depth = 0
let scheduled = false

/**
 * Until the {@link uncork} that follows, what {@link waitForUncork} was told of waits: for codecs around each read
 * of a plain socket, so that all which it causes leaves in few writes. Calls nest. Not around reads of TLS, which
 * hands out 16 KiB at a time of what came at once.
 * perf: bench hop-100B. A `nextTick` instead is another way from C++ into JavaScript and back.
 */
export function cork(): void {
  depth++
}

export function uncork(): void {
  if (--depth === 0) uncorkAll()
}

/** Uncorks when the read under way is worked off, or when the current callback is over. */
export function waitForUncork(corked: Corked): void {
  waiting.push(corked)
  if (depth > 0 || scheduled) return
  scheduled = true
  nextTick(uncorkScheduled)
}

function uncorkScheduled(): void {
  scheduled = false
  uncorkAll()
}

function uncorkAll(): void {
  for (let corked = waiting.pop(); corked !== undefined; corked = waiting.pop()) corked.uncork()
}
