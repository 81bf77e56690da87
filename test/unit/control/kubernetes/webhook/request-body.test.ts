import type { IncomingMessage } from 'node:http'
import { PassThrough } from 'node:stream'
import t from 'tap'
import { RequestBodies } from '../../../../../src/control/kubernetes/webhook/request-body.ts'
import { eventually } from '../../../../support/mesh.ts'

const mib = 1024 * 1024

function requestOf(headers: Record<string, string> = {}) {
  const stream = Object.assign(new PassThrough(), { headers })
  return { stream, request: stream as unknown as IncomingMessage }
}

t.test('all bodies together hold so much and no more, and what ends makes room', async t => {
  const bodies = new RequestBodies()
  const held = Array.from({ length: 16 }, () => {
    const { stream, request } = requestOf()
    stream.write(Buffer.alloc(2 * mib, 'a'))
    return { stream, read: bodies.read(request) }
  })
  await eventually(() => held.every(({ stream }) => stream.readableLength === 0), Boolean)
  const further = (): Promise<string> => {
    const { stream, request } = requestOf()
    stream.end('{}')
    return bodies.read(request)
  }
  await t.rejects(further(), { name: 'RequestError', status: 503 })
  held[0]?.stream.end()
  t.equal((await held[0]?.read)?.length, 2 * mib)
  t.equal(await further(), '{}')
  held[1]?.stream.destroy(new Error('broke off'))
  await t.rejects(async () => void (await held[1]?.read), { message: 'broke off' })
  for (const { stream } of held.slice(2)) stream.end()
  await Promise.all(held.slice(2).map(({ read }) => read))
})

t.test('a body that is announced as too long is not read', async t => {
  const { stream, request } = requestOf({ 'content-length': String(3 * mib + 1) })
  stream.write('{')
  await t.rejects(new RequestBodies().read(request), { name: 'RequestError', status: 413 })
  t.equal(stream.readableLength, 1)
})
