import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { nextTick } from 'node:process'
import t from 'tap'
import { Output } from '../../../../src/http/http1/output.ts'
import { readBuffer } from '../../../../src/http/read-buffer.ts'

/** A socket that keeps what each write gave it, and takes no more while `stuck`. */
function sink(highWaterMark = 64 * 1024) {
  const writes: string[] = []
  const held: (() => void)[] = []
  const state = { stuck: false }
  const socket = new Duplex({
    highWaterMark,
    decodeStrings: true,
    read() {},
    write(chunk: Buffer, _encoding, done) {
      writes.push(chunk.toString('latin1'))
      if (state.stuck) held.push(done)
      else done()
    },
    writev(chunks, done) {
      writes.push(chunks.map(({ chunk }) => (chunk as Buffer).toString('latin1')).join(''))
      if (state.stuck) held.push(done)
      else done()
    },
  })
  return { writes, socket, state, held, output: new Output(socket as unknown as Socket) }
}

const large = 'x'.repeat(20_000)

async function tick(): Promise<void> {
  await new Promise<void>(resolve => nextTick(resolve))
}

async function turn(): Promise<void> {
  await new Promise<void>(resolve => setImmediate(resolve))
}

t.test('a head and a small body are one write, when the callback is over', async t => {
  const { writes, output } = sink()
  output.text('head ')
  output.chunk(Buffer.from('body\xff', 'latin1'))
  t.strictSame(writes, [])
  await tick()
  t.strictSame(writes, ['head body\xff'])
})

t.test('a head that nothing follows leaves, too', async t => {
  const { writes, output } = sink()
  output.text('head')
  await tick()
  t.strictSame(writes, ['head'])
})

t.test('flush writes at once, and only what waits', async t => {
  const { writes, output } = sink()
  output.text('head')
  output.flush()
  t.strictSame(writes, ['head'])
  output.flush()
  await turn()
  t.strictSame(writes, ['head'])
})

t.test('texts and chunks of every size keep their order', async t => {
  const { writes, output } = sink(1024 * 1024)
  let expected = ''
  for (const size of [1, 10_000, 8192, 3, 70_000, 65_536, 0, 8193, 5, 200_000, 1]) {
    const text = `${size}\r\n`
    const body = String.fromCharCode(97 + (size % 26)).repeat(size)
    output.text(text)
    output.chunk(Buffer.from(body))
    expected += text + body
  }
  output.text('end')
  await turn()
  await turn()
  t.ok(writes.join('') === `${expected}end`)
})

t.test('large chunks of one turn share a write', async t => {
  const { writes, output } = sink()
  for (let i = 0; i < 3; i++) output.chunk(Buffer.from(large))
  output.flush()
  await turn()
  t.strictSame(writes, [large.repeat(3)])
})

t.test('what fills several blocks in a turn is one vectored write', async t => {
  const { writes, output } = sink(1024 * 1024)
  const chunk = (letter: string) => Buffer.alloc(60 * 1024, letter)
  for (const letter of ['a', 'b', 'c', 'd']) output.chunk(chunk(letter))
  t.strictSame(
    writes.map(({ length }) => length),
    [180 * 1024],
  )
  t.ok(writes[0] === 'abc'.replaceAll(/./g, letter => letter.repeat(60 * 1024)))
  await turn()
  t.ok(writes[1] === 'd'.repeat(60 * 1024))
})

t.test('a chunk that was lent is copied', async t => {
  for (const size of [5, 20_000]) {
    const { writes, output } = sink()
    readBuffer.fill('a', 0, size)
    output.chunk(readBuffer.subarray(0, size))
    readBuffer.fill('b', 0, size)
    await turn()
    await turn()
    t.strictSame(writes, ['a'.repeat(size)])
  }
})

t.test(
  'who writes on is told to wait before more than a bounded number of bytes is held',
  async t => {
    for (const size of [100, 5000, 20_000, 64 * 1024]) {
      const { output, state, socket, held } = sink()
      state.stuck = true
      const chunk = Buffer.alloc(size)
      let bytes = size
      while (output.chunk(chunk) && bytes < 1024 * 1024) {
        bytes += size
        await turn()
      }
      t.ok(bytes <= 192 * 1024, `${bytes} bytes in chunks of ${size}`)
      const drained = new Promise<void>(resolve => socket.once('drain', () => resolve()))
      state.stuck = false
      for (const done of held.splice(0)) done()
      await drained
      t.equal(output.chunk(Buffer.from('x')), true)
    }
  },
)

t.test('nothing is written to a socket that has ended or is destroyed', async t => {
  for (const how of ['end', 'destroy'] as const) {
    const { writes, socket, output } = sink()
    const errors: unknown[] = []
    socket.on('error', error => errors.push(error))
    output.text('head')
    output.chunk(Buffer.from(large))
    socket[how]()
    output.text('more')
    await turn()
    await turn()
    t.strictSame(errors, [])
    t.notMatch(writes.join(''), /more/)
  }
})
