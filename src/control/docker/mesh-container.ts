import { readLabels, type ContainerWord, type LabelProblem } from './container-labels.ts'
import type { ListedContainer } from './engine-view.ts'
import type { NetworkView, Place } from './shared-networks.ts'

/** A container that has labels of ours. */
export interface MeshContainer {
  readonly id: string
  /** The first 12 digits of its id: the host name in it, unless it was given another. */
  readonly shortId: string
  readonly name: string
  /** Seconds since 1970. */
  readonly created: number
  /** Its processes run; a paused one's do not. */
  readonly running: boolean
  /** It runs, or is between two runs: what it says counts before the word of one that has ended. */
  readonly alive: boolean
  /** The engine's own check of it fails, or has not succeeded yet. */
  readonly unhealthy: boolean
  /** Absent when its labels have problems. */
  readonly word?: ContainerWord
  readonly problems: readonly LabelProblem[]
  /** In the networks that count, while it runs. */
  readonly place: Place | undefined
}

const aliveStates: ReadonlySet<string> = new Set(['running', 'paused', 'restarting'])

/** Undefined: it is nothing to us. */
export function meshContainer(
  listed: ListedContainer,
  networks: NetworkView,
): MeshContainer | undefined {
  const read = readLabels(listed.labels)
  if (read === undefined) return undefined
  const { id, name, created, state, status } = listed
  const running = state === 'running'
  return {
    id,
    shortId: shortId(id),
    name,
    created,
    running,
    alive: aliveStates.has(state),
    unhealthy: /\((?:unhealthy|health: starting)\)/.test(status),
    ...('service' in read ? { word: read, problems: [] } : { problems: read }),
    place: running ? networks.placeOf(listed) : undefined,
  }
}

export function shortId(id: string): string {
  return id.slice(0, 12)
}
