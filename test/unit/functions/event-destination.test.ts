import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { createDestinations } from '../../../src/functions/event-destination.ts'
import { maxEventBytes } from '../../../src/functions/queue/event-queue.ts'
import type { InvocationRecord } from '../../../src/functions/queue/invocation-record.ts'

interface Asked {
  readonly method: string | undefined
  readonly url: string | undefined
  readonly headers: http.IncomingHttpHeaders
  readonly body: string
}

type Answer = (response: http.ServerResponse) => void

/** Both a URL to be told, and the Invoke API of a sidecar. */
async function setUp(t: Test, answer: Answer = response => void response.writeHead(200).end()) {
  const asked: Asked[] = []
  const server = http.createServer((request, response) => {
    const { method, url, headers } = request
    void text(request).then(body => {
      asked.push({ method, url, headers, body })
      answer(response)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const destinations = createDestinations(() => base)
  t.teardown(async () => {
    await destinations.close()
    server.closeAllConnections()
    server.close()
  })
  const { signal } = new AbortController()
  const deliver = (destination: string, changes: Partial<InvocationRecord> = {}): Promise<void> =>
    destinations.deliver(destination, { ...record, ...changes }, signal)
  return { asked, base, deliver, destinations }
}

const record: InvocationRecord = {
  version: '1.0',
  timestamp: '2026-11-27T00:00:00.000Z',
  requestContext: {
    requestId: 'e1',
    functionArn: 'arn',
    condition: 'RetriesExhausted',
    approximateInvokeCount: 3,
  },
  requestPayload: { n: 1 },
  responsePayload: { errorMessage: 'no' },
}

t.test('a URL gets the record, with a key by which it is known when it comes twice', async t => {
  const { asked, base, deliver } = await setUp(t)
  await deliver(`${base}/told?by=weft`)
  t.match(asked, [
    {
      method: 'POST',
      url: '/told?by=weft',
      headers: {
        'content-type': 'application/json',
        'idempotency-key': 'e1-RetriesExhausted',
        'x-amz-invocation-type': undefined,
      },
    },
  ])
  t.strictSame(JSON.parse(asked[0]?.body ?? ''), record)
})

t.test('a function gets it as an event of its own queue', async t => {
  const { asked, deliver } = await setUp(t, response => void response.writeHead(202).end())
  await deliver('function:dead')
  t.match(asked, [
    {
      url: '/2015-03-31/functions/dead/invocations',
      headers: { 'x-amz-invocation-type': 'Event', 'idempotency-key': 'e1-RetriesExhausted' },
    },
  ])
})

t.test('no name of a function leads out of the API', async t => {
  const { asked, deliver } = await setUp(t)
  await deliver('function:../../admin?x=1')
  t.equal(asked[0]?.url, '/2015-03-31/functions/..%2F..%2Fadmin%3Fx%3D1/invocations')
})

t.test('any other answer than 2xx is none', async t => {
  for (const status of [302, 400, 429, 500, 503]) {
    const { base, deliver } = await setUp(t, response =>
      response.writeHead(status, { location: '/elsewhere' }).end('no'),
    )
    await t.rejects(deliver(`${base}/told`), { message: `${base}/told answered ${status}` })
    await t.rejects(deliver('function:dead'), { message: `function:dead answered ${status}` })
  }
})

t.test('a redirect is not followed: it could lead anywhere', async t => {
  const { asked, base, deliver } = await setUp(t, response =>
    response.writeHead(307, { location: '/elsewhere' }).end(),
  )
  await t.rejects(deliver(`${base}/told`))
  t.equal(asked.length, 1)
})

t.test('who breaks off has not taken it', async t => {
  const { base, deliver } = await setUp(t, response => response.destroy())
  await t.rejects(deliver(base))
})

t.test('an answer without end is not read to its end', async t => {
  const { base, deliver } = await setUp(t, response => {
    response.writeHead(200)
    const chunk = Buffer.alloc(64 * 1024)
    const more = (): void => {
      while (!response.destroyed && response.write(chunk));
    }
    response.on('drain', more)
    more()
  })
  await deliver(base).catch(() => {})
  t.pass('it came to an end')
})

t.test('it ends when it is given up', async t => {
  const { base, destinations } = await setUp(t, () => {})
  const controller = new AbortController()
  const delivered = destinations.deliver(base, record, controller.signal)
  controller.abort(new Error('too late'))
  await t.rejects(delivered, { message: 'too late' })
})

t.test('what is under way ends when they close', async t => {
  const arrived = Promise.withResolvers<void>()
  const { base, deliver, destinations } = await setUp(t, () => arrived.resolve())
  const delivered = deliver(base)
  delivered.catch(() => {})
  await arrived.promise
  await destinations.close()
  await t.rejects(delivered)
})

t.test('a record that no queue takes goes without payloads', async t => {
  const { asked, base, deliver } = await setUp(t, response => void response.writeHead(202).end())
  const half = 'x'.repeat(maxEventBytes * 0.6)
  const whole = 'x'.repeat(maxEventBytes - 2)

  await deliver('function:dead', { requestPayload: half, responsePayload: half })
  const first = JSON.parse(asked[0]?.body ?? '') as InvocationRecord
  t.equal(first.requestPayload, half)
  t.equal(first.responsePayload, null)

  await deliver('function:dead', { requestPayload: whole })
  const second = JSON.parse(asked[1]?.body ?? '') as InvocationRecord
  t.match(second, { requestContext: record.requestContext, requestPayload: null })
  for (const { body } of asked) t.ok(Buffer.byteLength(body) <= maxEventBytes)

  await deliver(base, { requestPayload: whole })
  t.equal((JSON.parse(asked[2]?.body ?? '') as InvocationRecord).requestPayload, whole)
})
