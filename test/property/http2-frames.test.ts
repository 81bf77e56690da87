import { duplexPair } from 'node:stream'
import type { Socket } from 'node:net'
import fc from 'fast-check'
import t from 'tap'
import { FrameReader } from '../../src/http/http2/frame-reader.ts'
import { ConnectionFault, preface } from '../../src/http/http2/protocol.ts'
import { Http2ServerConnection } from '../../src/http/http2/server-connection.ts'
import { defaultLimits } from '../../src/http/limits.ts'
import { echo } from '../support/handlers.ts'
import { block, data, frame, get, headers, settings, word } from '../unit/http/http2/raw-peer.ts'

/** What a reader tells, DATA pieces joined so that the cuts do not show. */
function recorder() {
  const told: string[] = []
  let piece = ''
  const sink = {
    dataStart: (streamId: number, length: number) => told.push(`data ${streamId} ${length}`),
    dataChunk: (chunk: Buffer) => {
      piece += chunk.toString('latin1')
    },
    dataEnd: (endStream: boolean) => {
      told.push(`${piece} ${endStream}`)
      piece = ''
    },
    frame: (
      head: { type: number; flags: number; streamId: number },
      bytes: Buffer,
      start: number,
      end: number,
    ) => told.push(`${JSON.stringify(head)} ${bytes.toString('hex', start, end)}`),
  }
  return {
    told,
    reader: new FrameReader(sink, { maxFrameBytes: 65_536, maxGatheredBytes: 65_536 }, true),
  }
}

const conversation = Buffer.concat([
  preface,
  settings([1, 4096], [4, 70_000]),
  headers(1, get, false),
  data(1, 'hello'),
  frame(0, 8, 1, Buffer.from('\x03padded\0\0\0')),
  frame(0, 8, 1, Buffer.from([0])),
  frame(0, 8, 1, Buffer.from([2, 0, 0])),
  data(1, ''),
  frame(0x55, 1, 0, Buffer.from('unknown')),
  frame(1, 0, 3, block(get).subarray(0, 5)),
  frame(9, 4, 3, block(get).subarray(5)),
  frame(8, 0, 0, word(1000)),
  frame(6, 0, 0, Buffer.from('12345678')),
  frame(4, 1, 0),
  data(1, 'end', true),
])

t.test('frames are the same wherever the bytes are cut', async t => {
  const whole = recorder()
  whole.reader.read(conversation)
  t.ok(whole.told.length > 15)
  for (let cut = 0; cut <= conversation.length; cut++) {
    const { told, reader } = recorder()
    reader.read(conversation.subarray(0, cut))
    reader.read(conversation.subarray(cut))
    if (JSON.stringify(told) !== JSON.stringify(whole.told)) t.fail(`cut at ${cut}`)
  }
  const single = recorder()
  for (const byte of conversation) single.reader.read(Buffer.from([byte]))
  t.strictSame(single.told, whole.told)
})

t.test('garbage is frames or a connection fault, never anything else', async t => {
  let faults = 0
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 10 }), chunks => {
      const { reader } = recorder()
      try {
        reader.read(preface)
        for (const chunk of chunks) reader.read(Buffer.from(chunk))
      } catch (error) {
        faults++
        return error instanceof ConnectionFault
      }
      return true
    }),
    { numRuns: 1000 },
  )
  t.ok(faults > 0)
})

const streamId = fc.constantFrom(1, 3, 5, 7)
const goodFrame = fc.oneof(
  streamId.map(id => headers(id, get)),
  streamId.map(id => headers(id, get, false)),
  streamId.map(id => data(id, 'abc')),
  streamId.map(id => data(id, 'abc', true)),
  streamId.map(id => frame(3, 0, id, word(8))),
  streamId.map(id => frame(8, 0, id, word(70_000))),
)
const anyFrame = fc
  .record({
    type: fc.integer({ min: 0, max: 11 }),
    flags: fc.constantFrom(0, 1, 4, 5, 8, 0x20, 0x2d, 0xff),
    streamId: fc.constantFrom(0, 1, 2, 3, 5, 7),
    payload: fc.oneof(
      fc.uint8Array({ maxLength: 40 }).map(bytes => Buffer.from(bytes)),
      fc.constantFrom(block(get), word(0), word(1), word(1, 0), Buffer.alloc(8)),
    ),
  })
  .map(({ type, flags, streamId, payload }) => frame(type, flags, streamId, payload))

t.test('no sequence of frames makes a server connection throw', async t => {
  let answered = 0
  let ended = 0
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(goodFrame, anyFrame), { minLength: 1, maxLength: 30 }),
      async frames => {
        const [ours, theirs] = duplexPair()
        const connection = new Http2ServerConnection(
          Object.assign(ours, { setNoDelay() {} }) as unknown as Socket,
          {
            limits: defaultLimits,
            info: { remoteAddress: '', peerIdentity: undefined },
            now: () => 0,
            onRequest: stream => {
              answered++
              echo(stream)
            },
          },
        )
        theirs.resume()
        theirs.write(Buffer.concat([preface, settings(), ...frames]))
        await new Promise(setImmediate)
        await new Promise(setImmediate)
        if (connection.closed) ended++
        connection.destroy()
        theirs.destroy()
        return connection.active === 0
      },
    ),
    { numRuns: 300 },
  )
  t.ok(answered > 0)
  t.ok(ended > 0)
})
