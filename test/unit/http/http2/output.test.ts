import type { Socket } from 'node:net'
import { nextTick } from 'node:process'
import { Writable } from 'node:stream'
import t from 'tap'
import { Output } from '../../../../src/http/http2/output.ts'

/** A socket that keeps what it is given. */
function sink() {
  const writes: string[] = []
  const socket = new Writable({
    highWaterMark: 1_000_000,
    write(chunk: Buffer, _encoding, done) {
      writes.push(chunk.toString('latin1'))
      done()
    },
    writev(chunks, done) {
      writes.push(chunks.map(({ chunk }) => String(chunk)).join('|'))
      done()
    },
  })
  return { writes, output: new Output(socket as unknown as Socket) }
}

function put(output: Output, text: string): number {
  const at = output.reserve(text.length)
  output.commit(at + output.buffer.write(text, at, 'latin1'))
  return at
}

t.test('with little in flight what one callback wrote leaves when it is over', async t => {
  const { writes, output } = sink()
  put(output, 'a')
  put(output, 'b')
  t.strictSame(writes, [])
  await new Promise(nextTick)
  t.strictSame(writes, ['ab'])
})

t.test('under load the whole turn of the event loop shares a write', async t => {
  const { writes, output } = sink()
  output.load = 10
  put(output, 'a')
  await new Promise(nextTick)
  put(output, 'b')
  t.strictSame(writes, [])
  await new Promise(setImmediate)
  t.strictSame(writes, ['ab'])
})

t.test('with 64 KiB gathered the end of the turn is not waited for', async t => {
  const { writes, output } = sink()
  output.load = 10
  put(output, 'a'.repeat(64 * 1024 - 1))
  t.equal(writes.length, 0)
  put(output, 'b')
  t.equal(writes.length, 1)
  t.equal(writes[0]?.length, 64 * 1024)
})

t.test('bits can be set until the byte has left', async t => {
  const { writes, output } = sink()
  const mark = output.mark(put(output, '@'))
  t.equal(output.setBits(mark, 1), true)
  output.flush()
  t.strictSame(writes, ['A'])
  t.equal(output.setBits(mark, 2), false)
  const next = output.mark(put(output, '@'))
  t.equal(output.setBits(next, 2), true)
  output.flush()
  t.strictSame(writes, ['A', 'B'])
})

t.test('more than fits the buffer leaves at once and keeps its order', async t => {
  const { writes, output } = sink()
  const [piece, small] = ['x'.repeat(130_000), 'z'.repeat(10_000)]
  put(output, small)
  put(output, piece)
  t.equal(writes.length, 2)
  const mark = output.mark(put(output, `@${small}`))
  t.equal(output.setBits(mark, 1), true)
  put(output, 'y'.repeat(200_000))
  output.flush()
  t.ok(writes.join('') === `${small}${piece}A${small}${'y'.repeat(200_000)}`)
})

t.test('a socket that has 256 KiB to send blocks', async t => {
  const socket = new Writable({ highWaterMark: 4, write() {} })
  const output = new Output(socket as unknown as Socket)
  put(output, '12345')
  t.equal(output.pendingBytes, 5)
  output.flush()
  t.equal(output.blocked, false, 'asking to wait after each write is not being full')
  put(output, 'x'.repeat(256 * 1024 - 6))
  output.flush()
  t.equal(output.blocked, false)
  put(output, 'y')
  output.flush()
  t.equal(output.blocked, true)
})
