import t from 'tap'
import { ReplayBuffer } from '../../../../src/proxy/exchange/replay-buffer.ts'

function sink() {
  const chunks: Buffer[] = []
  const seen = { ended: false, bytes: () => Buffer.concat(chunks).length }
  const stream = {
    write: (chunk: Buffer) => {
      chunks.push(chunk)
      return true
    },
    end: () => {
      seen.ended = true
    },
    reset: () => {},
    pause: () => {},
    resume: () => {},
  }
  return { stream, seen }
}

t.test('a small body is sent whole to every try', async t => {
  const body = new ReplayBuffer()
  body.push(Buffer.from('abc'), false)
  body.push(Buffer.from('def'), true)
  body.end(undefined)
  for (const _ of [1, 2]) {
    const { stream, seen } = sink()
    body.replayTo(stream)
    t.equal(seen.bytes(), 6)
    t.ok(seen.ended)
  }
  t.ok(body.replayable)
})

t.test('a body beyond 64 KiB is forwarded but not kept', async t => {
  const body = new ReplayBuffer()
  const { stream } = sink()
  body.push(Buffer.alloc(40 * 1024), false)
  body.replayTo(stream)
  body.push(Buffer.alloc(40 * 1024), true)
  t.notOk(body.replayable)
  t.notOk(body.full)
})

t.test('while no try takes bytes the buffer says that it is full at 64 KiB', async t => {
  const body = new ReplayBuffer()
  body.push(Buffer.alloc(60 * 1024), false)
  t.notOk(body.full)
  body.push(Buffer.alloc(10 * 1024), false)
  t.ok(body.full)
  const { stream, seen } = sink()
  body.replayTo(stream)
  t.equal(seen.bytes(), 70 * 1024, 'the first try gets all of it')
  t.notOk(body.replayable)
})
