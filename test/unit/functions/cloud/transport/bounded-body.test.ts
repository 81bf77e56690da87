import { Readable } from 'node:stream'
import t from 'tap'
import {
  boundedStream,
  readBody,
} from '../../../../../src/functions/cloud/transport/bounded-body.ts'

const bytes = (...sizes: number[]): Buffer[] => sizes.map(size => Buffer.alloc(size, 'x'))

t.test('a body is whole, or too large', async t => {
  t.equal((await readBody(Readable.from(bytes(3, 4)), 7, 'there')).length, 7)
  const body = Readable.from(bytes(3, 5))
  await t.rejects(readBody(body, 7, 'there'), { code: 'answer_too_large', message: 'there' })
  t.ok(body.destroyed)
})

t.test('a body that breaks off is no body', async t => {
  const body = new Readable({ read: () => {} })
  body.push('half')
  setImmediate(() => body.destroy(new Error('gone')))
  await t.rejects(readBody(body, 100, 'there'), { code: 'reset', message: 'there: gone' })
})

t.test('a stream ends where its bound is', async t => {
  let closed = 0
  const options = { maxBytes: 7, where: 'there', onClose: () => closed++ }
  const stream = boundedStream(Readable.from(bytes(3, 0, 4, 1)), options)
  const seen: number[] = []
  await t.rejects(
    (async () => {
      for await (const chunk of stream as AsyncIterable<Buffer>) seen.push(chunk.length)
    })(),
    { code: 'answer_too_large' },
  )
  t.equal(
    seen.reduce((sum, size) => sum + size, 0),
    7,
  )
  t.equal(closed, 1)
})

t.test('a stream is read no faster than its reader reads', async t => {
  let produced = 0
  async function* source(): AsyncGenerator<Buffer> {
    for (;;) {
      produced++
      yield Buffer.alloc(16 * 1024)
    }
  }
  const onClose = (): void => {}
  const stream = boundedStream(source(), { maxBytes: 2 ** 30, where: 'there', onClose })
  await new Promise(resolve => stream.once('readable', resolve))
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
  t.ok(produced < 10, `${produced} chunks were read`)
  stream.destroy()
})
