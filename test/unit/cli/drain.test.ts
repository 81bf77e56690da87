import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { adminOf, drain } from '../../../src/cli/drain.ts'

async function sidecar(t: Test, status: number) {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`)
    response.writeHead(status).end()
  })
  t.teardown(() => server.close())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { asked, admin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

t.test('the sidecar is told to leave the mesh, wholly or for what comes in', async t => {
  const whole = await sidecar(t, 202)
  t.equal(await drain({ admin: whole.admin, inbound: false, print: line => t.fail(line) }), 0)
  t.same(whole.asked, ['POST /drain'])
  const inbound = await sidecar(t, 200)
  t.equal(await drain({ admin: inbound.admin, inbound: true, print: line => t.fail(line) }), 0)
  t.same(inbound.asked, ['POST /drain/inbound'])
})

t.test('what was not finished in time, or not even heard, is an error', async t => {
  const printed: string[] = []
  const print = (line: string) => void printed.push(line)
  const { admin } = await sidecar(t, 504)
  t.equal(await drain({ admin, inbound: true, print }), 1)
  t.equal(await drain({ admin: 'http://127.0.0.1:1', inbound: true, print }), 1)
  t.match(printed, [/the sidecar answered 504/, /no answer from .*ECONNREFUSED/])
})

t.test('the admin port is where the environment of the sidecar says', async t => {
  t.equal(adminOf({}), 'http://127.0.0.1:15000')
  t.equal(adminOf({ WEFT_ADMIN: '9000' }), 'http://127.0.0.1:9000')
  t.equal(adminOf({ WEFT_ADMIN: '[::1]:9000' }), 'http://[::1]:9000')
})
