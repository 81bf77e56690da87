import { nextTick } from 'node:process'

/** Outgoing bytes that wait for more. */
export interface Corked {
  /** Lets them go. */
  uncork(): void
}

const waiting: Corked[] = []
let depth = 0

/**
 * Until the {@link uncork} that follows, what {@link waitForUncork} was told of waits: for codecs around each read
 * of a socket, so that all which it causes leaves in few writes. Calls nest.
 * perf: bench hop-100B. A `nextTick` for each message instead is another way from C++ into JavaScript and back.
 */
export function cork(): void {
  depth++
}

export function uncork(): void {
  if (--depth > 0) return
  for (let corked = waiting.pop(); corked !== undefined; corked = waiting.pop()) corked.uncork()
}

/** Uncorks when the read under way is worked off, or when the current callback is over. */
export function waitForUncork(corked: Corked): void {
  if (depth > 0) waiting.push(corked)
  else nextTick(uncorkOne, corked)
}

function uncorkOne(corked: Corked): void {
  corked.uncork()
}
