import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from '../../base/log.ts'
import {
  AttestationError,
  AttestationPostponed,
  type AttestedWorkload,
  type Attestor,
  type Evidence,
} from '../sidecars/attestor.ts'
import type { WorkloadName } from '../sidecars/workload-key.ts'
import type { ContainerWord } from './container-labels.ts'
import type { ContainerWatch } from './container-watch.ts'
import type { ContainerList, ListedContainer } from './engine-view.ts'
import { shortId } from './mesh-container.ts'
import type { SharedNetworks } from './shared-networks.ts'

export interface ContainerAttestorOptions {
  readonly watch: Pick<ContainerWatch, 'refresh' | 'containers'>
  readonly networks: SharedNetworks
  readonly logger: Logger
  /** Between questions. Default 250. */
  readonly retryMs?: number
}

/** Questions until a container that has only just started must be known. */
const maxQuestions = 3
/** Below the 10 s that a sidecar waits. */
const maxMs = 8000

/**
 * Takes the address that a connection comes from, without any token, for the container that has it, and its labels for
 * who it is: whoever sets those has the engine, and with it everything.
 *
 * The engine is asked after the connection stands, and only containers that run count, so that an address which has
 * passed to another container since cannot become the former one's identity: its answer would go where the key is not.
 * What it trusts in is that nobody in these networks answers under another's address. On a bridge, a container with
 * NET_RAW, which Docker gives to all by default, can: it claims the address by ARP and takes the whole connection. Where
 * containers of a network do not trust each other, `cap_drop: [NET_RAW]` for each of them, or join tokens, are needed.
 * Containers that share a sidecar's network are the same workload, and anyone in them can be it.
 */
export class ContainerAttestor implements Attestor {
  readonly takes =
    'the address of a container with the label weft.service, from a network of the control plane'
  readonly #options: ContainerAttestorOptions
  readonly counters = { attested: 0, refused: 0, postponed: 0 }

  constructor(options: ContainerAttestorOptions) {
    this.#options = options
  }

  async attest({ token, address }: Evidence): Promise<AttestedWorkload | undefined> {
    if (token !== undefined || address === undefined) return undefined
    try {
      const workload = await this.#ask(address)
      this.counters.attested++
      return workload
    } catch (error) {
      if (error instanceof AttestationError) {
        this.counters.refused++
        this.#options.logger.warn({ address, reason: error.message }, 'refused a container')
        throw error
      }
      this.counters.postponed++
      this.#options.logger.warn({ address, error }, 'could not find out which container asks')
      throw new AttestationPostponed('the engine does not say which container this is')
    }
  }

  /** Also one that has ended, as long as it is not removed: when it starts again, it has its certificate still. */
  recall({ namespace, name }: WorkloadName): AttestedWorkload | undefined {
    const container = this.#options.watch.containers.find(
      ({ shortId: other, word }) => other === name && word?.namespace === namespace,
    )
    return container?.word && workloadOf(name, container.word)
  }

  async #ask(address: string): Promise<AttestedWorkload> {
    const { retryMs = 250 } = this.#options
    const deadline = AbortSignal.timeout(maxMs)
    for (let question = 1; ; question++) {
      const list = await this.#refresh(deadline)
      const found = this.#holders(list, address)
      const [holder, another] = found
      if (another !== undefined) throw new AttestationError(ambiguous(address, found))
      const known = this.#options.watch.containers.find(({ id }) => id === holder?.id)
      if (holder !== undefined && known?.running !== false) return attested(address, holder, known)
      if (question === maxQuestions) throw new AttestationError(unknown(address))
      await delay(retryMs, undefined, { signal: deadline })
    }
  }

  async #refresh(deadline: AbortSignal): Promise<ContainerList> {
    const { promise: over, reject } = Promise.withResolvers<never>()
    const onAbort = (): void => reject(deadline.reason)
    deadline.addEventListener('abort', onAbort, { once: true })
    try {
      return await Promise.race([this.#options.watch.refresh(), over])
    } finally {
      deadline.removeEventListener('abort', onAbort)
    }
  }

  #holders({ containers }: ContainerList, address: string): ListedContainer[] {
    const networks = this.#options.networks.look()
    return containers.filter(
      container =>
        container.state === 'running' && networks.addressesOf(container).includes(address),
    )
  }
}

type Known = ContainerWatch['containers'][number]

function attested(
  address: string,
  { id, name }: ListedContainer,
  known: Known | undefined,
): AttestedWorkload {
  const who = `container ${name} (${address})`
  const [problem] = known?.problems ?? []
  if (problem !== undefined)
    throw new AttestationError(`${who}: label ${problem.label}: ${problem.message}`)
  if (known?.word === undefined)
    throw new AttestationError(
      `${who} has no label weft.service: make it again with one, or give its sidecar a join token`,
    )
  if (known.word.plain)
    throw new AttestationError(
      `${who} is to have no sidecar, by its label weft.plain: take that away, or the sidecar`,
    )
  return workloadOf(shortId(id), known.word)
}

function workloadOf(
  name: string,
  { namespace, serviceAccount, labels }: ContainerWord,
): AttestedWorkload {
  return { namespace, name, serviceAccount, labels }
}

function unknown(address: string): string {
  return (
    `no running container has the address ${address} in a network of the control plane: ` +
    'connect both to one network, name it where the control plane has several, and let nothing translate addresses between them'
  )
}

function ambiguous(address: string, containers: readonly ListedContainer[]): string {
  const names = containers.map(({ name }) => name).join(', ')
  return `several containers have the address ${address}: ${names}; tell the control plane whose network counts`
}
