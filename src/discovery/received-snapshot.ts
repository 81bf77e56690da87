import { snapshotVersion } from '../model/snapshot-version.ts'
import type { Snapshot } from '../model/snapshot.ts'
import { applyChanges } from './delta.ts'
import type { Problem, Push } from './message.ts'

/** A push made whole, or why it cannot be: then only a whole snapshot helps. */
export type Received = { readonly snapshot: Snapshot } | { readonly problem: Problem }

/** Puts a push together with what is held, and makes sure that the outcome is what the control plane meant. */
export function receiveSnapshot({ content, version }: Push, held: Snapshot | undefined): Received {
  if (content.kind === 'delta' && content.base !== held?.version)
    return problem(
      'base',
      `the delta is against ${content.base}, held is ${held?.version ?? 'none'}`,
    )
  try {
    const snapshot =
      content.kind === 'snapshot'
        ? content.snapshot
        : applyChanges(held as Snapshot, content.changes, version)
    const actual = snapshotVersion(snapshot)
    if (actual !== version || snapshot.version !== version)
      return problem('version', `the content's version is ${actual}, announced was ${version}`)
    return { snapshot }
  } catch (error) {
    return problem('content', error instanceof Error ? error.message : String(error))
  }
}

function problem(path: string, message: string): Received {
  return { problem: { path, message } }
}
