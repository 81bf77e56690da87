import { fieldsOf } from '../../base/fields.ts'
import { EngineError, EngineTransport, filterOf, type LineReader } from './engine-transport.ts'

/** A container as the list has it; what the engine left out is empty. */
export interface ListedContainer {
  /** 64 hex digits. */
  readonly id: string
  readonly name: string
  /** `created`, `running`, `paused`, `restarting`, `removing`, `exited` or `dead`. */
  readonly state: string
  /** The engine's text: `Up 3 minutes (healthy)`. */
  readonly status: string
  /** Seconds since 1970. */
  readonly created: number
  readonly labels: Readonly<Record<string, string>>
  /** By name. Empty for one that shares the network of another, or of its host. */
  readonly networks: ReadonlyMap<string, AttachedNetwork>
}

/** A container's place in a network. Without addresses while it does not run. */
export interface AttachedNetwork {
  readonly id: string
  readonly ipv4: string
  readonly ipv4Prefix: number
  readonly ipv6: string
  readonly ipv6Prefix: number
}

export interface ContainerList {
  readonly containers: readonly ListedContainer[]
  /** When the list was made, by the engine's clock: seconds since 1970. */
  readonly madeAt: number | undefined
}

/** Something that happened to a container, or between it and a network. */
export interface ContainerEvent {
  readonly action: string
  readonly container: string
  /** Where it is one of a network: its name. */
  readonly network: string | undefined
  /** Of the container, its labels among them. Empty for an event of a network. */
  readonly attributes: Readonly<Record<string, unknown>>
  /** Seconds since 1970. */
  readonly time: number
}

export interface EventReader {
  /** The engine has taken the question: what happens from now on is told. */
  readonly onOpen: () => void
  readonly onEvent: (event: ContainerEvent) => void
}

const anything = "[A-Za-z0-9%_.~!*'()-]+"

/** All that discovery and attestation ever ask of the engine: nothing that changes anything, nor looks inside. */
const allowed = [
  { method: 'GET', path: /^\/containers\/json\?all=1$/ },
  { method: 'GET', path: new RegExp(`^/events\\?since=\\d{1,12}&filters=${anything}$`) },
] as const

/** Some 10,000 containers. */
const maxListBytes = 16 * 1024 * 1024
const maxContainers = 10_000

/** After these a container is, or answers, otherwise than before. */
const actions =
  'create start unpause rename health_status kill die pause destroy connect disconnect'.split(' ')

/** What the engine shows of its containers, to whoever only looks. */
export class EngineView {
  readonly #transport: EngineTransport

  constructor(socket: string) {
    this.#transport = new EngineTransport({ socket, allowed, maxAnswerBytes: maxListBytes })
  }

  /** All of them: by a filter, one whose label is misspelt would not be seen at all. */
  async list(signal: AbortSignal): Promise<ContainerList> {
    const path = '/containers/json?all=1'
    const { text, date } = await this.#transport.ask({ method: 'GET', path, signal })
    const entries = listOf(text)
    if (entries.length > maxContainers)
      throw new EngineError(`the engine has more than ${maxContainers} containers`, undefined)
    return {
      containers: entries.flatMap(containerOf),
      madeAt: date === undefined ? undefined : Math.floor(date / 1000),
    }
  }

  /**
   * Tells what happens to containers until the stream ends or `signal` aborts; rejects with the reason.
   * @param since seconds since 1970, by the engine's clock: of what it still remembers from then, it tells first.
   */
  async events(since: number, reader: EventReader, signal: AbortSignal): Promise<void> {
    const filters = filterOf({ type: ['container', 'network'], event: actions })
    const lines: LineReader = {
      onOpen: reader.onOpen,
      onValue: value => {
        const event = eventOf(value)
        if (event !== undefined) reader.onEvent(event)
      },
    }
    await this.#transport.follow(`/events?since=${since}&filters=${filters}`, lines, signal)
  }

  async close(): Promise<void> {
    await this.#transport.close()
  }
}

function listOf(text: string): readonly unknown[] {
  try {
    const list: unknown = JSON.parse(text)
    if (Array.isArray(list)) return list
  } catch {
    // The same.
  }
  throw new EngineError('the list of containers is no list', undefined)
}

function containerOf(value: unknown): ListedContainer[] {
  const { Id, Names, State, Status, Created, Labels, NetworkSettings } = fieldsOf(value)
  if (typeof Id !== 'string' || typeof State !== 'string') return []
  const names = Array.isArray(Names) ? Names.map(String) : []
  const networks = Object.entries(fieldsOf(fieldsOf(NetworkSettings)['Networks']))
  return [
    {
      id: Id,
      // Links of old engines stand there too, as `/other/alias`.
      name: (names.find(name => /^\/[^/]+$/.test(name)) ?? Id.slice(0, 12)).replace('/', ''),
      state: State,
      status: textOf(Status),
      created: numberOf(Created),
      labels: stringsOf(Labels),
      networks: new Map(networks.map(([name, network]) => [name, networkOf(network)])),
    },
  ]
}

function networkOf(value: unknown): AttachedNetwork {
  const { NetworkID, IPAddress, IPPrefixLen, GlobalIPv6Address, GlobalIPv6PrefixLen } =
    fieldsOf(value)
  return {
    id: textOf(NetworkID),
    ipv4: textOf(IPAddress),
    ipv4Prefix: numberOf(IPPrefixLen),
    ipv6: textOf(GlobalIPv6Address),
    ipv6Prefix: numberOf(GlobalIPv6PrefixLen),
  }
}

/** Of a network the actor is the network, and the container stands among its attributes. */
function eventOf(value: unknown): ContainerEvent | undefined {
  const { Type, Action, Actor, time } = fieldsOf(value)
  const { ID, Attributes } = fieldsOf(Actor)
  const attributes = fieldsOf(Attributes)
  const isNetwork = Type === 'network'
  const container = isNetwork ? attributes['container'] : ID
  if (typeof Action !== 'string' || typeof container !== 'string') return undefined
  return {
    // `health_status: healthy`.
    action: Action.split(':', 1)[0] ?? '',
    container,
    network: isNetwork ? textOf(attributes['name']) : undefined,
    attributes: isNetwork ? {} : attributes,
    time: numberOf(time),
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function numberOf(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : 0
}

function stringsOf(value: unknown): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(fieldsOf(value)).filter(
      (entry): entry is [string, string] => typeof entry[1] === 'string',
    ),
  )
}
