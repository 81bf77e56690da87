import t from 'tap'
import { ReplayBuffer } from '../../../../src/proxy/exchange/replay-buffer.ts'

function sink() {
  const chunks: Buffer[] = []
  const seen = {
    ended: false,
    writes: () => chunks.length,
    bytes: () => Buffer.concat(chunks).length,
    text: () => Buffer.concat(chunks).toString('latin1'),
  }
  const stream = {
    write: (chunk: Buffer) => {
      chunks.push(Buffer.from(chunk))
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

t.test('chunks are lent: what is kept are copies, in order', async t => {
  const body = new ReplayBuffer()
  const read = Buffer.alloc(20_000)
  let sent = ''
  for (const [index, length] of [1, 3000, 20_000, 5, 9000].entries()) {
    const letter = String.fromCharCode(0x61 + index)
    body.push(read.fill(letter, 0, length).subarray(0, length), false)
    sent += letter.repeat(length)
  }
  read.fill('!')
  for (const _ of [1, 2]) {
    const { stream, seen } = sink()
    body.replayTo(stream)
    t.equal(seen.text(), sent)
  }
})

t.test('chunks of a byte are gathered, so that they cost what they hold', async t => {
  const body = new ReplayBuffer()
  for (let count = 0; count < 40_000; count++) body.push(Buffer.from('x'), false)
  const { stream, seen } = sink()
  body.replayTo(stream)
  t.equal(seen.bytes(), 40_000)
  t.ok(seen.writes() <= 4, `${seen.writes()}`)
})

t.test('what was kept is gone after release', async t => {
  const body = new ReplayBuffer()
  body.push(Buffer.alloc(40 * 1024), false)
  body.release()
  const { stream, seen } = sink()
  body.replayTo(stream)
  t.equal(seen.bytes(), 0)
  t.notOk(body.replayable)
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
