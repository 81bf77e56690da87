import fc from 'fast-check'
import t from 'tap'
import { frame, MessageFraming } from '../../../../src/proxy/dns/message-framing.ts'

function takeAll(framing: MessageFraming): Buffer[] {
  const messages: Buffer[] = []
  for (let next = framing.take(); next !== undefined; next = framing.take()) messages.push(next)
  return messages
}

t.test('messages come out whole, wherever the stream is split', async () => {
  const message = fc.uint8Array({ minLength: 12, maxLength: 60 }).map(bytes => Buffer.from(bytes))
  fc.assert(
    fc.property(fc.array(message), fc.array(fc.nat(200)), (messages, cuts) => {
      const stream = Buffer.concat(messages.map(frame))
      const framing = new MessageFraming(60)
      const taken: Buffer[] = []
      let at = 0
      for (const cut of [...cuts.toSorted((a, b) => a - b), stream.length]) {
        framing.push(stream.subarray(at, Math.max(at, cut)))
        at = Math.max(at, cut)
        taken.push(...takeAll(framing))
      }
      if (!Buffer.concat(taken).equals(Buffer.concat(messages))) throw new Error('differs')
      if (taken.length !== messages.length || framing.broken) throw new Error('is cut otherwise')
    }),
  )
})

t.test(
  'a length beyond the bound, or of no header, breaks the stream before its message',
  async t => {
    for (const length of [0, 11, 61, 65_535]) {
      const framing = new MessageFraming(60)
      framing.push(frame(Buffer.alloc(60)))
      framing.push(Buffer.from([length >> 8, length & 255]))
      t.equal(takeAll(framing).length, 1)
      t.equal(framing.broken, true, String(length))
      framing.push(frame(Buffer.alloc(60)))
      t.equal(framing.take(), undefined)
    }
  },
)
