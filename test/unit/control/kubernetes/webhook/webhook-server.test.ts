import { once } from 'node:events'
import { request as httpsRequest, type RequestOptions } from 'node:https'
import { mock } from 'node:test'
import tls from 'node:tls'
import t, { type Test } from 'tap'
import { silentLogger } from '../../../../../src/base/log.ts'
import { wallNow } from '../../../../../src/base/clock.ts'
import {
  WebhookServer,
  type WebhookOptions,
} from '../../../../../src/control/kubernetes/webhook/webhook-server.ts'
import { openAuthority } from '../../../../support/authority.ts'
import { eventually } from '../../../../support/mesh.ts'
import { mockTime } from '../../../../support/mock-time.ts'
import { context, podObject, reviewOf } from './reviews.ts'

const serviceName = 'weft-control.weft-system.svc'

async function start(t: Test, options: Partial<WebhookOptions> = {}) {
  t.testdir()
  const authority = await openAuthority(t)
  const errors: object[] = []
  const webhook = await WebhookServer.listen({
    address: { host: '127.0.0.1', port: 0 },
    issue: () => authority.issueServer([serviceName]),
    context: () => context,
    now: wallNow,
    logger: { ...silentLogger, error: fields => void errors.push(fields) },
    ...options,
  })
  t.teardown(() => webhook.close())
  const target = {
    host: '127.0.0.1',
    port: webhook.port,
    servername: serviceName,
    ca: authority.bundle,
    agent: false as const,
  }
  const counts = () => webhook.counters.counts
  return { webhook, authority, errors, target, counts }
}

interface Answer {
  readonly status: number
  readonly closes: boolean
  readonly body: { readonly error?: string; readonly response?: Record<string, unknown> }
}

const json = { 'content-type': 'application/json' }

/** As the API server asks. */
async function post(
  target: RequestOptions,
  body: string | Buffer,
  options: RequestOptions = {},
): Promise<Answer> {
  const request = httpsRequest({
    ...target,
    method: 'POST',
    path: '/inject?timeout=10s',
    headers: json,
    ...options,
  })
  // Where the answer comes before all was sent, the rest is cut.
  request.on('error', () => {})
  request.end(body)
  const [response] = (await once(request, 'response')) as [
    AsyncIterable<Buffer> & {
      statusCode: number
      headers: Record<string, string>
    },
  ]
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk)
  const text = Buffer.concat(chunks).toString()
  return {
    status: response.statusCode,
    closes: response.headers['connection'] === 'close',
    body: JSON.parse(text) as Answer['body'],
  }
}

t.test('the API server gets its answer, from a name that the CA vouches for', async t => {
  const { target, counts } = await start(t)
  const answer = await post(target, JSON.stringify(reviewOf(podObject())))
  t.equal(answer.status, 200)
  t.match(answer.body, {
    kind: 'AdmissionReview',
    response: { allowed: true, patchType: 'JSONPatch' },
  })
  t.equal(counts().injected, 1)
  const other = { ...target, servername: 'weft-control.other.svc' }
  await t.rejects(
    new Promise((_resolve, reject) => tls.connect(other).on('error', reject)),
    /does not match certificate's altnames/,
  )
})

t.test('what came of reviews is counted', async t => {
  const { target, webhook, counts } = await start(t)
  await post(target, JSON.stringify(reviewOf(podObject({}, { hostNetwork: true }))))
  await post(target, JSON.stringify(reviewOf(podObject({ annotations: { 'weft.dev/x': '1' } }))))
  await post(target, JSON.stringify(reviewOf(null, { operation: 'DELETE' })))
  t.match(counts(), { injected: 0, skipped: 1, refused: 1, ignored: 1, invalid: 0, failed: 0 })
  t.equal(webhook.counters.skipped('host-network'), 1)
  const families = [...webhook.counters.produce()]
  t.match(families[1], { samples: [{ labels: { reason: 'host-network' }, value: 1 }] })
  t.match(families[2], { samples: [{ histogram: { count: 3 } }] })
})

t.test('what is no review is refused in words, and its connection closed', async t => {
  const { target, counts, errors } = await start(t)
  const review = JSON.stringify(reviewOf(podObject()))
  const bad: [Answer['status'], RegExp, string, RequestOptions?][] = [
    [400, /no JSON/, 'pod'],
    [400, /no JSON/, ''],
    [400, /expected an AdmissionReview/, '{}'],
    [400, /expected an AdmissionReview/, JSON.stringify(podObject())],
    [404, /go to \/inject/, review, { path: '/' }],
    [404, /go to \/inject/, review, { path: '/inject/../x' }],
    [405, /takes POST/, '', { method: 'GET' }],
    [415, /application\/json/, review, { headers: { 'content-type': 'text/plain' } }],
    [415, /application\/json/, review, { headers: {} }],
  ]
  for (const [status, error, body, options] of bad) {
    const answer = await post(target, body, options)
    t.match(answer, { status, closes: true, body: { error } })
  }
  t.equal(counts().invalid, bad.length)
  t.strictSame(errors, [])
  const charset = { headers: { 'content-type': 'application/json; charset=utf-8' } }
  t.equal((await post(target, review, charset)).status, 200)
})

