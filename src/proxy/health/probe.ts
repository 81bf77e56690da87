// What the kubelet does (Kubernetes, pkg/probe), from within the pod.
import { monotonicNow } from '../../base/clock.ts'
import { HeaderList } from '../../http/headers.ts'
import type { ApplicationProbe } from '../../model/bootstrap.ts'
import { askApplication, authorityOf, connectToApplication } from './ask-application.ts'
import { checkGrpcHealth } from './grpc-health.ts'
import type { Verdict } from './verdict.ts'

export interface ProbeSurroundings {
  /** Of the application. */
  readonly host: string
  /** Gives up early. */
  readonly signal: AbortSignal
}

/** Never rejects: whatever goes wrong is a verdict. */
export async function probeApplication(
  probe: ApplicationProbe,
  { host, signal }: ProbeSurroundings,
): Promise<Verdict> {
  const target = { address: { host, port: probe.port }, signal }
  try {
    switch (probe.kind) {
      case 'tcp':
        await connectToApplication({ ...target, timeoutMs: probe.timeoutMs })
        return { healthy: true, reason: 'it takes connections' }
      case 'grpc':
        return await checkGrpcHealth(probe, target)
      case 'http':
      case 'https':
        return await checkHttp(probe, probe.kind, target)
    }
  } catch (error) {
    return { healthy: false, reason: (error as Error).message }
  }
}

/** What the kubelet reads of an answer; a body that breaks off within it fails. */
const maxBodyBytes = 10 * 1024
/** As many as Go's client follows. */
const maxRedirects = 10

interface HttpTarget {
  readonly address: { readonly host: string; readonly port: number }
  readonly signal: AbortSignal
}

/** 200 to 399 is healthy. A redirect to the same host is followed, one that leads elsewhere is good as it is. */
async function checkHttp(
  { path = '/', headers = [], timeoutMs }: ApplicationProbe,
  wire: 'http' | 'https',
  { address, signal }: HttpTarget,
): Promise<Verdict> {
  const deadline = monotonicNow() + timeoutMs
  const own = authorityOf(address)
  const authority = headers.find(({ name }) => name.toLowerCase() === 'host')?.value ?? own
  let url = new URL(`${wire}://${own}${path.startsWith('/') ? '' : '/'}${path}`)
  for (let followed = 0; followed <= maxRedirects; followed++) {
    const answer = await askApplication({
      address: { host: address.host, port: portOf(url) },
      wire: url.protocol === 'https:' ? 'https' : 'http',
      method: 'GET',
      authority,
      path: `${url.pathname}${url.search}`,
      headers: fieldsOf(headers),
      timeoutMs: Math.max(1, Math.ceil(deadline - monotonicNow())),
      maxBodyBytes,
      signal,
    })
    const { status } = answer
    const next = redirection(url, status, answer.headers)
    if (next === undefined)
      return { healthy: status >= 200 && status < 400, reason: `it answered ${status}` }
    url = next
  }
  return { healthy: false, reason: `it redirects more than ${maxRedirects} times` }
}

function portOf({ port, protocol }: URL): number {
  return port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port)
}

function redirection(from: URL, status: number, headers: HeaderList): URL | undefined {
  const location = headers.get('location')
  if (location === undefined || ![301, 302, 303, 307, 308].includes(status)) return undefined
  const to = URL.parse(location, from.href)
  const follows = to !== null && /^https?:$/.test(to.protocol) && to.hostname === from.hostname
  return follows ? to : undefined
}

/** `kube-probe/`: applications keep those out of their logs. */
const userAgent = 'kube-probe/weft'

function fieldsOf(configured: NonNullable<ApplicationProbe['headers']>): HeaderList {
  const fields = new HeaderList()
  for (const { name, value } of configured)
    if (name.toLowerCase() !== 'host') fields.append(name, value)
  if (!fields.has('user-agent')) fields.append('user-agent', userAgent)
  if (!fields.has('accept')) fields.append('accept', '*/*')
  return fields
}
