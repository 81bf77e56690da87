import t from 'tap'
import { GrowingBuffer } from '../../../src/base/growing-buffer.ts'

t.test('what is appended stands behind what was there', async t => {
  const buffer = new GrowingBuffer()
  const text = 'the quick brown fox jumps over the lazy dog'
  for (const letter of text) buffer.append(Buffer.from(letter))
  t.equal(buffer.length, text.length)
  t.equal(buffer.bytes.toString(), text)
})

t.test('chunks are copied: their memory serves the next read', async t => {
  const buffer = new GrowingBuffer()
  const chunk = Buffer.from('lent')
  buffer.append(chunk)
  chunk.fill('!')
  t.equal(buffer.bytes.toString(), 'lent')
})

t.test('it grows by doubling, so that few chunks cause a copy of the whole', async t => {
  const buffer = new GrowingBuffer()
  const memory = new Set<ArrayBufferLike>()
  for (let count = 0; count < 64 * 1024; count++) {
    buffer.append(Buffer.from('x'))
    memory.add(buffer.bytes.buffer)
  }
  t.ok(memory.size <= 17, `${memory.size}`)
})

t.test('after clear it begins anew, and what was taken before stays', async t => {
  const buffer = new GrowingBuffer()
  buffer.append(Buffer.from('first'))
  const first = buffer.bytes
  buffer.clear()
  t.equal(buffer.length, 0)
  buffer.append(Buffer.from('second'))
  t.equal(first.toString(), 'first')
  t.equal(buffer.bytes.toString(), 'second')
})
