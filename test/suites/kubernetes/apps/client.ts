// Calls others as it is told, from within its pod, and shows its sidecar's admin pages outside.
//   POST /load?url=URL&clients=N   keeps asking until  POST /stop , which answers with a summary
//   GET  /ask?url=URL              one request;  GET /sidecar/PAGE  a page of 127.0.0.1:15000
import http from 'node:http'

interface Summary {
  requests: number
  failures: number
  readonly statuses: Record<string, number>
  readonly pods: Record<string, number>
  readonly samples: string[]
  /** The longest, in ms. */
  slowest: number
}

const agent = new http.Agent({ keepAlive: true })
const mostSamples = 20
let running = false
let clients: Promise<void>[] = []
let summary = empty()

function empty(): Summary {
  return { requests: 0, failures: 0, statuses: {}, pods: {}, samples: [], slowest: 0 }
}

interface Answer {
  readonly status: number
  readonly body: string
  readonly reason: string | undefined
}

/** Status 0: none came. */
function ask(url: string): Promise<Answer> {
  return new Promise(done => {
    const failed = (error: Error): void =>
      done({
        status: 0,
        body: '',
        reason: `${(error as NodeJS.ErrnoException).code}: ${error.message}`,
      })
    const request = http.get(url, { agent, timeout: 15_000 }, response => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => (body += chunk))
      response.on('error', failed)
      const reason = response.headers['x-weft-reason'] as string | undefined
      response.on('end', () => done({ status: response.statusCode ?? 0, body, reason }))
    })
    request.on('timeout', () => request.destroy(new Error('no answer within 15 s')))
    request.on('error', failed)
  })
}

async function keepAsking(url: string): Promise<void> {
  while (running) {
    const begun = performance.now()
    const { status, body, reason } = await ask(url)
    summary.requests++
    summary.slowest = Math.max(summary.slowest, performance.now() - begun)
    summary.statuses[status] = (summary.statuses[status] ?? 0) + 1
    if (status >= 200 && status < 300) {
      const pod = podOf(body)
      summary.pods[pod] = (summary.pods[pod] ?? 0) + 1
      continue
    }
    summary.failures++
    if (summary.samples.length < mostSamples)
      summary.samples.push(
        `${new Date().toISOString()} ${status} ${reason ?? ''} ${body.slice(0, 200)}`,
      )
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}

function podOf(body: string): string {
  try {
    return (JSON.parse(body) as { pod: string }).pod
  } catch {
    return body.slice(0, 40)
  }
}

async function answer(
  path: string,
  query: URLSearchParams,
): Promise<{ status: number; body: string }> {
  const url = query.get('url') ?? ''
  if (path.startsWith('/sidecar/'))
    return ask(`http://127.0.0.1:15000/${path.slice(9)}?${query.toString()}`)
  if (path === '/ask') return { status: 200, body: JSON.stringify(await ask(url)) }
  if (path === '/load') {
    running = true
    summary = empty()
    clients = Array.from({ length: Number(query.get('clients') ?? 4) }, () => keepAsking(url))
  }
  if (path === '/stop') {
    running = false
    await Promise.all(clients)
  }
  return { status: 200, body: JSON.stringify(summary) }
}

const server = http.createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost')
  void answer(pathname, searchParams).then(({ status, body }) => {
    response.writeHead(status || 502, { 'content-type': 'application/json' })
    response.end(body)
  })
})
server.listen(8080)
process.once('SIGTERM', () => process.exit(0))
