// Images of databases and brokers by their names, and the ports that everybody finds them at.

interface KnownImage {
  readonly names: RegExp
  readonly port: number
  readonly protocol: 'tcp' | 'http'
}

/** Of most, the server speaks first: the protocol can't be found by listening to the client. */
const images: readonly KnownImage[] = [
  { names: /^(?:postgres(?:ql)?|postgis|timescaledb|pgvector)$/, port: 5432, protocol: 'tcp' },
  { names: /^(?:mysql|mysql-server|mariadb|percona)$/, port: 3306, protocol: 'tcp' },
  { names: /^(?:redis|redis-stack-server|valkey|keydb)$/, port: 6379, protocol: 'tcp' },
  { names: /^memcached$/, port: 11_211, protocol: 'tcp' },
  { names: /^(?:mongo|mongodb|mongodb-community-server)$/, port: 27_017, protocol: 'tcp' },
  { names: /^rabbitmq$/, port: 5672, protocol: 'tcp' },
  { names: /^(?:kafka|cp-kafka)$/, port: 9092, protocol: 'tcp' },
  { names: /^(?:zookeeper|cp-zookeeper)$/, port: 2181, protocol: 'tcp' },
  { names: /^nats$/, port: 4222, protocol: 'tcp' },
  { names: /^cassandra$/, port: 9042, protocol: 'tcp' },
  { names: /^(?:elasticsearch|opensearch)$/, port: 9200, protocol: 'http' },
]

/** Where bytes are carried as they are, whatever the image is called; mail among them. */
const bytePorts: ReadonlySet<number> = new Set([
  ...images.filter(({ protocol }) => protocol === 'tcp').map(({ port }) => port),
  25,
  465,
  587,
  1025,
  1433,
  1521,
])

/** Undefined: nothing is known of it. */
export function knownPort(image: unknown): number | undefined {
  return find(image)?.port
}

/** Undefined: HTTP or not, the first bytes tell. */
export function knownProtocol(image: unknown, ports: readonly number[]): string | undefined {
  if (ports.some(port => bytePorts.has(port))) return 'tcp'
  return ports.length === 0 ? undefined : find(image)?.protocol
}

function find(image: unknown): KnownImage | undefined {
  if (typeof image !== 'string') return undefined
  const [path = ''] = image.split('@')
  const name = path.slice(path.lastIndexOf('/') + 1).split(':')[0] ?? ''
  return images.find(({ names }) => names.test(name))
}
