import { kill } from 'node:process'

/** Signals a process that leads its own group (spawned `detached`), and all that it has started in it. */
export function signalGroup(leader: number, signal: NodeJS.Signals): void {
  try {
    kill(-leader, signal)
  } catch {
    // No such group: all of it has ended.
  }
}
