// Prometheus finds pods by annotations. They lead to the sidecar, which shows the application's metrics with its own.
import { lastingContainers, type Pod } from './pod.ts'
import { healthPort } from './ports.ts'

const scrape = 'prometheus.io/scrape'
const portName = 'prometheus.io/port'
const pathName = 'prometheus.io/path'
const scheme = 'prometheus.io/scheme'

const toSidecar: Readonly<Record<string, string>> = {
  [scrape]: 'true',
  [portName]: String(healthPort),
  [pathName]: '/metrics',
}

interface Scraping {
  /** To be set on the pod. */
  readonly annotations: Readonly<Record<string, string>>
  /** `8080/metrics`: of the application, if it has some. */
  readonly application?: string
  readonly note?: string
}

export function takeOverScraping(pod: Pod): Scraping {
  const written = pod.metadata?.annotations ?? {}
  if (written[scrape] === undefined) return { annotations: toSidecar }
  // Not ours to overrule.
  if (written[scrape] !== 'true') return { annotations: {} }
  const application = applicationMetrics(pod, written)
  if (typeof application === 'string') return { annotations: toSidecar, application }
  const note = `${application.why}: the prometheus.io annotations stay, the sidecar's metrics are at port weft-metrics`
  return { annotations: {}, note }
}

function applicationMetrics(
  { spec }: Pod,
  written: Readonly<Record<string, string>>,
): string | { readonly why: string } {
  const more = Object.keys(written).find(name => name.startsWith('prometheus.io/param'))
  if (more !== undefined) return { why: `${more} cannot be passed on` }
  if ((written[scheme] ?? 'http') !== 'http') return { why: `${scheme} is not http` }
  const declared = lastingContainers(spec)
    .flatMap(({ ports }) => ports ?? [])
    .filter(({ protocol }) => (protocol ?? 'TCP') === 'TCP')
    .map(({ containerPort }) => String(containerPort))
  const port = written[portName] ?? (declared.length === 1 ? declared[0] : undefined)
  if (port === undefined) return { why: `${portName} does not say which port` }
  if (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65_535)
    return { why: `${portName} is no port` }
  const path = `/${(written[pathName] ?? 'metrics').replace(/^\//, '')}`
  return /^[!-~]+$/.test(path) ? `${Number(port)}${path}` : { why: `${pathName} is no path` }
}