t.test('ten megabytes are refused before they are read, announced or not', async t => {
  const { target, counts } = await start(t)
  const body = Buffer.alloc(10 * 1024 * 1024, ' ')
  for (const headers of [
    { ...json, 'content-length': body.length },
    { ...json, 'transfer-encoding': 'chunked' },
  ])
    t.match(await post(target, body, { headers }), {
      status: 413,
      closes: true,
      body: { error: /at most 3145728 bytes/ },
    })
  t.equal(counts().invalid, 2)
  t.equal((await post(target, JSON.stringify(reviewOf(podObject())))).status, 200)
})

t.test('a large pod is one like others', async t => {
  const { target } = await start(t)
  const annotations = { note: 'x'.repeat(1_400_000) }
  t.match(await post(target, JSON.stringify(reviewOf(podObject({ annotations })))), {
    status: 200,
    body: { response: { allowed: true } },
  })
})

/** A connection on which these bytes are sent, and what comes back until it closes. */
async function send(target: tls.ConnectionOptions, bytes: string): Promise<string> {
  const socket = tls.connect(target)
  socket.on('error', () => {})
  socket.write(bytes)
  let text = ''
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()))
  await once(socket, 'close')
  return text
}

t.test('slow senders are cut off, wherever they stop, and counted once', async t => {
  const { target, counts, errors } = await start(t, { requestTimeoutMs: 50 })
  const head = 'POST /inject HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n'
  const [nothing, half, body] = await Promise.all([
    send(target, ''),
    send(target, head),
    send(target, `${head}content-length: 1000\r\n\r\n{`),
  ])
  for (const text of [nothing, half, body]) t.match(text, /^HTTP\/1\.1 408 /)
  await eventually(
    () => counts().invalid,
    count => count >= 3,
  )
  t.match(counts(), { invalid: 3, failed: 0 })
  t.strictSame(errors, [])
})

t.test('who breaks off, or speaks something else, costs nothing but a count', async t => {
  const { target, counts, errors } = await start(t)
  t.match(await send(target, 'PRI * HTTP/9.9\r\n\r\n'), /^HTTP\/1\.1 400 /)
  const socket = tls.connect(target)
  socket.write('POST /inject HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n')
  socket.write('content-length: 1000\r\n\r\n{')
  await once(socket, 'secureConnect')
  socket.end()
  await eventually(
    () => counts().invalid,
    count => count === 2,
  )
  t.strictSame(errors, [])
})

t.test('a fault of ours is a 500, so that the failure policy holds, and is logged', async t => {
  const { target, counts, errors } = await start(t, {
    context: () => {
      throw new Error('out of order')
    },
  })
  const answer = await post(target, JSON.stringify(reviewOf(podObject())))
  t.match(answer, { status: 500, body: { error: 'the injector failed' } })
  t.equal(counts().failed, 1)
  t.match(errors, [{ error: { message: 'out of order' } }])
})

t.test('nested without end, a body is an error and not the end of the process', async t => {
  const { target } = await start(t)
  const deep = '['.repeat(100_000)
  t.match(await post(target, `${deep}${deep.replaceAll('[', ']')}`), { status: 400 })
  const pod = JSON.stringify(reviewOf(podObject({ x: 'HERE' })))
  const answer = await post(target, pod.replace('"HERE"', `${deep}${deep.replaceAll('[', ']')}`))
  t.ok(answer.status === 200 || answer.status === 500, String(answer.status))
})

t.test('the certificate is renewed at half its life, without a gap', async t => {
  mockTime(t, ['setInterval'])
  let time = wallNow()
  let issued = 0
  let fails = false
  t.testdir()
  const authority = await openAuthority(t, { now: () => time })
  const { target, webhook, errors } = await start(t, {
    now: () => time,
    issue: () => {
      issued++
      if (fails) return Promise.reject(new Error('not now'))
      return authority.issueServer([serviceName])
    },
  })
  const serial = async (): Promise<string | undefined> => {
    // The next one is good from tomorrow on only.
    const socket = tls.connect({ ...target, rejectUnauthorized: false })
    await once(socket, 'secureConnect')
    const { serialNumber } = socket.getPeerX509Certificate() ?? {}
    socket.destroy()
    return serialNumber
  }
  const first = await serial()
  mock.timers.tick(60_000)
  t.equal(await serial(), first)
  time += 12 * 3_600_000
  fails = true
  mock.timers.tick(60_000)
  await eventually(() => errors.length, Boolean)
  t.equal(await serial(), first)
  fails = false
  mock.timers.tick(60_000)
  t.not(await eventually(serial, now => now !== first), first)
  t.equal(issued, 3)
  t.ok(webhook.port > 0)
})

t.test('a port that is taken is named', async t => {
  const { webhook } = await start(t)
  await t.rejects(start(t, { address: { host: '127.0.0.1', port: webhook.port } }), {
    message: /setting `webhook`/,
  })
})
