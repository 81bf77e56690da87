import { once } from 'node:events'
import { connect } from 'node:net'
import t, { type Test } from 'tap'
import { silentLogger } from '../../../src/base/log.ts'
import { Admin, jsonAnswer, type AdminPage } from '../../../src/control/admin.ts'
import { call } from '../../support/mesh.ts'

async function start(t: Test, pages: Record<string, AdminPage>) {
  const errors: object[] = []
  const admin = await Admin.listen({
    address: { host: '127.0.0.1', port: 0 },
    pages,
    logger: { ...silentLogger, error: fields => errors.push(fields) },
  })
  t.teardown(() => admin.close())
  return { admin, errors }
}

t.test('a page answers, with a query or without; HEAD gets no body', async t => {
  const { admin } = await start(t, { '/status': () => jsonAnswer({ fine: true }) })
  const answer = await call(admin.port, { path: '/status?pretty' })
  t.equal(answer.status, 200)
  t.equal(answer.headers['content-type'], 'application/json')
  t.strictSame(JSON.parse(answer.body), { fine: true })
  const head = await call(admin.port, { path: '/status', method: 'HEAD' })
  t.strictSame([head.status, head.body], [200, ''])
})

t.test('a path that leads nowhere is answered with those that lead somewhere', async t => {
  const { admin } = await start(t, { '/status': () => jsonAnswer({}) })
  for (const path of ['/', '/__proto__', '/status/']) {
    const answer = await call(admin.port, { path })
    t.equal(answer.status, 404)
    t.strictSame(JSON.parse(answer.body), { pages: ['/status'] })
  }
})

t.test('nothing can be changed', async t => {
  const { admin } = await start(t, { '/status': () => jsonAnswer({}) })
  for (const method of ['POST', 'PUT', 'DELETE'])
    t.equal((await call(admin.port, { path: '/status', method })).status, 405)
})

t.test('a page that fails is answered without its reasons, which are logged', async t => {
  const error = new Error('a secret')
  const fail = (): never => {
    throw error
  }
  const { admin, errors } = await start(t, { '/a': fail, '/b': () => Promise.reject(error) })
  for (const path of ['/a', '/b']) {
    const answer = await call(admin.port, { path })
    t.equal(answer.status, 500)
    t.notMatch(answer.body, /secret/)
  }
  t.strictSame(errors, [
    { error, path: '/a' },
    { error, path: '/b' },
  ])
})

t.test('garbage does not end it', async t => {
  const { admin } = await start(t, { '/status': () => jsonAnswer({}) })
  const socket = connect(admin.port, '127.0.0.1')
  socket.resume().write('\u0016\u0003\u0001 no http\r\n\r\n')
  await once(socket, 'close')
  t.equal((await call(admin.port, { path: '/status' })).status, 200)
})

t.test('its end does not wait for idle connections', async () => {
  const admin = await Admin.listen({
    address: { host: '127.0.0.1', port: 0 },
    pages: {},
    logger: silentLogger,
  })
  const socket = connect(admin.port, '127.0.0.1')
  await once(socket, 'connect')
  socket.resume().write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await once(socket, 'data')
  const closed = once(socket, 'close')
  await admin.close()
  await closed
})
