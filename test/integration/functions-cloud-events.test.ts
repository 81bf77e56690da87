import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { startFunctionMesh } from '../support/functions/mesh.ts'
import { eventually } from '../support/mesh.ts'
import { testFolder } from '../support/test-folder.ts'

/** Events that the function has written down, one a line. */
function written(file: string): Record<string, unknown>[] {
  try {
    const lines = readFileSync(file, 'utf8').trim().split('\n')
    return lines.map(line => JSON.parse(line) as Record<string, unknown>)
  } catch {
    return []
  }
}

t.test('a function is called by the clock, and by files', async t => {
  const folder = testFolder(t)
  const inbox = join(folder, 'inbox')
  const file = join(folder, 'events')
  mkdirSync(inbox)
  await startFunctionMesh(
    t,
    `
  environment: { WRITE_EVENTS: '${file}' }
  triggers:
    - name: tick
      schedule: { cron: '* * * * * *', data: { reason: clock } }
    - name: inbox
      directory: { path: '${inbox}' }`,
  )
  const [tick] = await eventually(
    () => written(file).filter(({ subject }) => subject === 'tick'),
    ticks => ticks.length > 1,
  )
  t.match(tick, {
    specversion: '1.0',
    type: 'dev.weft.schedule',
    source: '/functions/default/echo',
    data: { reason: 'clock' },
  })
  writeFileSync(join(inbox, '.order.json'), '{"order":7}')
  renameSync(join(inbox, '.order.json'), join(inbox, 'order.json'))
  const [order] = await eventually(
    () => written(file).filter(({ subject }) => subject === 'order.json'),
    orders => orders.length > 0,
  )
  t.match(order, { type: 'dev.weft.file', data: { order: 7 } })
  await eventually(
    () => readdirSync(inbox),
    names => names.length === 0,
  )
  const ids = written(file).map(({ id }) => id)
  t.equal(new Set(ids).size, ids.length, 'each came once')
})

t.test('a function of CloudEvents gets them in one form, however they are sent', async t => {
  const mesh = await startFunctionMesh(t, '  input: cloudevent')
  const expected = { specversion: '1.0', id: '1', source: '/shop', type: 'order', data: { a: 1 } }

  const structured = await mesh.call({
    method: 'POST',
    body: JSON.stringify(expected),
    headers: { 'content-type': 'application/cloudevents+json; charset=utf-8' },
  })
  t.match(JSON.parse(structured.body), expected)

  const binary = await mesh.call({
    method: 'POST',
    body: '{"a":1}',
    headers: {
      'content-type': 'application/json',
      'ce-specversion': '1.0',
      'ce-id': '1',
      'ce-source': '/shop',
      'ce-type': 'order',
    },
  })
  t.match(JSON.parse(binary.body), expected)

  const none = await mesh.call({ method: 'POST', body: '{}' })
  t.match(none, { status: 400, headers: { 'x-weft-reason': 'bad_request' }, body: /specversion/ })
  const broken = await mesh.call({
    method: 'POST',
    body: '{"specversion":"1.0"}',
    headers: { 'content-type': 'application/cloudevents+json' },
  })
  t.equal(broken.status, 400)
})
