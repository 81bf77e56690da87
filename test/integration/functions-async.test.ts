import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { once } from 'node:events'
import http from 'node:http'
import { text } from 'node:stream/consumers'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { functionYaml, hostFunction, startFunctionMesh } from '../support/functions/mesh.ts'
import { call, eventually } from '../support/mesh.ts'
import { testFolder } from '../support/test-folder.ts'

const event = { 'x-amz-invocation-type': 'Event' }

/** Takes records of events. */
async function startTaker(t: Test) {
  const records: { status: number; taken: Record<string, never>[] } = { status: 200, taken: [] }
  const server = http.createServer((request, response) => {
    void text(request).then(body => {
      if (records.status === 200) records.taken.push(JSON.parse(body))
      response.writeHead(records.status).end()
    })
  })
  server.listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/records`
  return { records, url }
}

t.test('an event is taken at once, and runs later', async t => {
  const { records, url } = await startTaker(t)
  const file = join(testFolder(t), 'ran')
  const mesh = await startFunctionMesh(
    t,
    `
  asynchronous:
    retries: 2
    backoff: 20ms
    onFailure: { url: '${url}' }
    onSuccess: { url: '${url}' }`,
  )

  await t.test('202 says that it is stored, by its id', async t => {
    const { status, headers, body } = await mesh.invoke(
      { action: 'append', file, text: 'a' },
      event,
    )
    t.equal(status, 202)
    t.equal(body, '')
    const record = await eventually(
      () => records.taken.shift(),
      taken => taken !== undefined,
    )
    t.match(record, {
      requestContext: {
        condition: 'Success',
        requestId: headers['x-amzn-requestid'],
        approximateInvokeCount: 1,
      },
      requestPayload: { action: 'append' },
      responsePayload: 'appended',
    })
    t.equal(readFileSync(file, 'utf8'), 'a')
  })

  await t.test('one at which the function fails is tried twice more, then given up', async t => {
    await mesh.invoke({ action: 'throw', message: 'no' }, event)
    const record = await eventually(
      () => records.taken.shift(),
      taken => taken !== undefined,
    )
    t.match(record, {
      requestContext: { condition: 'RetriesExhausted', approximateInvokeCount: 3 },
      responseContext: { functionError: 'Unhandled' },
      responsePayload: { errorMessage: 'no' },
    })
  })

  await t.test('a key that comes again is the same event', async t => {
    writeFileSync(file, '')
    const keyed = { ...event, 'idempotency-key': 'k1' }
    const append = { action: 'append', file, text: 'b' }
    const first = await mesh.invoke(append, keyed)
    const second = await mesh.invoke(append, keyed)
    t.equal(second.status, 202)
    t.equal(second.headers['x-amzn-requestid'], first.headers['x-amzn-requestid'])
    await mesh.invoke({ action: 'append', file, text: 'c' }, event)
    await eventually(
      () => records.taken.length,
      length => length >= 2,
    )
    t.equal(readFileSync(file, 'utf8').replaceAll('c', ''), 'b')
    records.taken.length = 0
  })

  await t.test('a caller by HTTP may prefer not to wait', async t => {
    const answer = await mesh.call({
      method: 'POST',
      body: JSON.stringify({ action: 'say', text: 'x' }),
      headers: { prefer: 'respond-async', 'content-type': 'application/json' },
    })
    t.match(answer, { status: 202, headers: { 'preference-applied': 'respond-async' } })
    const record = await eventually(
      () => records.taken.shift(),
      taken => taken !== undefined,
    )
    t.match(record, { requestPayload: { version: '2.0' }, responsePayload: 'said' })
  })

  await t.test('what is no JSON, or too large, is refused at once', async t => {
    const bad = await mesh.invoke('{"a":', event)
    t.match(bad, { status: 400 })
    const large = await mesh.invoke({ x: 'x'.repeat(1024 * 1024) }, event)
    t.match(large, { status: 413 })
    t.match(JSON.parse(large.body), { Type: 'User', message: /1048576 bytes/ })
  })

  await t.test('a record waits until somebody takes it', async t => {
    records.status = 503
    await mesh.invoke({ action: 'say', text: 'y' }, event)
    const admin = mesh.host.ports.admin
    await eventually(
      async () => JSON.parse(await (await fetch(`http://127.0.0.1:${admin}/function`)).text()),
      ({ events }) => events.destinationFailures > 0,
    )
    records.status = 200
    const record = await eventually(
      () => records.taken.shift(),
      taken => taken !== undefined,
    )
    t.match(record, { requestContext: { approximateInvokeCount: 1 }, responsePayload: 'said' })
  })
})

t.test('a function can be where failed events go', async t => {
  const dead = functionYaml('dead')
  const mesh = await startFunctionMesh(
    t,
    '  asynchronous: { retries: 0, onFailure: { function: dead } }',
    dead,
  )
  const taker = await hostFunction(t, mesh.mesh, 'dead')
  await mesh.invoke({ action: 'throw', message: 'dead' }, event)
  const { lines } = await eventually(
    async () =>
      JSON.parse((await call(taker.ports.admin, { path: '/function/logs' })).body) as {
        lines: { text: string }[]
      },
    page => page.lines.length > 0,
  )
  t.match(lines[0]?.text, /^event of RetriesExhausted: dead$/)
})

t.test('events outlive the sidecar that took them', async t => {
  const file = join(testFolder(t), 'ran')
  const mesh = await startFunctionMesh(t, '  scale: { max: 1 }\n  timeout: 60s')
  const blocker = mesh.invoke({ action: 'sleep', ms: 30_000 }).catch(() => undefined)
  for (const text of ['1', '2', '3'])
    t.equal((await mesh.invoke({ action: 'append', file, text }, event)).status, 202)
  await mesh.restartHost()
  await eventually(
    () => {
      try {
        return readFileSync(file, 'utf8')
      } catch {
        return ''
      }
    },
    written => written.length >= 3,
  )
  t.same([...new Set(readFileSync(file, 'utf8'))].toSorted(), ['1', '2', '3'])
  await blocker
})

t.test('metrics tell of instances and events', async t => {
  const mesh = await startFunctionMesh(t)
  await mesh.invoke({ action: 'throw', message: 'x' })
  await mesh.invoke({ action: 'say', text: 'x' }, event)
  const labels = 'function="echo",namespace="default"'
  const body = await eventually(
    async () => (await call(mesh.host.ports.admin, { path: '/metrics' })).body,
    metrics => metrics.includes(`weft_function_events_waiting{${labels}} 0`),
  )
  t.match(body, `weft_function_faults_total{${labels},version="$LATEST"} 1`)
  t.match(body, `weft_function_instances{${labels},version="$LATEST",state="idle"} 1`)
  t.match(body, `weft_function_events_total{${labels},outcome="delivered"} 1`)
})
