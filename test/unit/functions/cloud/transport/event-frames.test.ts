import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import t from 'tap'
import {
  EventFrameDecoder,
  type EventFrame,
} from '../../../../../src/functions/cloud/transport/event-frames.ts'
import { completionFrame, payloadFrame } from '../../../../../src/functions/payload/event-stream.ts'

function frameOf(headers: Buffer, payload: Buffer): Buffer {
  const length = 16 + headers.length + payload.length
  const frame = Buffer.alloc(length)
  frame.writeUInt32BE(length, 0)
  frame.writeUInt32BE(headers.length, 4)
  frame.writeUInt32BE(crc32(frame.subarray(0, 8)), 8)
  headers.copy(frame, 12)
  payload.copy(frame, 12 + headers.length)
  frame.writeUInt32BE(crc32(frame.subarray(0, length - 4)), length - 4)
  return frame
}

function decode(bytes: Buffer): EventFrame[] {
  const decoder = new EventFrameDecoder()
  const frames = decoder.push(bytes)
  decoder.end()
  return frames
}

t.test('frames are the same however the bytes are split', async () => {
  const payloads = fc.array(
    fc.uint8Array({ maxLength: 40 }).map(bytes => Buffer.from(bytes)),
    { maxLength: 5 },
  )
  const cuts = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 10 })
  fc.assert(
    fc.property(payloads, cuts, (parts, sizes) => {
      const bytes = Buffer.concat([...parts.map(payloadFrame), completionFrame(undefined)])
      const decoder = new EventFrameDecoder()
      const frames: EventFrame[] = []
      for (let at = 0, turn = 0; at < bytes.length; turn++) {
        const size = sizes[turn % sizes.length] ?? 1
        frames.push(...decoder.push(bytes.subarray(at, at + size)))
        at += size
      }
      decoder.end()
      const found = frames.map(
        ({ headers, payload }) => `${headers.get(':event-type')} ${payload.toString('hex')}`,
      )
      const wanted = [
        ...parts.map(part => `PayloadChunk ${part.toString('hex')}`),
        `InvokeComplete ${Buffer.from('{}').toString('hex')}`,
      ]
      return found.join() === wanted.join()
    }),
  )
})

t.test('payloads stay what they were when more bytes come', async t => {
  const decoder = new EventFrameDecoder()
  const [first] = decoder.push(Buffer.concat([payloadFrame(Buffer.from('first')), Buffer.alloc(3)]))
  decoder.push(Buffer.alloc(2, 0xff))
  t.equal(first?.payload.toString(), 'first')
})

t.test('a bit that was flipped anywhere is noticed', async () => {
  const whole = payloadFrame(Buffer.from('payload'))
  fc.assert(
    fc.property(fc.nat(whole.length * 8 - 1), bit => {
      const bytes = Buffer.from(whole)
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      try {
        return decode(bytes).length === 0
      } catch (error) {
        return (error as { code?: string }).code === 'protocol'
      }
    }),
    { numRuns: 300 },
  )
})

t.test('headers of all types are passed over, and texts are read', async t => {
  const name = (text: string, type: number): number[] => [text.length, ...Buffer.from(text), type]
  const headers = Buffer.from([
    ...name('t', 0),
    ...name('f', 1),
    ...name('b', 2),
    1,
    ...name('s', 3),
    1,
    2,
    ...name('i', 4),
    1,
    2,
    3,
    4,
    ...name('l', 5),
    ...Buffer.alloc(8),
    ...name('y', 6),
    0,
    2,
    9,
    9,
    ...name('d', 8),
    ...Buffer.alloc(8),
    ...name('u', 9),
    ...Buffer.alloc(16),
    ...name('x', 7),
    0,
    2,
    104,
    105,
  ])
  const [frame] = decode(frameOf(headers, Buffer.from('p')))
  t.same([...(frame?.headers ?? [])], [['x', 'hi']])
  t.equal(frame?.payload.toString(), 'p')
})

t.test('what can not be is refused before it is gathered', async t => {
  const prelude = (length: number, headers: number): Buffer => {
    const bytes = Buffer.alloc(12)
    bytes.writeUInt32BE(length, 0)
    bytes.writeUInt32BE(headers, 4)
    bytes.writeUInt32BE(crc32(bytes.subarray(0, 8)), 8)
    return bytes
  }
  for (const bytes of [
    prelude(0, 0),
    prelude(15, 0),
    prelude(20, 10),
    prelude(0xffffffff, 0),
    prelude(0x7fffffff, 0x7fffff00),
    frameOf(Buffer.from([1]), Buffer.alloc(0)),
    frameOf(Buffer.from([1, 120, 7, 0, 9, 1]), Buffer.alloc(0)),
    frameOf(Buffer.from([1, 120, 4, 0]), Buffer.alloc(0)),
    frameOf(Buffer.from([1, 120, 77]), Buffer.alloc(0)),
  ])
    t.throws(() => new EventFrameDecoder().push(bytes), { code: 'protocol' }, bytes.toString('hex'))
})

t.test('an end within a frame is none', async t => {
  t.throws(() => decode(payloadFrame(Buffer.from('x')).subarray(0, 20)), { code: 'protocol' })
})
